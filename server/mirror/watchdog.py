"""Detects outages that no connection reports (FLUSHDB, a restart, a hang), and ends each outage with a seed."""

import asyncio
import random
import time
from contextlib import suppress
from typing import Any

from asyncpg import Connection
from redis.exceptions import ResponseError

from server.errors import ServiceUnavailable
from server.log import log, log_defect
from server.log_throttle import LogThrottle
from server.mirror import keys
from server.mirror.client import MirrorUnavailable, Valkey, command_of, connect, end, one_line
from server.mirror.clock import steady_ms
from server.mirror.coordinator import InstanceCoordinator
from server.mirror.seed import Seeder
from server.mirror.settings import AppConfig
from server.mirror.writes import WRITER_FIRST_S, Writes
from server.request_models import is_uuid

CHECK_EVERY_S = 1.0
CHECK_IN_OUTAGE_EVERY_S = 0.25
START_TRIES_S = 5.0
COMPARED_TOGETHER_S = 0.2  # changes that are heard within this time are looked up at once
LOG_FAILURES_EVERY_S = 10.0  # at most, while the mirror cannot be built


class Watchdog:
    """Checks Valkey each second, opens the circuit when it has failed, and seeds when it answers again."""

    def __init__(
        self, valkey: Valkey, seeder: Seeder, writes: Writes, config: AppConfig, coordinator: InstanceCoordinator
    ) -> None:
        self._connections = 0  # how many were opened so far
        self._asked_by: int | None = None  # number of the connection of the last check; None: that check failed
        self._own = connect(valkey.url, 1, self._connected)
        self._valkey = valkey
        self._seeder = seeder
        self._writes = writes
        self._config = config
        self._coordinator = coordinator
        coordinator.restored = self._restored
        self._task: asyncio.Task[None] | None = None
        self._steps_handled = 0
        self._compares_at = 0.0  # by the event loop's clock; the latest planned check for changes that were heard
        self._failure_log = LogThrottle(LOG_FAILURES_EVERY_S)
        self.recovered_at = time.monotonic()  # when a seed last gave every online mitra a fresh heartbeat

    async def _connected(self, connection: object) -> None:
        self._connections += 1

    async def first_seed(self) -> None:
        """The seed at the start. Without Valkey the start goes on after 5 s, and the seed follows when Valkey answers."""
        deadline = time.monotonic() + START_TRIES_S
        while not await self._seed(grace=True):
            if time.monotonic() > deadline:
                log(f"[valkey-mirror] starting without Valkey: {self._valkey.reason}")
                return
            await asyncio.sleep(CHECK_IN_OUTAGE_EVERY_S)

    async def listen(self, within_s: float) -> None:
        """Start to listen for changes; wait for the connection for `within_s` at most."""
        self._coordinator.listen(self._heard, self._missed)
        with suppress(TimeoutError):
            async with asyncio.timeout(within_s):
                await self._coordinator.linked.wait()

    def start(self) -> None:
        self._task = asyncio.create_task(self._run())

    def _heard(self, notification: str) -> None:
        subject, *rest = notification.split(" ")
        if subject == "setting":
            self._config.reading_owed = True
        elif is_uuid(subject) and rest and rest[0].isdecimal():
            self._writes.hear(subject, int(rest[0]), " ".join(rest[1:]))
            self._plan_comparison()

    def _plan_comparison(self) -> None:
        """Check when the writer of this change has had its time: the next regular check may come too late for 1 s in sum."""
        loop = asyncio.get_running_loop()
        if loop.time() + WRITER_FIRST_S > self._compares_at:
            self._compares_at = loop.time() + WRITER_FIRST_S + COMPARED_TOGETHER_S
            loop.call_at(self._compares_at, self._valkey.wake.set)

    async def _missed(self, connection: Connection) -> None:
        """Notifications may have been missed: read what has changed."""
        self._config.reading_owed = True
        with suppress(MirrorUnavailable):  # a seed follows in that case
            await self._writes.compare_all(connection)

    def _restored(self, why: str) -> None:
        self._valkey.counts["postgres_restored"] += 1
        if self._valkey.circuit_closed:
            log(f"[valkey-mirror] Postgres is not the one that the mirror was built from: {why}. Seeding anew")
        self._valkey.open_circuit("Postgres has another history than the mirror")

    async def stop(self) -> None:
        await end(self._task)
        await self._coordinator.stop()
        await self._own.aclose()

    async def reseed(self) -> None:
        """The periodic full seed; existing heartbeats stay."""
        await self._seed(grace=False)

    async def _seed(self, *, grace: bool) -> bool:
        try:
            grace = await self._seeder.seed(grace=grace)
        except (MirrorUnavailable, ServiceUnavailable, TimeoutError) as error:
            self._valkey.reason = getattr(error, "cause", "") or str(error) or type(error).__name__
            self._valkey.counts["seed_failures"] += 1
            self._log_failure("a seed failed, the next one follows")
            if isinstance(error, MirrorUnavailable) and not self._valkey.circuit_closed:
                await self._reconnect()
            return False
        if grace:
            self.recovered_at = time.monotonic()
        self._valkey.wake.set()  # settle debts at once
        return True

    async def _reconnect(self) -> None:
        """Let the next try open new connections: a demoted primary keeps those that it has, and refuses writes for ever."""
        for client in (self._valkey.redis, self._own):
            await client.connection_pool.disconnect()

    def _log_failure(self, what: str) -> None:
        if self._failure_log.due():
            state = "the mirror stays as it is" if self._valkey.circuit_closed else "Postgres answers"
            log(f"[valkey-mirror] {what}; {state}: {self._valkey.reason}")

    async def _run(self) -> None:
        while True:
            pause = CHECK_EVERY_S if self._valkey.circuit_closed else CHECK_IN_OUTAGE_EVERY_S * random.uniform(0.6, 1.4)
            with suppress(TimeoutError):
                async with asyncio.timeout(pause):
                    await self._valkey.wake.wait()
            self._valkey.wake.clear()
            try:
                await self._look()
            except Exception as error:  # without further checks nothing would end an outage
                log_defect("watchdog", error)

    async def _look(self) -> None:
        try:
            run_id, epoch = await self._ask()
        except MirrorUnavailable:
            if self._asked_by is not None:
                self._failure_log.restart()  # the begin of an outage is logged where it is noticed
            self._asked_by = None
            if not self._valkey.circuit_closed:
                self._log_failure("Valkey still does not answer")
                await asyncio.sleep(CHECK_IN_OUTAGE_EVERY_S)
            else:
                await self._valkey.check_writes()
            return
        # A lost connection is an outage, even if no call failed meanwhile.
        if self._valkey.circuit_closed and self._asked_by not in (None, self._connections):
            self._valkey.open_circuit("the connection was lost")
        self._asked_by = self._connections
        expected = f"{run_id}|{self._seeder.identity}|"
        if self._valkey.circuit_closed and self._seeder.identity and epoch.startswith(expected):
            await self._valkey.check_writes()
            await self._settle_debts()
            return
        if self._valkey.circuit_closed:
            self._valkey.open_circuit("the mirror was lost")
        if not await self._seed(grace=True):
            await asyncio.sleep(CHECK_IN_OUTAGE_EVERY_S)

    async def _ask(self) -> tuple[str, str]:
        """Valkey's run_id and the epoch, read on the watchdog's own connection. Raises MirrorUnavailable."""
        asked_ms = steady_ms()
        async with self._own.pipeline(transaction=False) as pipeline:
            pipeline.info("server")  # one section each: Redis 6 takes no two
            pipeline.info("memory")
            pipeline.type(keys.EPOCH)
            info, memory, kind = await self._valkey.bounded(pipeline.execute(raise_on_error=False))
        for reply in (info, memory, kind if self._valkey.circuit_closed else None):
            if isinstance(reply, ResponseError):  # while the circuit is open, a seed reports what is wrong
                raise self._valkey.refusal(one_line(reply))
        if "server_time_usec" in info:  # a Valkey that is too old to send it is refused by the seed
            self._valkey.clock.update(int(info["server_time_usec"]) // 1000, asked_ms)
        self._check_policy(memory.get("maxmemory_policy", ""))
        epoch: Any = await self._valkey.bounded(command_of(self._own, "GET", keys.EPOCH)) if kind == "string" else None
        return info["run_id"], epoch or ""

    def _check_policy(self, policy: str) -> None:
        """Log an alert once per change: under allkeys-* a full Valkey evicts keys that the mirror relies on."""
        if policy == self._valkey.eviction_policy:
            return
        self._valkey.eviction_policy = policy
        if alert := self._valkey.eviction_alert:
            log(f"[valkey] {alert}")

    async def _settle_debts(self) -> None:
        """Repeat writes and invalidations that have failed, and writes that other instances could not make."""
        try:
            await self._writes.compare_heard()
        except MirrorUnavailable:
            return
        await self._writes.retry_dirty()
        await self._config.settle()
        await self._block_after_clock_step()
        if self._valkey.circuit_closed:
            await self._coordinator.release_sweeps(lambda: bool(self._writes.dirty) or self._clock_was_wrong())

    def _clock_was_wrong(self) -> bool:
        return self._valkey.clock.stepped_within(self._config.stale_after)

    async def _block_after_clock_step(self) -> None:
        """Block sweeps for W: pings that this instance wrote by a wrong clock may look stale to others."""
        steps = self._valkey.clock.steps
        if steps == self._steps_handled:
            return
        with suppress(ServiceUnavailable):
            await self._coordinator.block_sweeps()
            self._steps_handled = steps
