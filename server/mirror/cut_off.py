"""What instances tell each other through Postgres: who can't reach Valkey, what to mirror for them, who has which Valkey.

Without Valkey nobody may sweep, and on two Valkeys neither: each would miss the pings that the other one took.
"""

import asyncio
import zlib
from collections.abc import Callable
from contextlib import suppress

import asyncpg

from server.db import Database
from server.errors import ServiceUnavailable
from server.mirror.client import end

LOCK = 0x6D697272_63757400  # held shared by an instance that owes Valkey something: nobody sweeps meanwhile
STORES = 0x6D697272  # class of the shared locks by which each instance tells its Valkey
CHANNEL = "mirror_owed"  # ids whose truth an instance could not mirror
HOLD_WITHIN_S = 1.0  # a sweep that is under way ends sooner
RETRY_S = 1.0
_STORES_IN_USE = f"""
SELECT count(DISTINCT objid) FROM pg_locks WHERE locktype = 'advisory' AND classid = {STORES} AND objsubid = 2
AND database = (SELECT oid FROM pg_database WHERE datname = current_database())
"""
_UNREACHABLE = (ServiceUnavailable, TimeoutError, OSError, asyncpg.PostgresError, asyncpg.InterfaceError)


class CutOff:
    """A shared advisory lock while this instance owes Valkey a heartbeat or a write, and the ids it owes."""

    def __init__(self, db: Database) -> None:
        self._db = db
        self._connection: asyncpg.Connection | None = None
        self._taking = asyncio.Lock()
        self._listener: asyncio.Task[None] | None = None
        self._link: asyncpg.Connection | None = None  # the one that listens, and holds the lock of our Valkey
        self._store: int | None = None
        self._moving = asyncio.Lock()

    async def hold(self) -> None:
        """Take the lock unless it is held. Postgres' failures are silent: without it nobody sweeps either."""
        async with self._taking:
            if self._connection is not None and not self._connection.is_closed():
                return
            with suppress(*_UNREACHABLE):
                connection = await self._db.connect()
                try:
                    await connection.fetchval("SELECT pg_advisory_lock_shared($1)", LOCK, timeout=HOLD_WITHIN_S)
                except BaseException:
                    connection.terminate()
                    raise
                self._connection = connection

    def release(self) -> None:
        if self._connection is not None:
            self._connection.terminate()
            self._connection = None

    async def stand_on(self, run_id: str) -> None:
        """Tell that this instance is about to believe the Valkey of this run id. Postgres' failures are silent."""
        store = zlib.crc32(run_id.encode()) >> 1  # a positive int4
        async with self._moving:
            if store == self._store:
                return
            if self._link is not None and not self._link.is_closed():
                with suppress(*_UNREACHABLE):
                    await self._take(self._link, store)
                    if self._store is not None:
                        await self._link.fetchval("SELECT pg_advisory_unlock_shared($1, $2)", STORES, self._store)
            self._store = store

    async def _take(self, link: asyncpg.Connection, store: int) -> None:
        await link.fetchval("SELECT pg_advisory_lock_shared($1, $2)", STORES, store)

    async def are_split(self, connection: asyncpg.Connection) -> bool:
        """Whether instances believe different Valkeys."""
        return await connection.fetchval(_STORES_IN_USE) > 1

    async def tell(self, mitra_id: str) -> None:
        """Ask the other instances to mirror this mitra's truth."""
        with suppress(*_UNREACHABLE):
            await self._db.execute("SELECT pg_notify($1, $2)", CHANNEL, mitra_id)

    def listen(self, heard: Callable[[str], None]) -> None:
        """Call `heard` with each id that some instance could not mirror, until `stop`."""
        self._listener = asyncio.create_task(self._listen(heard))

    async def _listen(self, heard: Callable[[str], None]) -> None:
        while True:
            with suppress(*_UNREACHABLE):
                connection = await self._db.connect()
                lost = asyncio.Event()
                try:
                    connection.add_termination_listener(lambda _, lost=lost: lost.set())
                    await connection.add_listener(CHANNEL, lambda _c, _p, _n, payload: heard(str(payload)))
                    async with self._moving:
                        self._link = connection
                        if self._store is not None:
                            await self._take(connection, self._store)
                    await lost.wait()
                finally:
                    self._link = None
                    connection.terminate()
            await asyncio.sleep(RETRY_S)

    async def stop(self) -> None:
        await end(self._listener)
        self.release()
