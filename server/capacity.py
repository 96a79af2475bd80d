"""The capacity rule where it is decided: load against maximum, in the caller's own transaction."""

import json

from asyncpg import Connection

from server import errors
from server.mirror.settings import DEFAULTS

_LOAD = """
SELECT count(*) FROM chat_sessions WHERE mitra_id = $1 AND status IN ('active', 'pending_payment')
"""
# Who changes a setting, by the API or by hand, waits for the accept that still counts with the old one. The whole table: a
# setting that has no row yet has no row that could be locked.
_STILL = "LOCK TABLE app_config IN SHARE MODE"
_MAXIMUM = "SELECT value FROM app_config WHERE key = 'max_customers_per_mitra'"


async def ensure_room(connection: Connection, mitra_id: str) -> None:
    """Raises 409 MITRA_AT_CAPACITY when one more chat would exceed the maximum in force.

    The caller holds the lock on the mitra's row, so the load can't change before its commit.
    """
    await connection.execute(_STILL)
    load = await connection.fetchval(_LOAD, mitra_id)
    if load >= _maximum(await connection.fetchval(_MAXIMUM)):
        raise errors.mitra_at_capacity()


def _maximum(stored: str | None) -> int:
    """A row that is absent, or was written by hand as no whole number from 1, means the default."""
    value = None if stored is None else json.loads(stored)
    usable = isinstance(value, int) and not isinstance(value, bool) and value >= 1
    return value if usable else DEFAULTS["max_customers_per_mitra"]
