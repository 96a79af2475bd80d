"""A mitra's own state: online or offline, active or deactivated. Each change is one transaction and is mirrored after it."""

from collections.abc import AsyncIterator

from server import errors
from server.db import Database, only
from server.mirror import Mirror
from server.response_models import IsOnline, Mitra, MitraStatus
from server.sql import AUDIT, SET_OFFLINE

_ONLINE = """
INSERT INTO mitra_online_status (mitra_id, is_online) SELECT id, true FROM mitras WHERE id = $1
ON CONFLICT (mitra_id) DO UPDATE SET is_online = true WHERE NOT mitra_online_status.is_online RETURNING mitra_id
"""
_SHOWN = """
SELECT m.id, m.display_name, m.is_active, coalesce(o.is_online, false) AS is_online
FROM mitras AS m LEFT JOIN mitra_online_status AS o ON o.mitra_id = m.id
"""
_ACTIVE = "UPDATE mitras SET is_active = $2 WHERE id = $1 RETURNING id"
_REVOKE = """
UPDATE auth_sessions SET revoked_at = clock_timestamp() WHERE user_id = $1 AND revoked_at IS NULL
"""
_STATUS = "SELECT is_online, last_heartbeat_at FROM mitra_online_status WHERE mitra_id = $1"


async def set_online(mirror: Mirror, db: Database, mitra_id: str) -> IsOnline:
    """Go online. Counts as a ping; a change gets an audit row."""
    async with mirror.changing("setOnline", mitra_id, ping=True) as connection:
        if await connection.fetchval(_ONLINE, mitra_id):
            await connection.execute(AUDIT, mitra_id, "online")
    return IsOnline(is_online=True)


async def set_offline(mirror: Mirror, db: Database, mitra_id: str) -> IsOnline:
    async with mirror.changing("setOffline", mitra_id) as connection:
        if await connection.fetchval(SET_OFFLINE, mitra_id):
            await connection.execute(AUDIT, mitra_id, "offline")
    return IsOnline(is_online=False)


async def set_active(mirror: Mirror, db: Database, mitra_id: str, active: bool) -> Mitra:
    """Deactivate a mitra and revoke their sign-ins in the same transaction, or activate them again. Raises 404 NOT_FOUND.

    `is_online` stays as it is: pings are refused from now on, so auto-offline follows.
    """
    what = "setReactivated" if active else "setDeactivated"
    async with mirror.changing(what, mitra_id) as connection:
        if not await connection.fetchval(_ACTIVE, mitra_id, active):
            raise errors.not_found("mitra")
        if not active:
            await connection.execute(_REVOKE, mitra_id)
        row = only(await connection.fetchrow(f"{_SHOWN} WHERE m.id = $1", mitra_id))
    return Mitra(**row)


async def page(db: Database, after: str | None, limit: int) -> list[Mitra]:
    """At most `limit` mitras after that id, with account and availability as Postgres has them, in order of id."""
    behind = "" if after is None else "WHERE m.id > $2"
    query = f"{_SHOWN} {behind} ORDER BY m.id LIMIT $1"
    return [Mitra(**row) for row in await db.fetch(query, limit, *([] if after is None else [after]))]


async def pages(db: Database, first: list[Mitra]) -> AsyncIterator[list[Mitra]]:
    """`first` and all later pages of its size. No connection is held between two pages, as the reader may be slow."""
    size, latest = len(first), first
    while latest:
        yield latest
        latest = await page(db, latest[-1].id, size) if len(latest) == size else []


async def status(db: Database, mitra_id: str) -> MitraStatus:
    """The columns in Postgres; the heartbeat may lag by one interval of the heartbeat mirror."""
    row = await db.fetchrow(_STATUS, mitra_id)
    return MitraStatus(**(row or {"is_online": False, "last_heartbeat_at": None}))
