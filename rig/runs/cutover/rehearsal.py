"""One rehearsal: the stores, the instances and the traffic of it, and what its steps are made of."""

import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field

import redis

from rig.contract import SEED_LINE
from rig.environment.mirror_drift import reader
from rig.environment.testbed import Testbed
from rig.observe import Mirror, ServerLog, Tables
from rig.record.lines.cutover import CutoverInstance, CutoverLook, CutoverSeed, CutoverSql
from rig.runs.common.failures import Exits
from rig.runs.cutover.people import Ledger
from rig.runs.cutover.plan import Pace
from rig.runs.cutover.stores import Counters, Ways
from rig.stack import ServerInstance
from rig.stack.embedded.profiled_valkey import ProfiledValkey
from rig.traffic.churn.lives import World

INSTANCES = ("a", "b")
SHADOW = "c"
DRAIN_S = 0.7  # requests under way end, as behind a balancer that takes an instance out first
LOOK_EVERY_S = 0.4
LOOKS_S = 12.0  # in which a difference may disappear
SEED_WAIT_S = 20.0
SAMPLE_EVERY_S = 2.0
TRANSACTIONS = "SELECT xact_commit + xact_rollback FROM pg_stat_database WHERE datname = current_database()"


class StepFailed(Exception):
    """A step did not reach what it is for; the message says why."""


class Aborted(Exception):
    """Somebody asked for the end of the rehearsal."""


@dataclass
class Rehearsal:
    """What the steps work with. `standing`: the store of each instance. `planted`: the defect, if there is one."""

    testbed: Testbed
    y: ProfiledValkey
    ways: Ways
    pace: Pace
    abort_requested: Callable[[], bool] = lambda: False
    planted: str = ""
    step: str = "preflight"
    standing: dict[str, str] = field(default_factory=lambda: dict.fromkeys(INSTANCES, "X"))

    def __post_init__(self) -> None:
        self._draining: set[str] = set()
        self.recorder = self.testbed.recorder
        self.ledger = Ledger(self.recorder, lambda: self._draining)
        self.mirrors = {"X": self.testbed.mirror, "Y": Mirror(self.y.url)}
        self.counters = {name: Counters(name, mirror) for name, mirror in self.mirrors.items()}
        self.exits = Exits(self.testbed)
        self.world: World | None = None
        self.began = time.time()
        self.used_on_x: set[str] = set()
        self._sql = Tables(self.testbed.stack.postgres.observer_url)
        self._transactions = time.monotonic(), self._counted()
        self._sampled = time.monotonic()

    def taking(self) -> list[ServerInstance]:
        """The instances that take requests."""
        servers = self.testbed.servers
        return [servers[name] for name in INSTANCES if name not in self._draining and servers[name].running]

    # --- time -----------------------------------------------------------------------------------------------------

    def pass_time(self, seconds: float) -> None:
        """Let the traffic run. Aborted if somebody asks for the end; raises what an actor raised."""
        until = time.monotonic() + seconds
        while True:
            self.check()
            left_s = until - time.monotonic()
            if left_s <= 0:
                return
            time.sleep(min(0.1, left_s))

    def check(self) -> None:
        if self.world is not None:
            self.world.lives.check()
        if self.exits.note():
            raise StepFailed("an instance exited by itself")
        if self.abort_requested():
            raise Aborted("the file `abort` was found in the run directory")
        self.sample()

    def sample(self) -> None:
        """Lines with the latencies and the transactions per second, each SAMPLE_EVERY_S. Without Postgres the latter lack."""
        now = time.monotonic()
        if now - self._sampled < SAMPLE_EVERY_S:
            return
        self._sampled = now
        if (line := self.ledger.latency(self.step, time.time())) is not None:
            self.recorder.add(line)
        with suppress(Exception):  # Postgres may be away: the requests show it
            at, before = self._transactions
            counted = self._counted()
            self._transactions = now, counted
            rate, over_s = (counted - before) / (now - at), now - at
            self.recorder.add(CutoverSql(t=time.time(), step=self.step, per_s=round(rate, 1), over_s=round(over_s, 3)))

    def _counted(self) -> int:
        return int(self._sql.query(TRANSACTIONS).value)

    # --- instances ------------------------------------------------------------------------------------------------

    def move(self, name: str, store: str) -> float:
        """Restart one instance with the VALKEY_URL of that store. Returns the time of its start."""
        server = self.testbed.servers[name]
        self._draining.add(name)
        try:
            time.sleep(DRAIN_S)
            self.testbed.stop(name)
            self._moved(name, self.standing[name], "left")
            server.overrides["VALKEY_URL"] = self.ways.url(name, store)
            self.testbed.start_together()
            self.standing[name] = store
            self._moved(name, store, "serves")
        finally:
            self._draining.discard(name)
        assert server.started is not None, "it has just been started"
        return server.started

    def _moved(self, name: str, store: str, event: str) -> None:
        self.recorder.add(CutoverInstance(t=time.time(), step=self.step, instance=name, store=store, event=event))

    def serves_from_the_start(self) -> None:
        for name in INSTANCES:
            self._moved(name, "X", "serves")

    def seeded(self, name: str, store: str, log: ServerLog, since: float, *, returned: bool = False) -> float | None:
        """Wait for the line of a seed since that moment, and record how long it took; None if none came.

        It is counted from the first line of the log since then: the start of an interpreter is no part of a seed. With
        `returned` it is counted from the moment itself, at which the store has returned.
        """
        seconds: float | None = None
        until = time.monotonic() + SEED_WAIT_S
        while seconds is None and time.monotonic() < until:
            if found := log.lines(since=since, containing=SEED_LINE):
                begin = since if returned else log.lines(since=since)[0][0]
                seconds = round(found[0][0] - begin, 3)
            else:
                time.sleep(0.05)
                self.check()
        told = f"the return of {store}" if returned else "the first line of its log"
        self.recorder.add(
            CutoverSeed(t=time.time(), step=self.step, instance=name, store=store, since=told, seconds=seconds)
        )
        return seconds

    # --- the mirror -----------------------------------------------------------------------------------------------

    def look(self, store: str, within_s: float = LOOKS_S) -> list[str]:
        """Compare the mirror of that store with Postgres until no difference lasts. Returns those that do."""
        read = reader(self.testbed, self.mirrors[store])
        until, looks, lasting = time.monotonic() + within_s, 0, {""}
        while lasting and time.monotonic() < until:
            lasting = {"the store does not answer"}
            with suppress(redis.RedisError):
                lasting = read()
                time.sleep(LOOK_EVERY_S)
                lasting &= read()
            looks += 1
            self.check()
        found = sorted(lasting)
        self.recorder.add(CutoverLook(t=time.time(), step=self.step, store=store, differences=found, looks=looks))
        return found

    def require_equal(self, store: str) -> None:
        """StepFailed if the mirror of that store differs from Postgres."""
        if found := self.look(store):
            raise StepFailed(f"{store} differs from Postgres: {found[0]}{' and more' if len(found) > 1 else ''}")

    def note_stores(self) -> None:
        """Lines of what both stores counted and of the requests since the last call, for the current step."""
        for counters in self.counters.values():
            with suppress(redis.RedisError):
                self.recorder.add(counters.line(self.step))
        self.recorder.add(self.ledger.traffic(self.step, time.time()))

    def close(self) -> None:
        self._sql.close()
        self.mirrors["Y"].close()
