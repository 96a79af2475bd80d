"""What an instance that can't reach Valkey tells the others through Postgres: don't sweep, and mirror this for me."""

import asyncio
from collections.abc import Callable
from contextlib import suppress

import asyncpg

from server.db import Database
from server.errors import ServiceUnavailable
from server.mirror.client import end

LOCK = 0x6D697272_63757400  # held shared by an instance that owes Valkey something: nobody sweeps meanwhile
CHANNEL = "mirror_owed"  # ids whose truth an instance could not mirror
HOLD_WITHIN_S = 1.0  # a sweep that is under way ends sooner
RETRY_S = 1.0
_UNREACHABLE = (ServiceUnavailable, TimeoutError, OSError, asyncpg.PostgresError, asyncpg.InterfaceError)


class CutOff:
    """A shared advisory lock while this instance owes Valkey a heartbeat or a write, and the ids it owes."""

    def __init__(self, db: Database) -> None:
        self._db = db
        self._connection: asyncpg.Connection | None = None
        self._taking = asyncio.Lock()
        self._listener: asyncio.Task[None] | None = None

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
                    await lost.wait()
                finally:
                    connection.terminate()
            await asyncio.sleep(RETRY_S)

    async def stop(self) -> None:
        await end(self._listener)
        self.release()
