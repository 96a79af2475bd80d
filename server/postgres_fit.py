"""Checks once, at the start, that the server can work with this Postgres; otherwise says why not."""

import asyncpg

from server.db import Database

VERSION_MIN = 14
PROBES = 4
# A statement that asyncpg prepared on one session was used on another, or another client's statement was there already.
MIXED_UP = (asyncpg.DuplicatePreparedStatementError, asyncpg.InvalidSQLStatementNameError)
TRANSACTION_POOLING = (
    "it is behind a pooler (PgBouncer or the like) in transaction mode, where LISTEN, locks and prepared statements are "
    "lost: use its session mode, or Postgres itself"
)
_PID = "SELECT pg_backend_pid()"


class UnfitPostgres(Exception):
    """Why the server cannot use this Postgres, in one line."""


async def check_postgres(db: Database) -> None:
    """Raises UnfitPostgres, ServiceUnavailable."""
    try:
        async with db.acquire() as connection:
            version = connection.get_server_version()
            if version.major < VERSION_MIN:
                raise UnfitPostgres(f"Postgres {version.major}.{version.minor} is too old: {VERSION_MIN} at least")
            # A pooler reports a process id of its own. Then check whether a session stays with its client.
            direct = await connection.fetchval(_PID) == connection.get_server_pid()
        if not direct:
            await _check_pooler(db)
    except MIXED_UP as error:
        raise UnfitPostgres(TRANSACTION_POOLING) from error


async def _check_pooler(db: Database) -> None:
    """Two clients, one in a transaction: if sessions are shared, the transaction runs in the session of the other client."""
    one, other = await db.connect(), await db.connect()
    try:
        for _ in range(PROBES):  # a pooler has several sessions and may assign any of them
            before = await one.fetchval(_PID)
            async with other.transaction():
                between = await other.fetchval(_PID)
                after = await one.fetchval(_PID)
            if before == between or before != after:
                raise UnfitPostgres(TRANSACTION_POOLING)
    finally:
        one.terminate()
        other.terminate()


def what_broke(error: BaseException) -> str:
    """The first error in one line. Leaving a transaction whose connection is lost raises another one that hides it."""
    while isinstance(error, asyncpg.InterfaceError) and error.__context__ is not None:
        error = error.__context__
    if isinstance(error, TimeoutError) and not str(error):
        return "it did not answer in time"
    return " ".join((getattr(error, "cause", "") or f"{type(error).__name__}: {error}").split())
