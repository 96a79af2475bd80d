"""Takes the samples of a soak, in a thread of its own, and notes what explains a step: restarts, other stores, the clock."""

import threading
import time
from collections.abc import Callable

import httpx
import psycopg
import redis

from rig.environment.mirror_drift import reader
from rig.environment.testbed import Testbed
from rig.observe import CannotObserve
from rig.record import RecordWriter
from rig.record.histogram import quantile
from rig.record.lines.soak import SoakEvent, SoakLatency, SoakSample
from rig.runs.soak.calm import Calm
from rig.runs.soak.clock import SteadyClock
from rig.runs.soak.drift import DriftWatch
from rig.runs.soak.looks import InstanceLook, PostgresLook, Rates, ValkeyLook
from rig.runs.soak.rows import Rows
from rig.traffic.churn.lives import World
from rig.traffic.churn.tally import Window

SLOW_EVERY = 6  # rows and keys are counted in each sixth sample
LATENCY_EVERY_S = 3600.0  # of the written cadences
LAG_MAX_S = 0.2  # above it the rig itself was too slow to measure
COUNT_MIN = 8  # requests, for a latency
STOP_S = 20.0
ERRORS = (redis.RedisError, psycopg.Error, httpx.HTTPError, CannotObserve, OSError)

Look = Callable[[], dict[str, float]]


class Sampler:
    """A thread. `error` is what ended it early; a store that does not answer ends nothing."""

    def __init__(
        self, testbed: Testbed, world: World, record: RecordWriter, calm: Calm, clock: SteadyClock, *,
        part: int, every_s: float, factor: float,
    ) -> None:  # fmt: skip
        self._testbed, self._world, self._record, self._calm, self._clock = testbed, world, record, calm, clock
        self._part, self._every_s = part, every_s
        rates = Rates()
        self._valkey, self._postgres = ValkeyLook(testbed, rates), PostgresLook(testbed, rates)
        self._instances = InstanceLook(testbed)
        self._rows = Rows(testbed, world)
        self._latencies = Latencies()
        self._drift = DriftWatch(reader(testbed), clock.now)
        self._known: dict[str, object] = {}
        self._taken = 0
        self._last = time.monotonic()
        self._latency_every_s = LATENCY_EVERY_S / factor
        self._latency_since = clock.now()
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="soak-sampler", daemon=True)
        self.error: BaseException | None = None

    def __enter__(self) -> "Sampler":
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stopping.set()
        self._thread.join(STOP_S)
        self._instances.close()
        for line in self._drift.end():
            self._record.add(line)
        self._note_latency()

    @property
    def headroom(self) -> dict[str, float]:
        """The limits that the stores tell, by series."""
        return {"postgres.connections": float(self._postgres.most)} if self._postgres.most else {}

    def first_look(self) -> None:
        """Learn what the stores and processes are, before the first sample. Errors come through."""
        self._postgres.read()
        self._valkey.read()
        self._instances.read()
        self._identities()

    def _run(self) -> None:
        due = time.monotonic()
        try:
            while not self._stopping.wait(max(0.0, due - time.monotonic())):
                self.sample()
                due = max(due + self._every_s, time.monotonic())
        except BaseException as error:  # a thread's exception would be lost: the run raises it
            self.error = error

    def sample(self) -> None:
        """Take one sample and record it."""
        began, began_at = self._last, self._clock.now()
        self._last = time.monotonic()
        seconds = self._last - began
        for event in self._clock.events():
            self._record.add(event)
        window = self._world.tally.window()
        values = {"requests_per_s": round(window.requests / seconds, 2), **self._latencies.read(window)}
        missed: dict[str, str] = {}
        lag_s = self._testbed.lag.worst(time.time() - seconds)
        values["rig.lag_ms"] = round(lag_s * 1000, 1)
        slow = self._taken % SLOW_EVERY == 0
        groups: dict[str, Look] = {
            "valkey": self._valkey.read, "postgres": self._postgres.read, "instances": self._instances.read,
            **({"rows": self._rows.read, "keys": self._valkey.keys} if slow else {}),
            "drift": lambda: self._look_for_drift(began),
        }  # fmt: skip
        for name, look in groups.items():
            try:
                values |= look()
            except ERRORS as error:
                missed[name] = " ".join(str(error).split())[:200]
        self._taken += 1
        restarted = self._identities()
        calm = self._calm.since(began) and lag_s <= LAG_MAX_S and not restarted
        values["requests.failed_per_min"] = round(60 * window.failed / seconds, 2)
        self._record.add(SoakSample(t=began_at, part=self._part, values=values, calm=calm, missed=missed))
        if self._clock.now() - self._latency_since >= self._latency_every_s:
            self._note_latency()

    def _look_for_drift(self, since: float) -> dict[str, float]:
        values, over = self._drift.look(self._calm.since(since))
        for line in over:
            self._record.add(line)
        return values

    def _identities(self) -> bool:
        """Note each store and instance that is another process than before. Returns whether there was one."""
        now: dict[str, object] = {
            "valkey": self._valkey.run_id,
            "postgres": self._postgres.started,
            **self._instances.pids,
        }
        changed = [scope for scope, identity in now.items() if scope in self._known and self._known[scope] != identity]
        self._known |= now
        ours = not self._calm.since(time.monotonic())
        for scope in changed:
            store = scope in ("valkey", "postgres")
            text = f"{scope} was restarted, or is another store" if store else f"instance {scope} was restarted"
            for of in (scope, "servers") if not store else (scope,):
                self._record.add(SoakEvent(t=self._clock.now(), name="restart", scope=of, text=text, ours=ours))
        return bool(changed)

    def _note_latency(self) -> None:
        now = self._clock.now()
        histograms, failed = self._world.tally.histograms()
        line = SoakLatency(t=now, part=self._part, since=self._latency_since, histograms=histograms, failed=failed)
        self._latency_since = now
        if histograms:
            self._record.add(line)


class Latencies:
    """Median and p99 in ms by instance and action, of at least COUNT_MIN requests: those of several samples, if these are few."""

    def __init__(self) -> None:
        self._found: dict[tuple[str, str], list[float]] = {}

    def read(self, window: Window) -> dict[str, float]:
        """The series for which there are enough requests since they were told last."""
        values = {}
        for of, more in window.latencies_ms.items():
            found = [*self._found.pop(of, []), *more]
            if len(found) < COUNT_MIN:
                self._found[of] = found
            elif of[0]:
                name = ".".join(of)
                values[f"{name}.ms"] = round(quantile(found, 0.5) or 0.0, 3)
                values[f"{name}.p99_ms"] = round(quantile(found, 0.99) or 0.0, 3)
        return values
