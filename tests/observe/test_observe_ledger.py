"""One ledger by two sources: Postgres' log and its pg_stat_statements agree on what the instances did."""

import asyncio
from collections.abc import Iterator

import asyncpg
import psycopg
import pytest

from rig.observe import StatementLog, Tables
from rig.observe.errors import CannotObserve
from rig.observe.postgres.ledger import Entry, LedgerBroken
from rig.observe.postgres.pg_stat_statements import CountedLedger
from tests.support.debian_postgres import DebianPostgres, debian  # noqa: F401
from tests.support.log_ledger import LogLedger
from tests.support.observed_stack import CONTRACT_TABLES

ROLES = {"sut_a": "a", "sut_b": "b"}
OBSERVERS = {"rig"}


@pytest.fixture(scope="module")
def instances(debian: DebianPostgres) -> dict[str, str]:  # noqa: F811
    """URLs of two login roles that keep their role: pg_stat_statements records the current one."""
    with psycopg.connect(debian.observer_url, autocommit=True) as connection:
        connection.execute(CONTRACT_TABLES)
        for role in ROLES:
            connection.execute(f"CREATE ROLE {role} LOGIN PASSWORD 'word' SUPERUSER")
    place = debian.observer_url.rpartition("@")[2]
    return {name: f"postgresql://{role}:word@{place}" for role, name in ROLES.items()}


@pytest.fixture
def tables(debian: DebianPostgres) -> Iterator[Tables]:  # noqa: F811
    with Tables(debian.observer_url) as opened:
        yield opened


@pytest.fixture
def counted(debian: DebianPostgres) -> CountedLedger:  # noqa: F811
    return CountedLedger(debian.observer_url, ROLES, OBSERVERS)


async def act(url: str) -> None:
    """What servers do: a pool, a transaction, prepared statements, literals, lists of any length, two at once."""
    async with asyncpg.create_pool(url, min_size=1, max_size=1) as pool:
        for n in range(3):
            await pool.execute("INSERT INTO customers (id, phone, display_name) VALUES (gen_random_uuid(), $1, $2)"
                               " ON CONFLICT DO NOTHING", f"+{n}", "x")  # fmt: skip
        await pool.fetchval("SELECT 1")
        async with pool.acquire() as connection, connection.transaction():
            await connection.fetch("SELECT id FROM mitras WHERE phone IN ('1', '2', '3') AND is_active")
            await connection.fetch("SELECT id  FROM mitras WHERE phone IN ('1') AND is_active -- again")
        await pool.execute("UPDATE customers SET display_name = 'y' WHERE phone = '1'; SELECT count(*) FROM mitras")


def work(entries: list[Entry]) -> dict[tuple[str | None, str], int]:
    return {(entry.instance, entry.template): entry.calls for entry in entries if entry.kind == "work"}


def test_both_sources_agree(
    debian: DebianPostgres, instances: dict[str, str], tables: Tables, counted: CountedLedger  # noqa: F811
) -> None:  # fmt: skip
    logged = LogLedger(StatementLog(debian.statement_log, roles=ROLES, observers=OBSERVERS), tables)
    for ledger in (logged, counted):
        ledger.begin()
    asyncio.run(act(instances["a"]))
    asyncio.run(act(instances["b"]))
    asyncio.run(act(instances["b"]))
    by_log, by_counters = logged.end(), counted.end()
    insert = "INSERT INTO customers (id, phone, display_name) VALUES (gen_random_uuid(), ?, ?) ON CONFLICT DO NOTHING"
    expected = {
        insert: 3,
        "SELECT id FROM mitras WHERE phone IN (?) AND is_active": 2,
        "UPDATE customers SET display_name = ? WHERE phone = ?": 1,
        "SELECT count(*) FROM mitras": 1,
    }
    wanted = {(name, text): n * times for name, times in (("a", 1), ("b", 2)) for text, n in expected.items()}
    assert work(by_log) == wanted
    assert work(by_counters) == wanted
    for entries in (by_log, by_counters):
        assert not [entry for entry in entries if entry.kind == "unknown"]
        driver = {entry.template.rstrip(";") for entry in entries if entry.kind == "driver" and entry.instance == "a"}
        assert {"BEGIN", "COMMIT", "SELECT ?"} <= driver
        assert all(entry.role == "rig" for entry in entries if entry.kind == "observer")
    [example] = [e for e in by_counters if e.instance == "a" and e.template == insert]
    assert "$1" in example.example
    assert example.plain()["calls"] == 3


def test_a_role_that_is_nobodys_is_unknown(debian: DebianPostgres, counted: CountedLedger) -> None:  # noqa: F811
    counted.begin()
    with psycopg.connect(debian.url, autocommit=True) as owner:
        owner.execute("SELECT 17 + 4")
    [entry] = [entry for entry in counted.end() if entry.kind == "unknown"]
    assert (entry.role, entry.instance, entry.template, entry.calls) == ("mirror", None, "SELECT ? + ?", 1)


def test_counts_that_were_reset_are_none(debian: DebianPostgres, counted: CountedLedger) -> None:  # noqa: F811
    counted.begin()
    with psycopg.connect(debian.observer_url, autocommit=True) as connection:
        connection.execute("SELECT pg_stat_statements_reset()")
    with pytest.raises(LedgerBroken, match="lost counts"):
        counted.end()


def test_what_is_missing_is_said(debian: DebianPostgres, counted: CountedLedger) -> None:  # noqa: F811
    with pytest.raises(CannotObserve, match="GRANT pg_read_all_stats"):
        CountedLedger(debian.url, ROLES, {"mirror"})
    with psycopg.connect(debian.observer_url, autocommit=True) as connection:
        connection.execute("ALTER ROLE rig SET pg_stat_statements.track = 'none'")
    try:
        with pytest.raises(CannotObserve, match="track = none"):
            CountedLedger(debian.observer_url, ROLES, OBSERVERS)
    finally:
        with psycopg.connect(debian.observer_url, autocommit=True) as connection:
            connection.execute("ALTER ROLE rig RESET pg_stat_statements.track")
