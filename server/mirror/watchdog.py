"""Notices what no connection tells (FLUSHDB, a restart, a hang) and ends each outage with a seed."""

import asyncio
import random
import time
from contextlib import suppress
from typing import Any

from asyncpg import Connection
from redis.exceptions import ResponseError

from server.errors import ServiceUnavailable
from server.inputs import is_uuid
from server.log import log, log_defect
from server.mirror import keys
from server.mirror.client import MirrorUnavailable, Valkey, command_of, connect, end, one_line
from server.mirror.clock import steady_ms
from server.mirror.coordinator import InstanceCoordinator
from server.mirror.seed import Seeder
from server.mirror.settings import AppConfig
from server.mirror.writes import Writes
from server.seldom import Seldom

LOOK_EVERY_S = 1.0
LOOK_WHEN_COLD_S = 0.25
START_TRIES_S = 5.0
COMPLAINS_EVERY_S = 10.0  # of a mirror that cannot be built


class Watchdog:
    """Notices an outage, and ends it by a seed."""

    def __init__(
        self, valkey: Valkey, seeder: Seeder, writes: Writes, config: AppConfig, coordinator: InstanceCoordinator
    ) -> None:
        self._connections = 0  # made so far
        self._asked_by: int | None = None  # which of them answered last; None: the last look failed
        self._own = connect(valkey.url, 1, self._connected)
        self._valkey = valkey
        self._seeder = seeder
        self._writes = writes
        self._config = config
        self._coordinator = coordinator
        coordinator.restored = self._restored
        self._task: asyncio.Task[None] | None = None
        self._steps_heeded = 0
        self._complaint = Seldom(COMPLAINS_EVERY_S)
        self.recovered_at = time.monotonic()  # when the mirror was last rebuilt with fresh heartbeats

    async def _connected(self, connection: object) -> None:
        self._connections += 1

    async def first_seed(self) -> None:
        """The seed of the start. Without Valkey it is given up after 5 s and comes when Valkey answers."""
        deadline = time.monotonic() + START_TRIES_S
        while not await self._seed(grace=True):
            if time.monotonic() > deadline:
                log(f"[valkey-mirror] starting without Valkey: {self._valkey.reason}")
                return
            await asyncio.sleep(LOOK_WHEN_COLD_S)

    async def listen(self, within_s: float) -> None:
        """Hear of changes from now on; wait `within_s` at most until that is so."""
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

    async def _missed(self, connection: Connection) -> None:
        """Notifications may have been missed: look what has changed."""
        self._config.reading_owed = True
        with suppress(MirrorUnavailable):  # then a seed follows anyway
            await self._writes.compare_all(connection)

    def _restored(self, why: str) -> None:
        self._valkey.counts["postgres_restored"] += 1
        if self._valkey.warm:
            log(f"[valkey-mirror] Postgres is not the one that the mirror was built from: {why}. Seeding anew")
        self._valkey.cold("Postgres has another history than the mirror")

    async def stop(self) -> None:
        await end(self._task)
        await self._coordinator.stop()
        await self._own.aclose()

    async def reseed(self) -> None:
        """The periodic full seed: heartbeats that are there stay."""
        await self._seed(grace=False)

    async def _seed(self, *, grace: bool) -> bool:
        try:
            grace = await self._seeder.seed(grace=grace)
        except (MirrorUnavailable, ServiceUnavailable, TimeoutError) as error:
            self._valkey.reason = getattr(error, "cause", "") or str(error) or type(error).__name__
            self._valkey.counts["seed_failures"] += 1
            self._complain("a seed failed, the next one follows")
            return False
        if grace:
            self.recovered_at = time.monotonic()
        self._valkey.wake.set()  # what is owed is settled now
        return True

    def _complain(self, what: str) -> None:
        if self._complaint.due():
            state = "the mirror stays as it is" if self._valkey.warm else "Postgres answers"
            log(f"[valkey-mirror] {what}; {state}: {self._valkey.reason}")

    async def _run(self) -> None:
        while True:
            pause = LOOK_EVERY_S if self._valkey.warm else LOOK_WHEN_COLD_S * random.uniform(0.6, 1.4)
            with suppress(TimeoutError):
                async with asyncio.timeout(pause):
                    await self._valkey.wake.wait()
            self._valkey.wake.clear()
            try:
                await self._look()
            except Exception as error:  # without its looks nothing would ever end an outage
                log_defect("watchdog", error)

    async def _look(self) -> None:
        try:
            run_id, epoch = await self._ask()
        except MirrorUnavailable:
            if self._asked_by is not None:
                self._complaint.wait()  # that an outage begins is said by whoever notices
            self._asked_by = None
            if not self._valkey.warm:
                self._complain("Valkey still does not answer")
                await asyncio.sleep(LOOK_WHEN_COLD_S)
            else:
                await self._valkey.check_writes()
            return
        # Nobody may have been refused meanwhile, yet a lost connection is an outage, short as it was.
        if self._valkey.warm and self._asked_by not in (None, self._connections):
            self._valkey.cold("the connection was lost")
        self._asked_by = self._connections
        expected = f"{run_id}|{self._seeder.identity}|"
        if self._valkey.warm and self._seeder.identity and epoch.startswith(expected):
            await self._valkey.check_writes()
            await self._settle_debts()
            return
        if self._valkey.warm:
            self._valkey.cold("the mirror was lost")
        if not await self._seed(grace=True):
            await asyncio.sleep(LOOK_WHEN_COLD_S)

    async def _ask(self) -> tuple[str, str]:
        """run_id and epoch by the watchdog's own connection; its failures count as Valkey's."""
        asked_ms = steady_ms()
        async with self._own.pipeline(transaction=False) as pipeline:
            pipeline.info("server")  # one section each: Redis 6 takes no two
            pipeline.info("memory")
            pipeline.type(keys.EPOCH)
            info, memory, kind = await self._valkey.bounded(pipeline.execute(raise_on_error=False))
        for reply in (info, memory, kind if self._valkey.warm else None):
            if isinstance(reply, ResponseError):  # while cold, a seed tells what is wrong about a Valkey without keys
                raise self._valkey.refusal(one_line(reply))
        if "server_time_usec" in info:  # one too old for that is refused by the seed
            self._valkey.clock.hear(int(info["server_time_usec"]) // 1000, asked_ms)
        self._look_at_policy(memory.get("maxmemory_policy", ""))
        epoch: Any = await self._valkey.bounded(command_of(self._own, "GET", keys.EPOCH)) if kind == "string" else None
        return info["run_id"], epoch or ""

    def _look_at_policy(self, policy: str) -> None:
        """An alert, once a change: under allkeys-* a full Valkey drops what the mirror takes for the truth."""
        if policy == self._valkey.eviction_policy:
            return
        self._valkey.eviction_policy = policy
        if alert := self._valkey.eviction_alert:
            log(f"[valkey] {alert}")

    async def _settle_debts(self) -> None:
        """Writes and invalidations that failed while Valkey was away or refused them, and what others could not write."""
        try:
            await self._writes.compare_heard()
        except MirrorUnavailable:
            return
        await self._writes.retry_dirty()
        await self._config.settle()
        await self._heed_steps()
        if self._valkey.warm:
            await self._coordinator.release_sweeps(lambda: bool(self._writes.dirty) or self._clock_was_wrong())

    def _clock_was_wrong(self) -> bool:
        return self._valkey.clock.stepped_within(self._config.stale_after)

    async def _heed_steps(self) -> None:
        """Pings that we carried by a wrong clock (a machine that was paused) may look stale to others: nobody sweeps for W."""
        steps = self._valkey.clock.steps
        if steps == self._steps_heeded:
            return
        with suppress(ServiceUnavailable):
            await self._coordinator.block_sweeps()
            self._steps_heeded = steps
