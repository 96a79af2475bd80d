"""Counts requests in place of recording each: a soak has millions. What failed is recorded, up to a limit."""

import threading
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

import msgspec

from rig.record import RecordWriter
from rig.record.histogram import bucket
from rig.record.lines.base import Line
from rig.record.lines.common import Request
from rig.traffic.actors.exchange import Exchange

FAILED_MAX = 200  # requests that are recorded
TIMED = ("ping", "beacon")  # actions with a latency series of their own; all others are one


@dataclass
class Window:
    """What happened between two samples: latencies in ms by instance and action, and how many requests failed."""

    latencies_ms: dict[tuple[str, str], list[float]] = field(default_factory=dict)
    failed: int = 0

    @property
    def requests(self) -> int:
        return sum(map(len, self.latencies_ms.values()))


class Tally(RecordWriter):
    """Takes the request lines of the actors. All other lines go to the record."""

    def __init__(self, recorder: RecordWriter) -> None:
        self._recorder = recorder
        self._lock = threading.Lock()
        self._window = Window()
        self._histograms: dict[str, Counter[int]] = {}
        self._failed = 0  # since the last `histograms`
        self._recorded = 0
        self._begun: Counter[str] = Counter()
        self._refused: Counter[str] = Counter()
        self._done: Counter[str] = Counter()
        self._offered = 0

    # --- the actors' side ---------------------------------------------------------------------------------------

    def about(self, scenario: str, variant: str) -> None:
        """There are no scenarios in a soak."""

    def mask(self, secret: str, placeholder: str) -> None:
        """Nothing is kept: the lines that are recorded hold no body, no reply and no command."""

    def add(self, line: Line) -> None:
        if not isinstance(line, Request):
            self._recorder.add(line)
            return
        failed = line.status is None or line.status >= 500
        latency_ms = line.seconds * 1000
        name = line.action if line.action in TIMED else "other"
        with self._lock:
            self._window.latencies_ms.setdefault((line.instance or "", name), []).append(latency_ms)
            self._window.failed += failed
            self._failed += failed
            self._histograms.setdefault(name, Counter())[bucket(latency_ms)] += 1
            self._recorded += failed
            kept = failed and self._recorded <= FAILED_MAX
        if kept:
            self._recorder.add(msgspec.structs.replace(line, body=None, reply=None, curl=""))

    def send(self, action: str, request: Callable[[], Exchange]) -> Exchange:
        """Send a request that may add rows, and count it by its action: before it is sent, and if it was refused."""
        with self._lock:
            self._begun[action] += 1
        exchange = request()
        offered = exchange.reply.get("offered") if exchange.ok and isinstance(exchange.reply, dict) else None
        with self._lock:
            self._refused[action] += exchange.status is not None and 400 <= exchange.status < 500
            self._done[action] += exchange.ok
            self._offered += offered if isinstance(offered, int) else 0
        return exchange

    # --- the sampler's side -------------------------------------------------------------------------------------

    def window(self) -> Window:
        """What happened since the last call."""
        with self._lock:
            window, self._window = self._window, Window()
            return window

    def histograms(self) -> tuple[dict[str, dict[str, int]], int]:
        """Latencies by action since the last call, and how many requests failed."""
        with self._lock:
            found = {name: {str(n): count for n, count in own.items()} for name, own in self._histograms.items()}
            failed, self._histograms, self._failed = self._failed, {}, 0
            return found, failed

    def may_have(self) -> Mapping[str, int]:
        """By action, how many requests may have taken effect: those begun and not refused."""
        with self._lock:
            return {action: begun - self._refused[action] for action, begun in self._begun.items()}

    def offers(self, mitras: int) -> int:
        """How many offers there may be: those answered, and one to each mitra for a payment without a known answer."""
        with self._lock:
            unknown = self._begun["pay"] - self._refused["pay"] - self._done["pay"]
            return self._offered + unknown * mitras
