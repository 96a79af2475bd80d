"""A foreign schema: the file that maps it, its rows planted, its tables read and its SQL judged in the contract's words."""

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import psycopg
import pytest
from observed_stack import stack  # noqa: F401
from stack_support import rig

from rig.checks.common.sql_statements import fixes_one_mitra, is_availability_query, names, reads, writes
from rig.fixtures import (
    Fixtures,
    MappingError,
    Schema,
    SchemaMismatch,
    drop_views,
    load_schema,
    make_views,
    reading_path,
    translator,
)
from rig.observe import Tables
from rig.stack import Stack

FOREIGN = """
CREATE SCHEMA app;
CREATE TYPE app.phase AS ENUM ('WAITING', 'LIVE', 'AWAITING_PAYMENT', 'DONE', 'DROPPED');
CREATE TABLE app.counselors (no bigserial PRIMARY KEY, phone text UNIQUE, full_name text, enabled boolean,
    tenant text NOT NULL, created timestamptz NOT NULL);
CREATE TABLE app.presence (no bigint PRIMARY KEY REFERENCES app.counselors, "online?" boolean, seen timestamptz);
CREATE TABLE mitra_online_logs (id bigserial PRIMARY KEY, mitra_id bigint, status text, created_at timestamptz);
CREATE TABLE clients (id bigserial PRIMARY KEY, phone text, display_name text);
CREATE TABLE chat_sessions (id bigserial PRIMARY KEY, customer_id bigint REFERENCES clients, mitra_id bigint,
    status app.phase, duration_seconds int, ends_at timestamptz);
CREATE TABLE chat_request_notifications (chat_session_id bigint REFERENCES chat_sessions, mitra_id bigint);
CREATE TABLE auth_sessions (user_id bigint, expires_at timestamptz, revoked_at timestamptz);
CREATE TABLE app_config (key text PRIMARY KEY, value jsonb);
"""
MAPPING = """
[ids]
type = "bigint"
[tables]
mitras = "app.counselors"
mitra_online_status = "app.presence"
customers = "clients"
[columns.mitras]
id = "no"
display_name = "full_name"
is_active = "enabled"
[columns.mitra_online_status]
mitra_id = "no"
is_online = "online?"
last_heartbeat_at = "seen"
[extra.mitras]
tenant = { value = "100% rig" }
created = { sql = "now() - interval '1 day' * (7 % 4)" }
[values.chat_sessions.status]
searching = "WAITING"
active = "LIVE"
pending_payment = "AWAITING_PAYMENT"
ended = "DONE"
cancelled = "DROPPED"
[values.mitra_online_logs.status]
online = "ON"
offline = "OFF"
"""
AT = datetime(2026, 5, 25, 18, 7, 55, 123000, tzinfo=UTC)


def mapped(directory: Path, text: str) -> Schema:
    path = directory / "mapping.toml"
    path.write_text(text)
    return load_schema(path)


@pytest.fixture(scope="module")
def schema(tmp_path_factory: pytest.TempPathFactory) -> Schema:
    return mapped(tmp_path_factory.mktemp("mapping"), MAPPING)


@pytest.fixture(scope="module")
def database(stack: Stack, schema: Schema) -> Stack:  # noqa: F811
    with psycopg.connect(stack.postgres.url, autocommit=True) as owner:
        owner.execute(FOREIGN)
    make_views(stack.postgres.url, schema)
    return stack


@pytest.fixture
def fixtures(database: Stack, schema: Schema) -> Iterator[Fixtures]:
    with Fixtures(database.postgres.url, schema) as opened:
        opened.clear()
        yield opened


@pytest.fixture
def tables(database: Stack, schema: Schema) -> Iterator[Tables]:
    with Tables(database.postgres.observer_url, reading_path(schema)) as opened:
        yield opened


def test_what_is_planted_is_read_in_the_contracts_words(fixtures: Fixtures, tables: Tables) -> None:
    sari, dewi = fixtures.mitras(2, online=True)
    fixtures.update("mitra_online_status", sari.id, last_heartbeat_at=AT)
    fixtures.update("mitras", dewi.id, is_active=False)
    chat = fixtures.session(fixtures.customer("Agus"), sari, "pending_payment")
    fixtures.offer(chat, sari)
    query = (
        "SELECT m.id, display_name, is_active, is_online, last_heartbeat_at,"
        " (SELECT count(*) FROM chat_sessions s WHERE s.mitra_id = m.id AND s.status IN ('active', 'pending_payment'))"
        " FROM mitras m JOIN mitra_online_status ON mitra_id = m.id ORDER BY is_active DESC"
    )
    assert tables.query(query).rows == [
        (sari.id, sari.display_name, True, True, AT, 1),
        (dewi.id, dewi.display_name, False, True, None, 0),
    ]
    fixtures.update("chat_sessions", chat.id, status="ended")
    assert tables.query("SELECT id, status FROM chat_sessions WHERE mitra_id = %s", (sari.id,)).rows == [
        (chat.id, "ended")
    ]
    offered = "SELECT chat_session_id FROM chat_request_notifications WHERE mitra_id::text = ANY(%s)"
    assert tables.query(offered, ([sari.id],)).column == [chat.id]
    assert tables.query("SELECT status::text FROM public.chat_sessions").value == "DONE"
    assert tables.query("SELECT DISTINCT tenant FROM app.counselors").rows == [("100% rig",)]
    fixtures.clear()
    assert tables.query("SELECT count(*) FROM mitras").value == 0


