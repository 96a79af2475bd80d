"""The requests of a rehearsal: counted per step, and kept as far as a wrongful offline is judged by them."""

import statistics
import threading
from collections import defaultdict
from collections.abc import Callable, Collection, Iterable

from rig.record import RecordWriter
from rig.record.lines.base import Line
from rig.record.lines.common import Request
from rig.record.lines.cutover import CutoverLatency, CutoverTraffic
from rig.traffic.churn.tally import Tally

EXAMPLES_MAX = 10
ASKED = ("offline", "logout", "deactivate")  # actions after which a mitra is offline by her own or an operator's will
AROUND_S = 1.0  # between a request and the row that it causes


class Ledger(Tally):
    """Takes the request lines of the actors in place of the record. `restarting`: instances that take no requests now."""

    def __init__(self, recorder: RecordWriter, restarting: Callable[[], Collection[str]]) -> None:
        super().__init__(recorder)
        self._restarting = restarting
        self._own = threading.Lock()
        self._counts = [0, 0, 0, 0]
        self._examples: list[str] = []
        self.pings: dict[str, list[float]] = defaultdict(list)  # ends of those answered online, by mitra
        self._asked: dict[str, list[tuple[float, float]]] = defaultdict(list)

    def add(self, line: Line) -> None:
        if not isinstance(line, Request):
            super().add(line)
            return
        failed = line.status is not None and line.status >= 500
        restarting = line.status is None and (line.instance or "") in self._restarting()
        unanswered = line.status is None and not restarting
        with self._own:
            for number, what in enumerate((True, failed, unanswered, restarting)):
                self._counts[number] += what
            if (failed or unanswered) and len(self._examples) < EXAMPLES_MAX:
                self._examples.append(
                    f"{line.started:.3f} {line.action} at {line.instance}: {line.status or line.error}"
                )
            self._note(line)
        super().add(line)

    def _note(self, line: Request) -> None:
        online = isinstance(line.reply, dict) and line.reply.get("is_online") is True
        if line.action in ("ping", "online") and line.status == 200 and online and line.subject:
            self.pings[line.subject].append(line.ended)
        elif line.action in ASKED:
            mitra = line.url.rpartition("/")[2] if line.action == "deactivate" else line.subject
            self._asked[mitra or ""].append((line.started, line.ended))

    def traffic(self, step: str, t: float) -> CutoverTraffic:
        """What happened since the last call, as the line of that step."""
        with self._own:
            requests, failed, unanswered, restarting = self._counts
            examples, self._examples, self._counts = self._examples, [], [0, 0, 0, 0]
        return CutoverTraffic(
            t=t, step=step, requests=requests, failed=failed, unanswered=unanswered, to_restarting=restarting,
            examples=examples,
        )  # fmt: skip

    def latency(self, step: str, t: float) -> CutoverLatency | None:
        """Latencies since the last call; None if there was no request."""
        times = [value for values in self.window().latencies_ms.values() for value in values]
        if len(times) < 2:
            return None
        cuts = statistics.quantiles(times, n=20)
        return CutoverLatency(
            t=t, step=step, requests=len(times), p50_ms=round(cuts[9], 2), p95_ms=round(cuts[18], 2)
        )  # fmt: skip

    def wrongful(self, rows: Iterable[tuple[str, float]], stale_s: float) -> list[str]:
        """Of the rows (mitra, epoch seconds) that say offline those that nobody asked for and no silence explains."""
        with self._own:
            return [
                f"{mitra} at {at:.3f}, {at - last:.1f} s after a ping that was answered"
                for mitra, at in rows
                if (last := self._last_ping(mitra, at)) is not None
                and at - last < stale_s - AROUND_S
                and not any(began - AROUND_S <= at <= ended + AROUND_S for began, ended in self._asked[mitra])
            ]

    def _last_ping(self, mitra: str, at: float) -> float | None:
        return max((ended for ended in self.pings[mitra] if ended < at), default=None)
