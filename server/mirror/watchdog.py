"""Notices what no connection tells (FLUSHDB, a restart, a hang) and ends each outage with a seed."""

import asyncio
import random
import time
from contextlib import suppress
from typing import Any

from server.errors import ServiceUnavailable
from server.log import log, log_defect
from server.mirror import keys
from server.mirror.client import MirrorUnavailable, Valkey, connect, end
from server.mirror.cut_off import CutOff
from server.mirror.keys import is_uuid
from server.mirror.seed import Seeder
from server.mirror.settings import AppConfig
from server.mirror.writes import Writes

LOOK_EVERY_S = 1.0
LOOK_WHEN_COLD_S = 0.25
START_TRIES_S = 5.0


class Watchdog:
    def __init__(self, valkey: Valkey, seeder: Seeder, writes: Writes, config: AppConfig, cut_off: CutOff) -> None:
        self._connections = 0  # made so far
        self._asked_by: int | None = None  # which of them answered last; None: the last look failed
        self._own = connect(valkey.url, 1, self._connected)
        self._valkey = valkey
        self._seeder = seeder
        self._writes = writes
        self._config = config
        self._cut_off = cut_off
        self._task: asyncio.Task[None] | None = None
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

    def start(self) -> None:
        self._cut_off.listen(self._heard)
        self._task = asyncio.create_task(self._run())

    def _heard(self, mitra_id: str) -> None:
        if is_uuid(mitra_id):
            self._writes.owe(mitra_id)
            self._valkey.wake.set()

    async def stop(self) -> None:
        await end(self._task)
        await self._cut_off.stop()
        await self._own.aclose()

    async def reseed(self) -> None:
        """The periodic full seed: heartbeats that are there stay."""
        await self._seed(grace=False)

    async def _seed(self, *, grace: bool) -> bool:
        try:
            await self._seeder.seed(grace=grace)
        except (MirrorUnavailable, ServiceUnavailable, TimeoutError) as error:
            self._valkey.reason = str(error) or type(error).__name__
            return False
        if grace:
            self.recovered_at = time.monotonic()
        self._valkey.wake.set()  # what is owed is settled now
        return True

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
            self._asked_by = None
            if not self._valkey.warm:
                await self._cut_off.hold()
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
            await self._cut_off.hold()
            await asyncio.sleep(LOOK_WHEN_COLD_S)

    async def _ask(self) -> tuple[str, str]:
        """run_id and epoch by the watchdog's own connection; its failures count as Valkey's."""
        async with self._own.pipeline(transaction=False) as pipeline:
            pipeline.info("server", "memory")
            pipeline.type(keys.EPOCH)
            info, kind = await self._valkey.bounded(pipeline.execute())
        self._look_at_policy(info.get("maxmemory_policy", ""))
        epoch: Any = await self._valkey.bounded(self._own.get(keys.EPOCH)) if kind == "string" else None
        return info["run_id"], epoch or ""

    def _look_at_policy(self, policy: str) -> None:
        """An alert, once a change: under allkeys-* a full Valkey drops what the mirror takes for the truth."""
        if policy == self._valkey.eviction_policy:
            return
        self._valkey.eviction_policy = policy
        if alert := self._valkey.eviction_alert:
            log(f"[valkey] {alert}")

    async def _settle_debts(self) -> None:
        """Writes and invalidations that failed while Valkey was away or refused them."""
        await self._writes.retry_dirty()
        if self._config.invalidation_owed:
            await self._config.tell(self._config.invalidation_owed)
        if self._valkey.warm and not self._writes.dirty:
            self._cut_off.release()
