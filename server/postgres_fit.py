"""Is this a Postgres that the server can work with? Asked once, at start, and refused by name."""

import asyncpg

from server.db import Database

VERSION_MIN = 14
PROBES = 4
# What asyncpg prepared on one connection was asked for on another, or stood there already: somebody else's.
MIXED_UP = (asyncpg.DuplicatePreparedStatementError, asyncpg.InvalidSQLStatementNameError)
TRANSACTION_POOLING = (
    "it is behind a pooler (PgBouncer or the like) in transaction mode, where LISTEN, locks and prepared statements are "
    "lost: use its session mode, or Postgres itself"
)
_PID = "SELECT pg_backend_pid()"


class UnfitPostgres(Exception):
    """Why this Postgres will not do, in one line."""


async def check_postgres(db: Database) -> None:
    """Raises UnfitPostgres, ServiceUnavailable."""
    try:
        async with db.acquire() as connection:
            version = connection.get_server_version()
            if version.major < VERSION_MIN:
                raise UnfitPostgres(f"Postgres {version.major}.{version.minor} is too old: {VERSION_MIN} at least")
            # A pooler tells a process id of its own. Then it is asked whether a session stays with its client.
            direct = await connection.fetchval(_PID) == connection.get_server_pid()
        if not direct:
            await _check_pooler(db)
    except MIXED_UP as error:
        raise UnfitPostgres(TRANSACTION_POOLING) from error


async def _check_pooler(db: Database) -> None:
    """Two clients, one of them in a transaction: where sessions are shared, the other's is used for it."""
    one, other = await db.connect(), await db.connect()
    try:
        for _ in range(PROBES):  # a pooler has several sessions, and may hand out any of them
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
    """The first error in one line: leaving a transaction whose connection is lost raises another, which says nothing."""
    while isinstance(error, asyncpg.InterfaceError) and error.__context__ is not None:
        error = error.__context__
    if isinstance(error, TimeoutError) and not str(error):
        return "it did not answer in time"
    return " ".join((getattr(error, "cause", "") or f"{type(error).__name__}: {error}").split())
