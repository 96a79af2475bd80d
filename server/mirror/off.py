"""The server as it was before the mirror, for comparison: each read is a query in Postgres; Valkey is not used."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from asyncpg import Connection

from server import errors
from server.config import Settings
from server.db import Database
from server.errors import ServiceUnavailable
from server.log import log
from server.mirror.reads import PostgresReads
from server.mirror.settings import AppConfig
from server.mirror.sweeps import every
from server.response_models import Availability
from server.sql import AUDIT, IS_ACTIVE, LOCK_MITRAS, SET_OFFLINE

_TOUCH = """
UPDATE mitra_online_status SET last_heartbeat_at = clock_timestamp() WHERE mitra_id = $1 AND is_online
RETURNING mitra_id
"""
_STALE = """
SELECT mitra_id FROM mitra_online_status WHERE is_online
AND (last_heartbeat_at IS NULL OR last_heartbeat_at < clock_timestamp() - make_interval(secs => $1)) ORDER BY mitra_id
"""
_STILL = _STALE.replace("ORDER BY mitra_id", "AND mitra_id = $2")


class MirrorOff:
    """`Mirror` on Postgres alone."""

    def __init__(self, settings: Settings, db: Database) -> None:
        self._db = db
        self.app_config = AppConfig(db, None)
        reads = PostgresReads(db, self.app_config)
        self.is_reachable = reads.reachable
        self.find_available = reads.available
        self.online_count = reads.online_count
        self._available = reads.available
        self._sweep_s = settings.mitra_auto_offline_sweep_seconds
        self._task: asyncio.Task[None] | None = None
        self._auto_offline = 0  # mitras taken offline by the sweep

    async def start(self) -> None:
        await self.app_config.reload()
        self._task = asyncio.create_task(every("auto-offline", self._sweep_s, self.auto_offline))

    async def stop(self) -> None:
        if self._task:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)

    @asynccontextmanager
    async def changing(self, what: str, *mitra_ids: str, ping: bool = False) -> AsyncIterator[Connection]:
        """The same locks as with the mirror, without writes to Valkey after the commit."""
        async with self._db.transaction() as connection:
            await connection.execute(LOCK_MITRAS, sorted(set(mitra_ids)))
            yield connection
            if ping:
                for mitra_id in mitra_ids:
                    await connection.execute(_TOUCH, mitra_id)

    async def ping(self, mitra_id: str) -> bool:
        """Look the mitra up and update its row. Raises ApiError 403 ACCOUNT_INACTIVE."""
        active = await self._db.fetchval(IS_ACTIVE, mitra_id)
        if active is False:
            raise errors.account_inactive()
        return bool(await self._db.fetchval(_TOUCH, mitra_id))

    async def beacon(self) -> Availability:
        count = len(await self._available())
        return Availability(available=count > 0, count=count)

    async def auto_offline(self) -> None:
        """Scan the rows for mitras whose heartbeat is stale."""
        try:
            await self.app_config.reload()
            for row in await self._db.fetch(_STALE, float(self.app_config.stale_after)):
                async with self.changing("setOffline", row["mitra_id"]) as connection:
                    stale = float(self.app_config.stale_after)
                    still = await connection.fetchval(_STILL, stale, row["mitra_id"])
                    if went := still and await connection.fetchval(SET_OFFLINE, row["mitra_id"]):
                        await connection.execute(AUDIT, row["mitra_id"], "offline")
                if went:
                    self._auto_offline += 1
                    log(f"[auto-offline] {row['mitra_id']} is offline: no ping for {stale:g} s")
        except ServiceUnavailable as error:
            log(f"[auto-offline] Postgres unavailable, skipping this tick: {error.cause}")

    def alerts(self) -> list[str]:
        return []

    def metrics(self) -> dict[str, float]:
        return {"auto_offline": float(self._auto_offline)}
