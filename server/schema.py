"""Brings the database to the schema that this server needs, or says by name what it cannot repair.

`server.models` declares the newest schema; an empty database gets it as declared. An existing database gets the CHANGES with a
number above its version, in order. A test checks that both ways lead to the same schema.

To change the schema: change the models, append a Change, and enter new columns and indexes below.

No library for migrations: importing Alembic takes 0.4 s of CPU at each start, and a rig starts hundreds of servers.
"""

import asyncio
import importlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import asyncpg

from server.db import Database
from server.log import log

LOCK = 0x6D6972726F72  # advisory lock "mirror": two instances may start at once on an empty database
CHANGE_WITHIN_S = 600.0  # an index on millions of rows takes its time, once
LOCK_MS = 4000  # how long a change waits for another client's lock on a table

# Every column; a test compares them with the models, whose import is slow.
COLUMNS = {
    "mitras": "id phone display_name is_active mirror_version created_at",
    "mitra_online_status": "mitra_id is_online last_heartbeat_at",
    "mitra_online_logs": "id mitra_id status created_at",
    "customers": "id phone display_name created_at",
    "chat_sessions": "id customer_id mitra_id status duration_seconds ends_at extension_seconds created_at",
    "chat_request_notifications": "chat_session_id mitra_id declined_at created_at",
    "auth_sessions": "id user_id role refresh_token_hash expires_at revoked_at created_at",
    "otp_requests": "role phone code_hash attempts expires_at requests window_started_at",
    "app_config": "key value",
    "mirror_instances": "instance store blocks_until",
    "schema_changes": "number made_at",
}
OTHER_RELATIONS = (
    "mirror_version",
    "mitra_online_logs_mitra",
    "chat_sessions_customer",
    "chat_sessions_load",
    "chat_sessions_searching",
    "chat_request_notifications_open",
    "auth_sessions_user",
    "otp_requests_expiry",
)


@dataclass(frozen=True)
class Change:
    """One step from the schema before it. Its statements may run again without harm (IF NOT EXISTS)."""

    number: int
    what: str
    statements: tuple[str, ...]


CHANGES = (
    Change(1, "the tables as they were before there was a list of changes", ()),
    Change(
        2,
        "an index of the chats that wait for a mitra, for the mitra's list of open offers",
        ("CREATE INDEX IF NOT EXISTS chat_sessions_searching ON chat_sessions (id) WHERE status = 'searching'",),
    ),
)
VERSION = CHANGES[-1].number

_MISSING = "SELECT name FROM unnest($1::text[]) AS name WHERE to_regclass(name) IS NULL"
_VERSION = "SELECT max(number) FROM schema_changes"
_MISSING_COLUMNS = """
SELECT needed.in_table || '.' || needed.name FROM unnest($1::text[], $2::text[]) AS needed (in_table, name)
WHERE NOT EXISTS (SELECT FROM pg_attribute
  WHERE attrelid = to_regclass(needed.in_table) AND attname = needed.name AND NOT attisdropped)
"""
_NOTE = "INSERT INTO schema_changes (number) SELECT unnest($1::integer[]) ON CONFLICT DO NOTHING"


class SchemaError(Exception):
    """A schema that this server cannot work with; the message is one line."""


async def ensure_schema(db: Database, limit: asyncio.Timeout | None = None) -> None:
    """Create what is missing; two instances may do so at once. Raises SchemaError, ServiceUnavailable, asyncpg errors.

    `limit` is the caller's time limit; it does not run while the schema is changed.
    """
    async with db.acquire() as connection:
        missing, version = await _look(connection)
    if missing or version < VERSION:
        with _paused(limit):
            if missing:
                # Before the transaction: on a busy machine the import may take longer than a transaction may stand idle.
                importlib.import_module("server.models")
            connection = await db.connect()
            try:
                await _repair(connection)
            finally:
                connection.terminate()
    tables, names = zip(*((table, name) for table in COLUMNS for name in COLUMNS[table].split()), strict=True)
    missing_columns = [row[0] for row in await db.fetch(_MISSING_COLUMNS, tables, names)]
    if missing_columns:
        raise SchemaError(
            f"the database lacks {', '.join(missing_columns)}, which somebody has dropped or renamed: restore it"
        )


@contextmanager
def _paused(limit: asyncio.Timeout | None) -> Iterator[None]:
    clock = asyncio.get_running_loop().time
    began, ends = clock(), limit.when() if limit else None
    if limit is None or ends is None:
        yield
        return
    limit.reschedule(None)
    yield
    limit.reschedule(ends + clock() - began)


async def _look(connection: asyncpg.Connection) -> tuple[list[str], int]:
    """The names of missing tables, indexes and sequences, and the number of the last change. Raises SchemaError."""
    missing = [row["name"] for row in await connection.fetch(_MISSING, [*COLUMNS, *OTHER_RELATIONS])]
    version = 0 if "schema_changes" in missing else await connection.fetchval(_VERSION) or 0
    if version > VERSION:
        raise SchemaError(f"the database has schema {version}, this server knows {VERSION}: start a newer server")
    return missing, version


async def _repair(connection: asyncpg.Connection) -> None:
    """Create all that is missing in one transaction. While an index is built, others can read the table but not write."""
    async with asyncio.timeout(CHANGE_WITHIN_S), connection.transaction():
        await connection.execute("SELECT pg_advisory_xact_lock($1)", LOCK, timeout=CHANGE_WITHIN_S)
        await connection.execute(f"SET LOCAL lock_timeout = {LOCK_MS}")
        missing, version = await _look(connection)
        tables = [name for name in missing if name in COLUMNS]
        if tables:
            await _make_from_models(connection, tables)
        for change in CHANGES:
            if change.number > version:
                for statement in change.statements:
                    await connection.execute(statement, timeout=CHANGE_WITHIN_S)
        indexes, _ = await _look(connection)  # of existing tables: somebody has dropped these indexes
        if indexes:
            await _make_from_models(connection, indexes)
        await connection.execute(_NOTE, [change.number for change in CHANGES if change.number > version])
    if missing:
        log(f"[schema] created what was missing: {', '.join(missing)}")
    if version < VERSION:
        log(f"[schema] version {VERSION}")


async def _make_from_models(connection: asyncpg.Connection, names: list[str]) -> None:
    from server import models  # takes 0.4 s of CPU, so it is imported here only

    for statement in models.statements(names):
        await connection.execute(statement, timeout=CHANGE_WITHIN_S)
