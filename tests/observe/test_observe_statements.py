"""The statement log, against a real Postgres: who sent what, how often, and when it was committed."""

import asyncio
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import asyncpg
import psycopg
import pytest

from rig.observe import NoStatementLog, Statement, StatementLog, Tables
from rig.stack import Stack
from tests.support.observed_stack import stack  # noqa: F401

Connection = psycopg.Connection


@pytest.fixture
def tables(stack: Stack) -> Iterator[Tables]:  # noqa: F811
    with Tables(stack.postgres.observer_url) as opened:
        yield opened


@pytest.fixture(scope="module")
def log(stack: Stack) -> StatementLog:  # noqa: F811
    with psycopg.connect(stack.postgres.url, autocommit=True) as owner:
        owner.execute("CREATE TABLE IF NOT EXISTS mitras (id int PRIMARY KEY, name text)")
        owner.execute(
            "CREATE TABLE IF NOT EXISTS chats (mitra int REFERENCES mitras (id) DEFERRABLE INITIALLY DEFERRED)"
        )
    return StatementLog(stack.postgres.statement_log, roles={"sut_a": "a", "sut_b": "b"}, observers={"rig"})


@pytest.fixture
def a(stack: Stack) -> Iterator[Connection]:  # noqa: F811
    with psycopg.connect(stack.postgres.login("a").url, autocommit=True) as connection:
        connection.execute("TRUNCATE mitras CASCADE")
        yield connection


class Window:
    """What was logged from the test's beginning on."""

    def __init__(self, log: StatementLog, tables: Tables) -> None:
        self._log, self._tables = log, tables
        self.log = log
        log.fence(tables.connection)
        self._known = set(map(id, log.window()))

    def all(self) -> list[Statement]:
        self._log.fence(self._tables.connection)
        return [statement for statement in self._log.window() if id(statement) not in self._known]

    def of(self, instance: str | None, kind: str | None = None) -> list[Statement]:
        return [
            statement
            for statement in self.all()
            if statement.instance == instance and (statement.kind == kind if kind else statement.kind != "observer")
        ]

    def one(self, part: str) -> Statement:
        [found] = [statement for statement in self.all() if part in statement.text]
        return found


@pytest.fixture
def window(log: StatementLog, a: Connection, tables: Tables) -> Window:
    return Window(log, tables)


def test_statements_are_told_apart_by_login_role(window: Window, stack: Stack, a: Connection) -> None:  # noqa: F811
    with psycopg.connect(stack.postgres.login("b").url, autocommit=True) as b:
        b.execute("SELECT count(*) FROM mitras")
    a.execute("SELECT name FROM mitras")
    with psycopg.connect(stack.postgres.url, autocommit=True) as owner:
        owner.execute("SELECT id FROM mitras")
    assert [s.text for s in window.of("a", "work")] == ["SELECT name FROM mitras"]
    assert [s.text for s in window.of("b", "work")] == ["SELECT count(*) FROM mitras"]
    unknown = window.of(None)
    assert [(s.text, s.kind, s.role) for s in unknown] == [("SELECT id FROM mitras", "unknown", "mirror")]


def test_parameters_come_whole(window: Window, a: Connection) -> None:
    names = ["o'x", 'say "hi"', "x" * 5000, None, "a, $2 = 'b'"]
    a.execute("INSERT INTO mitras SELECT %s, unnest(%s::text[]) LIMIT 1", (7, names))
    a.execute("UPDATE mitras SET name = %s WHERE id = %s AND name <> %s", (None, 7, "a', $9 = 'b"))
    [insert, update] = window.of("a", "work")
    assert insert.parameters[0] == "7"
    assert "x" * 5000 in (insert.parameters[1] or "")
    assert update.parameters == [None, "7", "a', $9 = 'b"]
    assert update.plain()["parameters"] == update.parameters


def test_what_a_driver_says_is_not_work(window: Window, stack: Stack) -> None:  # noqa: F811
    async def talk() -> None:
        async with asyncpg.create_pool(stack.postgres.login("a").url, min_size=1, max_size=1) as pool:
            await pool.execute("SELECT count(*) FROM mitras WHERE id = ANY($1::int[])", [1, 2])
            async with pool.acquire() as connection, connection.transaction():
                await connection.fetch("SELECT $1::regtype[] IS NULL, name FROM mitras", None)
                async for _ in connection.cursor("SELECT id FROM mitras"):
                    pass

    asyncio.run(talk())
    work = [s.text for s in window.of("a", "work")]
    assert work == [
        "SELECT count(*) FROM mitras WHERE id = ANY($1::int[])",
        "SELECT $1::regtype[] IS NULL, name FROM mitras",
        "SELECT id FROM mitras",
    ]
    assert any("RESET ALL" in s.text for s in window.of("a", "driver"))


