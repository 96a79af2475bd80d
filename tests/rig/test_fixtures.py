"""Rows put in by hand, against a real Postgres that holds the contract's tables and some of a server's own."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import psycopg
import pytest
from observed_stack import CONTRACT_TABLES, stack  # noqa: F401

from rig.fixtures import Fixtures, Schema
from rig.observe import Tables
from rig.stack import Stack

SERVERS_OWN = """
CREATE TABLE messages (session_id uuid NOT NULL REFERENCES chat_sessions (id), text text);
CREATE TABLE otp_requests (phone text);
CREATE SEQUENCE mirror_version;
"""
FOREIGN = """
CREATE SCHEMA app;
CREATE TABLE app.counselors (uid uuid PRIMARY KEY, phone text, name text, enabled boolean);
CREATE TABLE app.presence (counselor uuid PRIMARY KEY, "online?" boolean, seen timestamptz);
"""
AT = datetime(2026, 5, 25, 18, 7, 55, 123000, tzinfo=UTC)


@pytest.fixture(scope="module")
def database(stack: Stack) -> Stack:  # noqa: F811
    with psycopg.connect(stack.postgres.url, autocommit=True) as owner:
        for statements in (CONTRACT_TABLES, SERVERS_OWN, FOREIGN):
            owner.execute(statements)
    return stack


@pytest.fixture
def fixtures(database: Stack) -> Iterator[Fixtures]:
    with Fixtures(database.postgres.url) as opened:
        opened.clear()
        yield opened


@pytest.fixture
def tables(database: Stack) -> Iterator[Tables]:
    with Tables(database.postgres.observer_url) as opened:
        yield opened


def test_a_mitra_has_both_its_rows(fixtures: Fixtures, tables: Tables) -> None:
    sari = fixtures.mitra("Sari", online=True, active=False, last_heartbeat_at=AT)
    query = (
        "SELECT id::text, phone, display_name, is_active, is_online, last_heartbeat_at"
        " FROM mitras JOIN mitra_online_status ON mitra_id = id"
    )
    assert tables.query(query).rows == [(sari.id, sari.phone, "Sari", False, True, AT)]
    assert sari.phone.startswith("+628")
    assert tables.query("SELECT count(*) FROM mitra_online_logs").value == 0


def test_many_mitras_differ(fixtures: Fixtures, tables: Tables) -> None:
    rows = fixtures.mitras(300, online=True)
    assert len({row.id for row in rows}) == len({row.phone for row in rows}) == 300
    assert tables.query("SELECT count(*) FROM mitra_online_status WHERE is_online").value == 300
    assert [row.display_name for row in fixtures.mitras(2, "Budi")] == ["Budi 1", "Budi 2"]


def test_a_session_in_each_state(fixtures: Fixtures, tables: Tables) -> None:
    customer, mitra = fixtures.customer("Rina"), fixtures.mitra()
    searching = fixtures.session(customer, status="searching", duration_seconds=60)
    active = fixtures.session(customer.id, mitra.id, "active", 600)
    ended = fixtures.session(customer, mitra, "ended", ends_at=AT)
    fixtures.offer(searching, mitra)
    rows = tables.query("SELECT id::text, mitra_id::text, status, duration_seconds, ends_at FROM chat_sessions").rows
    assert {row[0]: row[1:] for row in rows} == {
        searching.id: (None, "searching", 60, None),
        active.id: (mitra.id, "active", 600, active.ends_at),
        ended.id: (mitra.id, "ended", 1800, AT),
    }
    assert active.ends_at is not None
    assert timedelta(seconds=590) < active.ends_at - datetime.now(UTC) <= timedelta(seconds=600)
    offers = tables.query("SELECT chat_session_id::text, mitra_id::text FROM chat_request_notifications").rows
    assert offers == [(searching.id, mitra.id)]


def test_a_setting_comes_changes_and_goes(fixtures: Fixtures, tables: Tables) -> None:
    query = "SELECT value, jsonb_typeof(value) FROM app_config WHERE key = 'stale_after_seconds'"
    for value in (15, 90):
        fixtures.setting("stale_after_seconds", value)
        assert tables.query(query).rows == [(value, "number")]
    fixtures.setting("stale_after_seconds", None)
    assert tables.query(query).rows == []


def test_a_row_is_changed_by_hand(fixtures: Fixtures, tables: Tables) -> None:
    sari, dewi = fixtures.mitra(), fixtures.mitra()
    assert fixtures.update("mitras", sari.id, is_active=False) == 1
    assert fixtures.update("mitra_online_status", sari.id, is_online=True, last_heartbeat_at=AT) == 1
    assert fixtures.update("mitras", "00000000-0000-0000-0000-000000000999", is_active=False) == 0
    rows = tables.query("SELECT mitra_id::text, is_online FROM mitra_online_status").rows
    assert dict(rows) == {sari.id: True, dewi.id: False}


def test_clearing_empties_the_contract_and_what_hangs_on_it(fixtures: Fixtures, tables: Tables) -> None:
    session = fixtures.session(fixtures.customer(), fixtures.mitra())
    tables.query("INSERT INTO messages VALUES (%s, 'halo')", (session.id,))
    tables.query("INSERT INTO otp_requests VALUES ('+628')")
    version = tables.query("SELECT nextval('mirror_version')").value
    fixtures.clear()
    for table in ("mitras", "mitra_online_status", "customers", "chat_sessions", "messages"):
        assert tables.query(f"SELECT count(*) FROM {table}").value == 0
    assert tables.query("SELECT count(*) FROM otp_requests").value > 0
    assert tables.query("SELECT nextval('mirror_version')").value == version + 1


def test_tables_that_are_not_there_are_no_error(database: Stack) -> None:
    url = database.postgres.observer_url.rpartition("/")[0] + "/postgres"
    with Fixtures(url) as elsewhere:
        elsewhere.clear()


def test_a_restart_of_postgres_is_survived(fixtures: Fixtures, database: Stack) -> None:
    fixtures.mitra()
    database.postgres.stop()
    database.postgres.start()
    fixtures.mitra()


def test_a_foreign_schema_is_written_under_its_own_names(database: Stack, tables: Tables) -> None:
    names = Schema(
        tables={"mitras": "app.counselors", "mitra_online_status": "app.presence"},
        columns={
            "mitras.id": "uid",
            "mitras.display_name": "name",
            "mitras.is_active": "enabled",
            "mitra_online_status.mitra_id": "counselor",
            "mitra_online_status.is_online": "online?",
            "mitra_online_status.last_heartbeat_at": "seen",
        },
    )
    with Fixtures(database.postgres.url, names) as foreign:
        sari = foreign.mitra("Sari", online=True)
        foreign.update("mitra_online_status", sari.id, last_heartbeat_at=AT)
        query = (
            'SELECT uid::text, name, enabled, "online?", seen FROM app.counselors JOIN app.presence ON counselor = uid'
        )
        assert tables.query(query).rows == [(sari.id, "Sari", True, True, AT)]
        foreign.clear()
        assert tables.query(query).rows == []


def test_a_misspelt_table_is_refused() -> None:
    with pytest.raises(ValueError, match=r"no table of the contract: mitra \(there are mitras, "):
        Schema(columns={"mitra.id": "uid"})
