"""The only way to Postgres: a pool in which every wait is bounded and every outage is the same error, 503.

Locking order of the whole server: rows of `mitras` first (in id order, FOR NO KEY UPDATE, so that foreign
keys that point at them don't wait), then rows of `chat_sessions`.
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager, suppress
from typing import Any
from urllib.parse import parse_qsl, urlencode, urlsplit, urlunsplit

import asyncpg
from asyncpg import Connection, Record

from server.errors import ServiceUnavailable
from server.pool import Pool
from server.urls import LIBPQ_ONLY

POOL_CONNECTIONS_MAX = 16
ACQUIRE_TIMEOUT_S = 2.0
STATEMENT_TIMEOUT_S = 3.0  # with the wait for a connection within the 5 s of an answer
START_TIMEOUT_S = 5.0
CHECK_EVERY_S, CHECK_WITHIN_S = 2.0, 1.0  # of connections that only listen

# SQLSTATE classes and codes of an outage rather than of a wrong statement: connection, resources, operator, system, login,
# catalogue, deadlock or serialization; read-only (a standby), lock not available, and a database that takes no
# connections, for example while a backup is restored over it.
_UNAVAILABLE_CLASSES = ("08", "53", "57", "58", "28", "3D", "40")
_UNAVAILABLE_CODES = ("25006", "55P03", "55000")


class Database:
    """A pool of connections on which uuid columns are `str`.

    Methods raise ServiceUnavailable when Postgres can't be reached or doesn't answer in time; any other
    error (a constraint, a wrong statement) comes through as asyncpg raises it.
    """

    def __init__(self, url: str) -> None:
        self.url = url
        self._pool: Pool | None = None

    async def start(self) -> None:
        """Open the pool with one connection. Raises ServiceUnavailable within 5 s; its `cause` says why."""
        pool = Pool(self._open, POOL_CONNECTIONS_MAX)
        with _outages():
            pool.give_back(await pool.take())
        self._pool = pool

    async def stop(self) -> None:
        """Give back every connection, waiting 2 s at most for those in use."""
        if self._pool is None:
            return
        pool, self._pool = self._pool, None
        try:
            async with asyncio.timeout(2.0):
                await pool.close()
        except (TimeoutError, OSError, asyncpg.PostgresError, asyncpg.InterfaceError):
            pool.terminate()

    async def connect(self) -> Connection:
        """A connection outside the pool, for LISTEN or advisory locks; the caller closes it.

        If Postgres allows no further connection, the pool closes one of its own.
        """
        with _outages():
            try:
                return await self._open()
            except asyncpg.TooManyConnectionsError:
                async with asyncio.timeout(ACQUIRE_TIMEOUT_S):
                    if self._pool is None or not await self._pool.give_up_one():
                        raise
            return await self._open()

    async def _open(self) -> Connection:
        connection = await asyncpg.connect(
            client_url(self.url),
            timeout=START_TIMEOUT_S,
            command_timeout=STATEMENT_TIMEOUT_S,
            # A frozen instance must not hold row locks for ever: Postgres ends its transaction.
            server_settings={"idle_in_transaction_session_timeout": "10000", "TimeZone": "UTC"},
        )
        try:
            await connection.set_type_codec("uuid", schema="pg_catalog", encoder=str, decoder=str, format="text")
        except BaseException:
            connection.terminate()
            raise
        return connection

    def renew(self) -> None:
        """Replace each pooled connection before its next use: one was lost without notice, so others may be dead too."""
        if self._pool is not None:
            self._pool.renew()

    @asynccontextmanager
    async def acquire(self) -> AsyncIterator[Connection]:
        """A pooled connection, outside any transaction."""
        if self._pool is None:
            raise ServiceUnavailable("the pool is closed")
        pool = self._pool
        with _outages():
            async with asyncio.timeout(ACQUIRE_TIMEOUT_S):
                connection = await pool.take()
        try:
            yield connection
        except Exception as error:
            unavailable = _as_unavailable(error, closed=connection.is_closed())
            if unavailable is None:
                raise
            connection.terminate()  # its state is unknown: never hand it to the next caller
            raise unavailable from error
        except BaseException:
            connection.terminate()  # cancelled, perhaps inside a statement
            raise
        finally:
            pool.give_back(connection)

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator[Connection]:
        """A connection inside a transaction: commits when the block ends, rolls back when it raises."""
        async with self.acquire() as connection:
            transaction = connection.transaction(isolation="read_committed")
            await transaction.start()
            try:
                yield connection
            except Exception as error:
                if _as_unavailable(error, closed=connection.is_closed()) is None:
                    await transaction.rollback()
                raise  # on a cancellation inside a statement the connection is closed, so Postgres rolls back
            await transaction.commit()

    async def fetch(self, query: str, *args: Any) -> list[Record]:
        async with self.acquire() as connection:
            return await connection.fetch(query, *args)

    async def fetchrow(self, query: str, *args: Any) -> Record | None:
        async with self.acquire() as connection:
            return await connection.fetchrow(query, *args)

    async def fetchval(self, query: str, *args: Any) -> Any:
        async with self.acquire() as connection:
            return await connection.fetchval(query, *args)

    async def execute(self, query: str, *args: Any, within_s: float | None = None) -> str:
        """`within_s`: the time limit, instead of STATEMENT_TIMEOUT_S."""
        async with self.acquire() as connection:
            return await connection.execute(query, *args, timeout=within_s)


def only(row: Record | None) -> Record:
    """The row of a statement that always returns one. Raises LookupError if there is none, which is a defect."""
    if row is None:
        raise LookupError("a statement that always returns a row returned none")
    return row


async def until_lost(connection: Connection, check: Callable[[], Awaitable[object]]) -> None:
    """Wait until a connection that only listens is lost. Raises what `check` raises.

    `check` queries Postgres on it every 2 s; without queries a silently dropped connection would not be noticed.
    """
    lost = asyncio.Event()
    connection.add_termination_listener(lambda _: lost.set())
    while not (lost.is_set() or connection.is_closed()):
        await check()
        with suppress(TimeoutError):
            async with asyncio.timeout(CHECK_EVERY_S):
                await lost.wait()


@contextmanager
def _outages() -> Iterator[None]:
    """Raise ServiceUnavailable for each error that means that Postgres cannot be reached."""
    try:
        yield
    except Exception as error:
        unavailable = _as_unavailable(error)
        if unavailable is None:
            raise
        raise unavailable from error


def client_url(url: str) -> str:
    """`url` without the libpq parameters that asyncpg would send to Postgres as settings."""
    parts = urlsplit(url)
    kept = [(k, v) for k, v in parse_qsl(parts.query) if k not in LIBPQ_ONLY]
    return urlunsplit(parts._replace(query=urlencode(kept)))


def _as_unavailable(error: Exception, closed: bool = True) -> ServiceUnavailable | None:
    """`error` as ServiceUnavailable if it is an outage, else None.

    `closed`: the connection is closed, or may be; only then is asyncpg's InterfaceError an outage.
    """
    cause = f"{type(error).__name__}: {error}".splitlines()[0]
    if isinstance(error, ServiceUnavailable):
        return error
    if isinstance(error, asyncpg.PostgresError):
        state = error.sqlstate or ""
        if state[:2] in _UNAVAILABLE_CLASSES or state in _UNAVAILABLE_CODES:
            return ServiceUnavailable(cause)
        return None
    if isinstance(error, (OSError, TimeoutError, EOFError, asyncpg.InternalClientError)):
        return ServiceUnavailable(cause)
    if isinstance(error, asyncpg.InterfaceError) and not isinstance(error, asyncpg.DataError) and closed:
        return ServiceUnavailable(cause)
    return None