@pytest.mark.parametrize("failing", ["SELEC name", "SELECT * FROM no_such_table", "SELECT 1/0 FROM mitras"])
def test_a_failed_statement_counts_once(window: Window, a: Connection, failing: str) -> None:
    a.execute("INSERT INTO mitras VALUES (1, 'Sari')")
    with pytest.raises(psycopg.Error):
        a.execute(failing)
    found = window.one(failing)
    assert (found.severity, found.kind, found.committed_at) == ("ERROR", "work", None)


def test_a_refused_statement_with_parameters_counts_once(window: Window, a: Connection) -> None:
    a.execute("INSERT INTO mitras VALUES (%s, %s)", (1, "Sari"))
    with pytest.raises(psycopg.errors.UniqueViolation):
        a.execute("INSERT INTO mitras VALUES (%s, %s)", (1, "again"))
    assert [s.severity for s in window.of("a", "work")] == ["LOG", "ERROR"]


def test_a_statement_of_a_transaction_is_committed_with_it(window: Window, a: Connection) -> None:
    with a.transaction():
        a.execute("INSERT INTO mitras VALUES (1, 'Sari')")
        insert = window.one("INSERT")
        assert window.log.committed_at(insert) is None  # not yet
        a.execute("SELECT pg_sleep(0.02)")
    commit = window.one("COMMIT")
    assert window.log.committed_at(insert) == insert.committed_at == commit.at > insert.at
    assert insert.plain()["committed_at"] == commit.at


def test_a_statement_on_its_own_is_committed_by_its_own_line(window: Window, a: Connection) -> None:
    a.execute("INSERT INTO mitras VALUES (1, 'Sari')")
    insert = window.one("INSERT")
    assert insert.committed_at == insert.at


def test_a_rolled_back_transaction_has_no_time_of_commit(window: Window, a: Connection) -> None:
    with a.transaction(force_rollback=True):
        a.execute("INSERT INTO mitras VALUES (1, 'Sari')")
    a.execute("UPDATE mitras SET name = 'Dewi'")
    assert window.one("INSERT").committed_at is None
    assert window.one("UPDATE").committed_at is not None


def test_a_transaction_with_an_error_is_not_committed_by_its_commit(window: Window, a: Connection) -> None:
    a.execute("BEGIN")
    a.execute("INSERT INTO mitras VALUES (1, 'Sari')")
    with pytest.raises(psycopg.Error):
        a.execute("SELEC")
    a.execute("COMMIT")
    assert window.one("INSERT").committed_at is None


def test_a_savepoint_takes_back_only_what_came_after_it(window: Window, a: Connection) -> None:
    with a.transaction():
        a.execute("INSERT INTO mitras VALUES (1, 'kept')")
        with suppress(psycopg.errors.UniqueViolation), a.transaction():
            a.execute("INSERT INTO mitras VALUES (2, 'undone')")
            a.execute("INSERT INTO mitras VALUES (1, 'twice')")
        with a.transaction():
            a.execute("INSERT INTO mitras VALUES (3, 'nested')")
    commit = window.one("COMMIT")
    assert window.one("kept").committed_at == commit.at
    assert window.one("nested").committed_at == commit.at
    assert window.one("undone").committed_at is None
    assert window.one("twice").committed_at is None


def test_a_refused_commit_commits_nothing(window: Window, a: Connection) -> None:
    with pytest.raises(psycopg.errors.ForeignKeyViolation):
        with a.transaction():
            a.execute("INSERT INTO chats VALUES (99)")
    assert window.one("INSERT").committed_at is None


def test_a_whole_transaction_in_one_query_counts_by_its_own_line(window: Window, a: Connection) -> None:
    a.execute("BEGIN; INSERT INTO mitras VALUES (1, 'one'); COMMIT")
    a.execute("SELECT name FROM mitras")
    whole = window.one("INSERT")
    assert whole.kind == "work"
    assert whole.committed_at == whole.at
    assert window.one("SELECT name").committed_at is not None


