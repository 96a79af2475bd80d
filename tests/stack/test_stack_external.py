"""Services of somebody else's: refused unless marked and declared scratch, then used and left as found."""

from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest
import redis

from rig.stack import SpecError, Stack, StackError, StackSpec, Supervisor, open_stack
from rig.stack.embedded.valkey import client
from rig.stack.external.scratch_mark import mark
from rig.stores import Lacks
from tests.support.given_stores import pgbouncer
from tests.support.stack_support import rig, spec_of


@pytest.fixture(scope="module")
def supervisor() -> Iterator[Supervisor]:
    with Supervisor.start() as started:
        yield started


@pytest.fixture(scope="module")
def lender(supervisor: Supervisor, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """A stack whose services play somebody else's."""
    with open_stack(spec_of(tmp_path_factory.mktemp("lender")), supervisor, "lender") as opened:
        yield opened


@pytest.fixture
def lent(lender: Stack) -> Iterator[Stack]:
    yield lender
    with client(lender.valkey.url) as connection:
        connection.flushall()
    with psycopg.connect(lender.postgres.url, autocommit=True) as connection:
        connection.execute("DROP TABLE IF EXISTS rig_scratch, mitras")


def borrowed(lent: Stack, logs: Path, **more: object) -> StackSpec:
    urls = {"postgres": lent.postgres.observer_url, "valkey": lent.valkey.url, "toxiproxy": lent.toxiproxy.url}
    return spec_of(logs, mode="external", **{**urls, "scratch": True, **more})


def refused(spec: StackSpec, supervisor: Supervisor) -> str:
    with pytest.raises(SpecError) as caught, open_stack(spec, supervisor, "borrower"):
        pass
    return str(caught.value)


def test_without_the_word_scratch(lent: Stack, supervisor: Supervisor, tmp_path: Path) -> None:
    mark(lent.postgres.observer_url, lent.valkey.url)
    assert "add --scratch" in refused(borrowed(lent, tmp_path, scratch=False), supervisor)


def test_without_a_mark(lent: Stack, supervisor: Supervisor, tmp_path: Path) -> None:
    assert "the Postgres given has no table rig_scratch" in refused(borrowed(lent, tmp_path), supervisor)
    mark(lent.postgres.observer_url, None)
    assert "the Valkey given has no key rig:scratch" in refused(borrowed(lent, tmp_path), supervisor)


@pytest.mark.parametrize("database", [0, 5])
def test_a_valkey_in_use_is_neither_used_nor_marked(
    lent: Stack, supervisor: Supervisor, tmp_path: Path, database: int
) -> None:
    mark(lent.postgres.observer_url, None)
    with client(lent.valkey.url.removesuffix("/0") + f"/{database}") as connection:
        connection.set("somebody", "else's")
    assert f"is in use (db{database}: 1 keys)" in refused(borrowed(lent, tmp_path), supervisor)
    with pytest.raises(SpecError, match="never touched"):
        mark(lent.postgres.observer_url, lent.valkey.url)
    with client(lent.valkey.url) as connection:
        assert not connection.exists("rig:scratch")


def test_a_postgres_in_use_is_not_marked(lent: Stack) -> None:
    with psycopg.connect(lent.postgres.url, autocommit=True) as connection:
        connection.execute("CREATE TABLE mitras AS SELECT 1 AS id")
    with pytest.raises(SpecError, match=r"holds rows \(table public.mitras\)"):
        mark(lent.postgres.observer_url, lent.valkey.url)
    with client(lent.valkey.url) as connection:
        assert not connection.exists("rig:scratch")  # one of two refused: neither is marked


def test_one_that_cannot_be_reached(supervisor: Supervisor, tmp_path: Path) -> None:
    spec = spec_of(
        tmp_path, mode="external", scratch=True, postgres="postgresql://127.0.0.1:1/x", valkey="redis://127.0.0.1:1"
    )
    with pytest.raises(StackError, match="the Postgres given cannot be reached"), open_stack(spec, supervisor):
        pass


def test_it_is_used_and_left_as_found(lent: Stack, supervisor: Supervisor, tmp_path: Path) -> None:
    mark(lent.postgres.observer_url, lent.valkey.url)
    with open_stack(borrowed(lent, tmp_path), supervisor, "borrower") as stack:
        server = stack.server("x")
        assert server.proxy == "valkey-x"
        assert (stack.postgres.instance_of(server.role), stack.valkey.instance_of(server.valkey_user)) == ("x", "x")
        with psycopg.connect(server.seat.database_url) as connection:
            assert connection.execute("SELECT session_user, current_user").fetchone() == (server.role, "rig")
        with client(server.seat.valkey_url) as connection:
            assert connection.execute_command("ACL", "WHOAMI") == server.valkey_user
            connection.flushdb()
        for action in (stack.postgres.stop, stack.valkey.kill, stack.valkey.pause):
            with pytest.raises(StackError, match="not ours to"):
                action()
        assert not stack.postgres.managed
        assert stack.postgres.statement_log is None
        server.start()
        server.stop()
    with psycopg.connect(lent.postgres.observer_url) as connection:
        assert connection.execute("SELECT count(*) FROM pg_roles WHERE rolname LIKE 'sut%'").fetchone() == (0,)
    with client(lent.valkey.url) as connection:
        assert connection.exists("rig:scratch")  # the run flushed it, and put it back
        assert not [user for user in connection.acl_users() if user.startswith("sut-") and user.endswith("-x")]
    assert "valkey-x" not in lent.toxiproxy.proxies()
    assert lent.valkey.alive()


def test_with_fewer_rights_instances_share_the_given_login(lent: Stack, supervisor: Supervisor, tmp_path: Path) -> None:
    mark(lent.postgres.url, lent.valkey.url)
    with client(lent.valkey.url) as connection:
        connection.execute_command("ACL", "SETUSER", "plain", "on", ">word", "~*", "&*", "+@all", "-acl")
    valkey = f"redis://plain:word@127.0.0.1:{lent.valkey.port}/0"
    spec = borrowed(lent, tmp_path, postgres=lent.postgres.url, valkey=valkey)
    with open_stack(spec, supervisor, "borrower") as stack:
        server = stack.server("x")
        assert (server.role, server.valkey_user) == ("mirror", "plain")
        assert not stack.postgres.roles_of_their_own
        with redis.Redis.from_url(server.seat.valkey_url, protocol=2) as connection:
            assert connection.ping()


def test_the_command_marks_and_refuses(lent: Stack) -> None:
    urls = ("--postgres", lent.postgres.observer_url, "--valkey", lent.valkey.url)
    done = rig("mark", *urls)
    assert (done.returncode, done.stderr) == (0, "")
    assert "marked Postgres: table rig_scratch" in done.stdout
    assert rig("mark", *urls).returncode == 0  # once more is no error
    with client(lent.valkey.url) as connection:
        connection.delete("rig:scratch")
        connection.set("somebody", "else's")
    done = rig("mark", *urls)
    assert done.returncode == 4
    assert "is in use (db0: 1 keys)" in done.stderr
    assert rig("mark").returncode == 4


def test_a_proxy_of_another_rig_is_not_taken_over(lent: Stack, supervisor: Supervisor, tmp_path: Path) -> None:
    mark(lent.postgres.observer_url, lent.valkey.url)
    lent.server("y")
    with open_stack(borrowed(lent, tmp_path), supervisor, "borrower") as stack:
        with pytest.raises(StackError, match="has a proxy valkey-y that is not ours"):
            stack.server("y")
    assert "valkey-y" in lent.toxiproxy.proxies()


def test_two_rigs_on_one_server_stand_side_by_side(lent: Stack, supervisor: Supervisor, tmp_path: Path) -> None:
    """Each in a database of its own, in both stores: the second leaves the first's login roles and users alone."""
    for name in ("one", "two"):
        with psycopg.connect(lent.postgres.observer_url, autocommit=True) as connection:
            connection.execute(f"CREATE DATABASE {name}")
    specs = []
    for number, name in enumerate(("one", "two")):
        postgres = lent.postgres.observer_url.replace("/mirror", f"/{name}")
        valkey = lent.valkey.url.removesuffix("/0") + f"/{number}"
        mark(postgres, valkey)
        specs.append(borrowed(lent, tmp_path, postgres=postgres, valkey=valkey, toxiproxy=None))
    with open_stack(specs[0], supervisor, "first") as first:
        a = first.server("a", proxied=False)
        with open_stack(specs[1], supervisor, "second") as second:
            b = second.server("a", proxied=False)
            assert a.role != b.role
            assert a.valkey_user != b.valkey_user
        with psycopg.connect(a.seat.database_url) as connection:
            assert connection.execute("SELECT current_database(), session_user").fetchone() == ("one", a.role)
        with client(a.seat.valkey_url) as connection:
            assert connection.execute_command("ACL", "WHOAMI") == a.valkey_user
    with psycopg.connect(lent.postgres.observer_url, autocommit=True) as connection:
        for name in ("one", "two"):
            connection.execute(f"DROP DATABASE {name} WITH (FORCE)")


def test_roles_that_a_killed_rig_left_are_dropped_by_the_next_one_there(
    lent: Stack, supervisor: Supervisor, tmp_path: Path
) -> None:
    """Those of this database alone: another's may be in use."""
    with psycopg.connect(lent.postgres.observer_url, autocommit=True) as connection:
        for role, database in (("sut_dead_a", "mirror"), ("sut_live_a", "elsewhere")):
            connection.execute(f"CREATE ROLE {role} LOGIN")
            connection.execute(f"GRANT rig TO {role}")
            connection.execute(f"COMMENT ON ROLE {role} IS 'verification rig in database {database}'")
    mark(lent.postgres.observer_url, lent.valkey.url)
    with open_stack(borrowed(lent, tmp_path), supervisor, "borrower"):
        pass
    with psycopg.connect(lent.postgres.observer_url, autocommit=True) as connection:
        left = connection.execute("SELECT rolname FROM pg_roles WHERE rolname LIKE 'sut%a'").fetchall()
        connection.execute("DROP ROLE sut_live_a")
    assert left == [("sut_live_a",)]


def test_a_second_instance_needs_what_tells_it_from_the_first(
    lent: Stack, supervisor: Supervisor, tmp_path: Path
) -> None:
    """By name of the right that is missing; the first instance is judged all the same."""
    mark(lent.postgres.url, lent.valkey.url)
    with open_stack(borrowed(lent, tmp_path, postgres=lent.postgres.url), supervisor, "borrower") as stack:
        stack.server("a")
        with pytest.raises(Lacks, match="CREATEROLE"):
            stack.server("b")


def test_a_mark_in_one_database_is_no_use_of_another(lent: Stack) -> None:
    """`rig mark` takes database 5 beside its own mark in database 0, and not beside somebody else's key."""
    plain = lent.valkey.url.removesuffix("/0")
    mark(None, f"{plain}/0")
    mark(None, f"{plain}/5")
    with client(f"{plain}/0") as connection:
        connection.set("somebody", "else's")
    with pytest.raises(SpecError, match="in use \\(db0: 1 keys\\)"):
        mark(None, f"{plain}/6")


def test_a_pooler_that_gives_everybody_one_login_is_seen_through(
    lent: Stack, supervisor: Supervisor, tmp_path: Path
) -> None:
    """The one instance shares that login; a role of its own would be told apart by nobody."""
    mark(lent.postgres.observer_url, lent.valkey.url)
    with pgbouncer(lent.postgres.observer_url, "session", tmp_path / "pooler") as url:
        with open_stack(borrowed(lent, tmp_path, postgres=url), supervisor, "borrower") as stack:
            server = stack.server("a")
            assert server.role == "rig"
            assert stack.postgres.shared_by("rig") == "a"
            assert "whoever logs in here is rig" in stack.postgres.facts.lacking["login roles"]
