"""Somebody else's Postgres with pg_stat_statements and no log: instances keep their roles and share their tables."""

from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest

from rig.observe.postgres.pg_stat_statements import CountedLedger
from rig.stack import Stack, StackSpec, Supervisor, open_stack
from rig.stack.embedded.valkey import EmbeddedValkey
from rig.stack.external.postgres import ExternalPostgres
from rig.stack.external.scratch_mark import mark
from tests.support.debian_postgres import DebianPostgres, debian  # noqa: F401


@pytest.fixture
def stack(debian: DebianPostgres, tmp_path: Path) -> Iterator[Stack]:  # noqa: F811
    """The reference server's, on an empty database."""
    with psycopg.connect(debian.observer_url, autocommit=True) as connection:
        connection.execute("DROP SCHEMA public CASCADE; CREATE SCHEMA public")
    with Supervisor.start() as supervisor:
        valkey = EmbeddedValkey(supervisor, "lender", tmp_path)
        valkey.create()
        mark(debian.observer_url, valkey.url)
        spec = StackSpec(logs=tmp_path, mode="external", scratch=True, postgres=debian.observer_url, valkey=valkey.url)
        try:
            with open_stack(spec, supervisor, "borrower") as opened:
                yield opened
        finally:
            valkey.close()


def rows(url: str, query: str) -> list[tuple]:
    with psycopg.connect(url, autocommit=True) as connection:
        return connection.execute(query).fetchall()


def test_two_servers_start_at_once_on_an_empty_database(stack: Stack, debian: DebianPostgres) -> None:  # noqa: F811
    ledger = CountedLedger(debian.observer_url, stack.postgres.instance_of, {"rig"})
    a, b = stack.server("a", proxied=False), stack.server("b", proxied=False)
    ledger.begin()
    for server in (a, b):
        server.spawn()
    for server in (a, b):
        server.wait_ready(15)
    for server in (a, b):
        server.stop()
    entries = ledger.end()
    assert not [entry for entry in entries if entry.kind == "unknown"]
    assert {entry.instance for entry in entries if entry.kind == "work"} == {"a", "b"}
    owners = "SELECT DISTINCT tableowner FROM pg_tables WHERE schemaname = 'public'"
    assert rows(debian.observer_url, owners) == [("rig",)]
    stack.close()
    assert rows(debian.observer_url, "SELECT rolname FROM pg_roles WHERE rolname LIKE 'sut%'") == []
    assert rows(debian.observer_url, "SELECT evtname FROM pg_event_trigger") == []
    assert rows(debian.observer_url, "SELECT count(*) > 5 FROM pg_tables WHERE schemaname = 'public'") == [(True,)]


@pytest.mark.parametrize("superuser", [True, False])
def test_what_one_makes_the_other_may_use(debian: DebianPostgres, superuser: bool) -> None:  # noqa: F811
    with psycopg.connect(debian.observer_url, autocommit=True) as connection:
        connection.execute("ALTER ROLE mirror CREATEROLE")
        connection.execute("DROP SCHEMA public CASCADE; CREATE SCHEMA public AUTHORIZATION pg_database_owner")
    external = ExternalPostgres(debian.observer_url if superuser else debian.url, None)
    external.create()
    assert external.by_grants
    x, y = external.login("x"), external.login("y")
    with psycopg.connect(x.url, autocommit=True) as connection:
        assert connection.execute("SELECT session_user, current_user").fetchone() == (x.role, x.role)
        connection.execute("CREATE TABLE made (id bigserial PRIMARY KEY, n int GENERATED ALWAYS AS IDENTITY)")
    with psycopg.connect(y.url, autocommit=True) as connection:
        connection.execute("INSERT INTO made DEFAULT VALUES")
        connection.execute("CREATE TABLE referring (id bigint REFERENCES made (id))")
        connection.execute("UPDATE made SET id = 9")
        if superuser:  # without one it stays the maker's until the end
            connection.execute("ALTER TABLE made ADD COLUMN more text")
    external.login("x")
    external.close()
    owner = "rig" if superuser else "mirror"
    assert rows(debian.observer_url, "SELECT DISTINCT tableowner FROM pg_tables WHERE schemaname = 'public'") == [
        (owner,)
    ]
    assert rows(debian.observer_url, "SELECT rolname FROM pg_roles WHERE rolname LIKE 'sut%'") == []


def test_with_its_log_the_instances_act_as_the_owner(debian: DebianPostgres) -> None:  # noqa: F811
    external = ExternalPostgres(debian.observer_url, debian.statement_log)
    external.create()
    login = external.login("x")
    assert rows(login.url, "SELECT session_user::text, current_user::text") == [(login.role, "rig")]
    external.close()
