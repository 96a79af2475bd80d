"""Services of somebody else's: refused unless marked and declared scratch, then used and left as found."""

from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest
import redis
from stack_support import rig, spec_of

from rig.stack import SpecError, Stack, StackError, StackSpec, Supervisor, open_stack
from rig.stack.marks import mark
from rig.stack.valkey import client


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