def test_a_prepared_text_does_not_hide_what_it_runs(window: Window, a: Connection) -> None:
    a.execute("PREPARE peek AS SELECT name FROM mitras")
    a.execute("EXECUTE peek")
    assert "name FROM mitras" in window.one("EXECUTE peek").text


def test_a_window_is_bounded_by_its_times(window: Window, a: Connection) -> None:
    a.execute("SELECT 'first' FROM mitras")
    a.execute("SELECT pg_sleep(0.003)")  # logged times are cut to the millisecond
    between = time.time()
    a.execute("SELECT 'second' FROM mitras")
    window.all()
    later = [s.text for s in window.log.window(between) if s.instance == "a"]
    earlier = [s.text for s in window.log.window(None, between - 0.002) if s.instance == "a"]
    assert len(later) == 1
    assert "second" in later[0]
    assert not any("second" in text for text in earlier)


def test_the_log_goes_on_after_a_restart(window: Window, tables: Tables, stack: Stack) -> None:  # noqa: F811
    stack.postgres.stop()
    stack.postgres.start()
    with psycopg.connect(stack.postgres.login("a").url, autocommit=True) as again:
        again.execute("SELECT 'after' FROM mitras")
    assert window.one("'after'").instance == "a"


def test_a_log_that_stays_silent_is_named(tables: Tables, tmp_path: Path) -> None:
    with pytest.raises(TimeoutError, match="log_statement") as caught:
        StatementLog(tmp_path, roles={}, observers={"rig"}).fence(tables.connection, within_s=0.05)
    assert str(tmp_path) in str(caught.value)


def test_a_postgres_whose_log_is_out_of_reach_is_a_missing_capability(tables: Tables) -> None:
    log = StatementLog(None, roles={}, observers=set())
    assert not log.available
    for read in (log.window, lambda: log.fence(tables.connection)):
        with pytest.raises(NoStatementLog, match="give its directory"):
            read()


def test_roles_may_be_a_function(stack: Stack, window: Window, a: Connection, tables: Tables) -> None:  # noqa: F811
    a.execute("SELECT name FROM mitras")
    log = StatementLog(stack.postgres.statement_log, roles=lambda role: role[4:] or None, observers={"rig"})
    log.fence(tables.connection)
    assert "a" in {s.instance for s in log.window()}


def test_a_login_that_rig_and_server_share_is_told_by_the_connections_names(stack: Stack) -> None:  # noqa: F811
    """Any name of a login: what bears the rig's name is the rig's, all else is the instance's that has the login."""
    log = StatementLog(
        stack.postgres.statement_log,
        lambda role: None,
        frozenset(),
        shared={"mirror": "a"}.get,
        ours="rig-",
        database="mirror",
    )
    began = time.time()
    for name in ("rig-stack", "server", ""):
        with psycopg.connect(stack.postgres.url, autocommit=True, application_name=name) as connection:
            connection.execute(f"SELECT 'by {name}'")
    with psycopg.connect(stack.postgres.observer_url, autocommit=True) as stranger:
        stranger.execute("SELECT 'by somebody'")
    with Tables(stack.postgres.observer_url) as tables:
        log.fence(tables.connection)
    kinds = {one.text: (one.kind, one.instance) for one in log.window(began) if one.text.startswith("SELECT 'by")}
    assert kinds == {
        "SELECT 'by rig-stack'": ("observer", None), "SELECT 'by server'": ("work", "a"), "SELECT 'by '": ("work", "a"),
        "SELECT 'by somebody'": ("unknown", None),
    }  # fmt: skip


def test_a_role_of_one_instance_alone_is_not_talked_out_of_it(stack: Stack) -> None:  # noqa: F811
    """A server that calls itself by the rig's name is counted all the same."""
    log = StatementLog(
        stack.postgres.statement_log,
        stack.postgres.instance_of,
        stack.postgres.observers,
        ours="rig-",
        database="mirror",
    )
    began = time.time()
    with psycopg.connect(stack.postgres.login("a").url, autocommit=True, application_name="rig-observer") as sly:
        sly.execute("SELECT 'sly'")
    with Tables(stack.postgres.observer_url) as tables:
        log.fence(tables.connection)
    assert [(one.kind, one.instance) for one in log.window(began) if one.text == "SELECT 'sly'"] == [("work", "a")]
