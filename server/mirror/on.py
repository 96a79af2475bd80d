"""The mirror in Valkey: creates its parts and connects them."""

import asyncio
from contextlib import AbstractAsyncContextManager

from asyncpg import Connection

from server.config import Settings
from server.db import Database
from server.errors import ServiceUnavailable
from server.mirror.client import Valkey
from server.mirror.coordinator import InstanceCoordinator
from server.mirror.heartbeat import Heartbeat
from server.mirror.reads import Reads
from server.mirror.seed import Seeder
from server.mirror.settings import AppConfig, Subscriber
from server.mirror.sweeps import Sweeps
from server.mirror.watchdog import Watchdog
from server.mirror.writes import Writes

SUBSCRIBED_WITHIN_S = LISTENING_WITHIN_S = 1.0


class MirrorOn:
    """`Mirror` in Valkey. A failure of Valkey never raises; ServiceUnavailable means that Postgres failed."""

    def __init__(self, settings: Settings, db: Database) -> None:
        self._valkey = Valkey(settings.valkey_url)
        self.app_config = AppConfig(db, self._valkey)
        coordinator = InstanceCoordinator(db, lambda: self.app_config.stale_after)
        self._writes = Writes(db, self._valkey, coordinator)
        seeder = Seeder(db, self._valkey, coordinator)
        self._watchdog = Watchdog(self._valkey, seeder, self._writes, self.app_config, coordinator)
        self._sweeps = Sweeps(settings, db, self._valkey, self.app_config, self._writes, self._watchdog)
        self._subscriber = Subscriber(settings.valkey_url, self._valkey, self.app_config)
        reads = Reads(db, self._valkey, self.app_config)
        self.ping = Heartbeat(db, self._valkey, self._writes).ping
        self.is_reachable = reads.is_reachable
        self.find_available = reads.find_available
        self.beacon = reads.beacon
        self.online_count = reads.online_count

    async def start(self) -> None:
        """Subscribe, seed, then start the watchdog and the sweeps. Takes at most 10 s without Valkey."""
        try:
            await self.app_config.reload()
        except ServiceUnavailable as error:
            raise RuntimeError(f"Postgres left while starting: {error.cause}") from error
        self._subscriber.start()
        await self._watchdog.listen(LISTENING_WITHIN_S)
        await self._watchdog.first_seed()
        try:
            async with asyncio.timeout(SUBSCRIBED_WITHIN_S):
                await self._subscriber.subscribed.wait()
        except TimeoutError:
            pass  # it keeps trying, and treats settings and snapshot as changed once it is subscribed
        self._watchdog.start()
        self._sweeps.start()

    async def stop(self) -> None:
        """Stop all jobs and close the connections. Nobody is taken offline by it."""
        await self._sweeps.stop()
        await self._watchdog.stop()
        await self._subscriber.stop()
        await self._valkey.close()

    def changing(self, what: str, *mitra_ids: str, ping: bool = False) -> AbstractAsyncContextManager[Connection]:
        """A transaction that may change these mitras, mirrored after its commit; see `Writes.changing`."""
        return self._writes.changing(what, *mitra_ids, ping=ping)

    def alerts(self) -> list[str]:
        """Problems that an operator has to solve, as sentences."""
        unused = "" if self._valkey.circuit_closed else f"Valkey is not used, Postgres answers: {self._valkey.reason}"
        return [alert for alert in (unused, self._valkey.eviction_alert) if alert]

    def metrics(self) -> dict[str, float]:
        """Counters, and gauges: `warm` (the circuit is closed), `may_be_evicted`, `writes_owed`."""
        counts = {name: float(value) for name, value in self._valkey.counts.items()}
        return {
            **counts,
            "clock_steps": float(self._valkey.clock.steps),
            "warm": float(self._valkey.circuit_closed),
            "may_be_evicted": float(self._valkey.may_evict),
            "writes_owed": float(len(self._writes.dirty)),
        }