def test_the_audit_keeps_its_order_and_says_online(fixtures: Fixtures, tables: Tables) -> None:
    tables.query("INSERT INTO public.mitra_online_logs (mitra_id, status) VALUES (9, 'ON'), (9, 'OFF'), (9, 'odd')")
    found = tables.query("SELECT id::float8, mitra_id, status FROM mitra_online_logs ORDER BY mitra_online_logs.id")
    assert [row[1:] for row in found.rows] == [("9", "online"), ("9", "offline"), ("9", "odd")]


def test_the_views_go(database: Stack, schema: Schema, tables: Tables) -> None:
    drop_views(database.postgres.url)
    assert tables.query("SELECT to_regnamespace('rig_contract')").value is None
    make_views(database.postgres.url, schema)
    make_views(database.postgres.url, schema)  # as after a run that was killed


@pytest.mark.parametrize(
    ("change", "told"),
    [
        (("app.presence", "app.absence"), "no table app.absence (mapped from mitra_online_status)"),
        (
            ('"enabled"', '"on"'),
            "no column app.counselors.on (mapped from mitras.is_active); the table has created, enabled",
        ),
        (("tenant =", "owner ="), "no column app.counselors.owner"),
    ],
)
def test_what_the_database_lacks_is_named(change: tuple[str, str], told: str, database: Stack, tmp_path: Path) -> None:
    with pytest.raises(SchemaMismatch) as caught:
        make_views(database.postgres.url, mapped(tmp_path, MAPPING.replace(*change)))
    assert told in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("[tables", "is no TOML"),
        ("[names]", "no key names (there are ids, tables, columns, extra, values)"),
        ('[ids]\ntype = "int"', "ids.type = 'int': input should be 'uuid', 'bigint' or 'text'"),
        ("[ids]\nkind = 1", "no key ids.kind (there are type)"),
        ('[tables]\nmitra = "m"', "[tables]: the contract has no table 'mitra' (there are mitras, customers"),
        ('[tables]\nmitras = "a.b.c"', "'a.b.c' is no name of a table"),
        ("[tables]\nmitras = 3", "tables.mitras = 3: input should be a valid string"),
        ('[columns.mitras]\nname = "n"', "[columns.mitras]: the contract has no column 'name' (there are id, phone"),
        ("[extra.mitras]\ntenant = 5", '[extra] extra.mitras.tenant: give one of { value = ... } and { sql = "..." }'),
        ("[extra.mitras]\nphone = { value = 1 }", "the rig fills phone itself"),
        ('[values.mitras.phone]\nx = "y"', "[values.mitras]: the contract has no column with fixed values 'phone'"),
        ('[values.chat_sessions.status]\npaid = "P"', "has no value 'paid' (there are searching, active"),
    ],
)
def test_a_file_that_cannot_be_used_is_refused_in_one_line(text: str, told: str, tmp_path: Path) -> None:
    with pytest.raises(MappingError) as caught:
        mapped(tmp_path, text)
    assert told in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_mapping_that_is_not_there_is_a_usage_error(tmp_path: Path) -> None:
    done = rig("checklist", "--only", "A", "--schema", str(tmp_path / "none.toml"), "--reports", str(tmp_path))
    assert done.returncode == 4
    assert done.stderr == f"rig: --schema {tmp_path}/none.toml: No such file or directory\n"


def told_of(schema: Schema, text: str) -> dict[str, object]:
    return {"text": text, "contract_text": translator(schema)(text), "parameters": []}


def test_foreign_sql_is_judged_by_the_contracts_names(schema: Schema) -> None:
    update = told_of(schema, 'UPDATE "app"."presence" AS p SET "online?" = false WHERE p.no = $1')
    assert writes(update, "mitra_online_status")
    assert fixes_one_mitra(update)
    assert not names(update, "mitras")
    join = told_of(schema, "select count(*) from App.Presence p join counselors c using (no) where c.enabled")
    assert is_availability_query(join)
    assert reads(join, "mitras")
    assert "is_active" in str(join["contract_text"])
    literal = told_of(schema, "INSERT INTO notes VALUES ('app.presence')")
    assert literal["contract_text"] == literal["text"]
    assert not names(
        told_of(schema, "SELECT * FROM customers"), "customers"
    )  # a table of theirs that means something else


def test_nothing_is_translated_where_nothing_is_mapped() -> None:
    assert translator(Schema())("SELECT 1 FROM mitras") is None
    assert reading_path(Schema()) == ""
