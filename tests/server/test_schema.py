"""The schema: both ways to it lead to the same, what is missing is made, and what cannot be mended is refused by name."""

import json
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from uuid import uuid4

import psycopg
import pytest
import uvloop
from test_life_cycle import exit_of

from server.db import Database
from server.schema import CHANGES, COLUMNS, OTHER_RELATIONS, VERSION, SchemaError, ensure_schema

VERSION_1 = (Path(__file__).parent / "schema_of_version_1.sql").read_text()
CATALOGUE = """
SELECT 'column', table_name, column_name, data_type, is_nullable, column_default FROM information_schema.columns
WHERE table_schema = 'public'
UNION ALL SELECT 'index', tablename, indexname, indexdef, '', '' FROM pg_indexes WHERE schemaname = 'public'
UNION ALL SELECT 'constraint', conrelid::regclass::text, conname, pg_get_constraintdef(oid), '', '' FROM pg_constraint
WHERE connamespace = 'public'::regnamespace AND contype <> 'n'
"""


@pytest.fixture
def empty(stack, instance):
    """The stack's database, emptied before and after; no server runs on it."""
    instance.kill()
    with psycopg.connect(stack.postgres.url, autocommit=True) as connection:
        for when in ("before", "after"):
            connection.execute("DROP SCHEMA public CASCADE")
            connection.execute("CREATE SCHEMA public")
            if when == "before":
                yield connection


def ensure(stack) -> None:
    async def run() -> None:
        db = Database(stack.postgres.url)
        await db.start()
        try:
            await ensure_schema(db)
        finally:
            await db.stop()

    uvloop.run(run())


def catalogue(connection) -> set[tuple]:
    return set(connection.execute(CATALOGUE).fetchall())


def refusal(stack) -> str:
    """The one line with which a server refuses this database."""
    code, logged = exit_of(stack.server("d"))
    assert code == 1
    assert "Traceback" not in logged
    lines = [line for line in logged.splitlines() if "server: " in line]
    assert len(lines) == 1, logged
    return lines[0]


def test_an_old_database_becomes_what_an_empty_one_becomes(stack, empty, capsys) -> None:
    """A database of the time before versions keeps its rows and gets every change, once."""
    ensure(stack)
    wanted = catalogue(empty)
    empty.execute("DROP SCHEMA public CASCADE; CREATE SCHEMA public")
    empty.execute(VERSION_1)
    assert catalogue(empty) != wanted
    empty.execute("INSERT INTO mitras (phone, display_name) VALUES ('+1', 'Sari')")
    ensure(stack)
    assert catalogue(empty) == wanted
    assert empty.execute("SELECT display_name FROM mitras").fetchone() == ("Sari",)
    rows = empty.execute("SELECT number, made_at FROM schema_changes ORDER BY number").fetchall()
    assert [row[0] for row in rows] == [change.number for change in CHANGES]
    ensure(stack)
    assert empty.execute("SELECT number, made_at FROM schema_changes ORDER BY number").fetchall() == rows


def test_two_servers_change_an_old_database_at_once(stack, empty) -> None:
    empty.execute(VERSION_1)
    servers = [stack.server(name) for name in ("b", "c")]
    try:
        with ThreadPoolExecutor(2) as pool:
            list(pool.map(lambda server: server.start(), servers))
        assert empty.execute("SELECT max(number) FROM schema_changes").fetchone() == (VERSION,)
    finally:
        assert [server.stop() for server in servers] == [0, 0]


def test_a_change_of_the_schema_may_take_longer_than_a_start(stack, empty) -> None:
    """While another instance builds an index for long, a start waits its turn and is not given up."""
    empty.execute(VERSION_1)
    with psycopg.connect(stack.postgres.url) as other:
        other.execute("SELECT pg_advisory_xact_lock(%s)", (0x6D6972726F72,))
        server = stack.server("b")
        server.spawn()
        time.sleep(9)
        assert server.running
        other.rollback()
    try:
        server.wait_ready()
    finally:
        assert server.stop() == 0


def test_a_newer_schema_is_refused_in_one_line(stack, empty) -> None:
    """An older server must not work on what it does not know."""
    ensure(stack)
    empty.execute("INSERT INTO schema_changes (number) VALUES (%s)", (VERSION + 5,))
    line = refusal(stack)
    assert f"schema {VERSION + 5}" in line
    assert f"knows {VERSION}" in line


def test_a_column_that_somebody_dropped_is_refused_in_one_line(stack, empty) -> None:
    ensure(stack)
    empty.execute("ALTER TABLE chat_sessions DROP COLUMN extension_seconds")
    assert "chat_sessions.extension_seconds" in refusal(stack)


def test_every_column_and_index_is_looked_for(stack, empty) -> None:
    """No column can be lacking unnoticed, and an index that somebody dropped is made again."""
    ensure(stack)
    wanted = catalogue(empty)
    for table, names in COLUMNS.items():
        for name in names.split():
            if (table, name) == ("schema_changes", "number"):
                continue  # that one is read
            empty.execute(f"ALTER TABLE {table} RENAME COLUMN {name} TO gone")
            with pytest.raises(SchemaError, match=f"lacks {table}.{name}, which"):
                ensure(stack)
            empty.execute(f"ALTER TABLE {table} RENAME COLUMN gone TO {name}")
    for name in OTHER_RELATIONS:
        empty.execute(f"DROP {'SEQUENCE' if name == 'mirror_version' else 'INDEX'} {name}")
    ensure(stack)
    assert catalogue(empty) == wanted


def test_what_is_looked_for_is_what_the_models_declare(stack, empty) -> None:
    """Whoever changes the models changes the lists, and the other way round."""
    from sqlmodel import SQLModel

    from server import models

    tables = SQLModel.metadata.tables.values()
    assert {table.name: {column.name for column in table.columns} for table in tables} == {
        table: set(names.split()) for table, names in COLUMNS.items()
    }
    indexes = {index.name for table in tables for index in table.indexes}
    assert {models.MIRROR_VERSION.name, *indexes} == set(OTHER_RELATIONS)
    assert [change.number for change in CHANGES] == list(range(1, VERSION + 1))


CHATS = 100_000


def test_open_offers_are_found_by_an_index_among_many(stack, empty) -> None:
    """A mitra to whom a hundred thousand chats were offered, three of them still open: no old chat is read for her list."""
    from server.blast import _OFFERS

    ensure(stack)
    mitra, customer = uuid4(), uuid4()
    empty.execute("INSERT INTO mitras (id, phone) VALUES (%s, '+1')", (mitra,))
    empty.execute("INSERT INTO customers (id, phone) VALUES (%s, '+2')", (customer,))
    empty.execute(
        """INSERT INTO chat_sessions (customer_id, status, duration_seconds)
        SELECT %s, CASE WHEN n <= 3 THEN 'searching' ELSE 'ended' END, 60 FROM generate_series(1, %s) AS n""",
        (customer, CHATS),
    )
    empty.execute("INSERT INTO chat_request_notifications SELECT id, %s FROM chat_sessions", (mitra,))
    empty.execute("ANALYZE")
    empty.execute("SET plan_cache_mode = force_generic_plan")
    empty.execute(f"PREPARE offers (uuid) AS {_OFFERS}")
    plan = empty.execute(f"EXPLAIN (ANALYZE, BUFFERS, FORMAT JSON) EXECUTE offers ('{mitra}')").fetchone()[0][0]
    assert "chat_sessions_searching" in json.dumps(plan)
    assert plan["Plan"]["Actual Rows"] == 3
    assert plan["Plan"]["Shared Hit Blocks"] + plan["Plan"]["Shared Read Blocks"] < 50
