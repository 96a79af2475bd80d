"""The capacity rule: compares a mitra's load with the maximum, in the caller's transaction."""

from asyncpg import Connection

from server import errors
from server.app_settings import in_force
from server.sql import OPEN

_LOAD = f"SELECT count(*) FROM chat_sessions WHERE mitra_id = $1 AND status IN {OPEN}"
# A change of a setting, through the API or by hand, waits until an accept that uses the old value has committed. Locks the
# whole table, as a setting that has no row yet has no row to lock.
_LOCK_SETTINGS = "LOCK TABLE app_config IN SHARE MODE"
MAXIMUM = "max_customers_per_mitra"
_MAXIMUM = f"SELECT value FROM app_config WHERE key = '{MAXIMUM}'"


async def ensure_room(connection: Connection, mitra_id: str) -> None:
    """Raises 409 MITRA_AT_CAPACITY when one more chat would exceed the maximum in force.

    The caller holds the lock on the mitra's row, so the load can't change before its commit.
    """
    await connection.execute(_LOCK_SETTINGS)
    load = await connection.fetchval(_LOAD, mitra_id)
    if load >= in_force(MAXIMUM, await connection.fetchval(_MAXIMUM)):
        raise errors.mitra_at_capacity()
