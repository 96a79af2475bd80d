"""Stores that are given: each is asked at the start what it is and what it lets us do, or is refused in one line."""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from urllib.parse import urlsplit

import psycopg
import pytest
import redis

from rig.stack import Stack
from rig.stores import Lacks, Unfit, Unreachable
from rig.stores import postgres as its_postgres
from rig.stores import valkey as its_valkey
from tests.support.given_stores import KINDS, certificates, given_valkey, pgbouncer, redis_6
from tests.support.observed_stack import stack  # noqa: F401
from tests.support.stack_support import rig

# --- what can be used ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", KINDS)
def test_a_plain_store_is_named_and_lacks_only_what_it_was_not_given(kind: str, tmp_path: Path) -> None:
    """Kind and version by its own word; DEBUG is off unless somebody allowed it, everything else is there."""
    with given_valkey(kind, tmp_path) as port:
        facts = its_valkey.ask(f"redis://127.0.0.1:{port}/0")
    assert f"{facts.kind} {facts.version}".startswith(kind)
    assert set(facts.lacking) <= {"DEBUG"}


@pytest.mark.parametrize("command", ["MONITOR", "CONFIG", "CLIENT"])
def test_a_renamed_command_is_named_with_what_is_lost_by_it(command: str, tmp_path: Path) -> None:
    """The store can be used all the same; what needs the command is told apart from what does not."""
    with given_valkey("Redis 7.0", tmp_path, None, f'rename-command {command} ""') as port:
        facts = its_valkey.ask(f"redis://127.0.0.1:{port}/0")
    lacking = {name: why for name, why in facts.lacking.items() if name != "DEBUG"}
    assert lacking
    assert all(command in name or name == "keyspace events" for name in lacking)
    assert any(f"refuses {command}" in why and "unknown command" in why for why in lacking.values())
    with pytest.raises(Lacks, match=command):
        facts.require(next(iter(lacking)))


def test_a_user_with_fewer_rights_lacks_what_it_may_not(tmp_path: Path) -> None:
    """By ACL: the words of the refusal are Valkey's own."""
    user = "user few on >word ~* &* +@all -monitor -acl -config -debug"
    with given_valkey("Valkey 9.1", tmp_path, None, user) as port:
        facts = its_valkey.ask(f"redis://few:word@127.0.0.1:{port}/0")
    assert set(facts.lacking) == {"MONITOR", "ACL", "CONFIG GET", "CONFIG SET", "DEBUG", "keyspace events"}
    assert "no permissions" in facts.lacking["MONITOR"]


def test_events_that_somebody_else_switched_on_are_heard_without_config(tmp_path: Path) -> None:
    """A managed store lets nobody read its settings: whether events come is tried."""
    settings = {"notify-keyspace-events": "KA"}
    with given_valkey("Valkey 9.1", tmp_path, settings, "user few on >word ~* &* +@all -config") as port:
        facts = its_valkey.ask(f"redis://few:word@127.0.0.1:{port}/3")
    assert facts.can("keyspace events")
    assert not facts.can("CONFIG SET")


def test_asking_leaves_the_store_as_it_was(tmp_path: Path) -> None:
    """Keys, users and settings: each probe is without effect."""
    with given_valkey("Valkey 9.1", tmp_path, {"notify-keyspace-events": "Ex"}) as port:
        with redis.Redis(port=port, protocol=2, decode_responses=True) as client:
            client.set("somebody's", "1")
            before = (client.keys(), client.acl_list(), client.config_get("*"))
            its_valkey.ask(f"redis://127.0.0.1:{port}/0")
            assert (client.keys(), client.acl_list(), client.config_get("*")) == before


def test_tls_with_a_private_authority(tmp_path: Path) -> None:
    """Trusted by the authority's file in the URL; without it the certificate is what is wrong."""
    authority, certificate, key = certificates(tmp_path / "tls")
    with tls_redis(tmp_path, authority, certificate, key) as port:
        facts = its_valkey.ask(f"rediss://127.0.0.1:{port}/0?ssl_ca_certs={authority}")
        assert facts.tls
        with pytest.raises(Unfit, match="certificate verify failed"):
            its_valkey.ask(f"valkeys://127.0.0.1:{port}/0")


@contextmanager
def tls_redis(directory: Path, authority: Path, certificate: Path, key: Path) -> Iterator[int]:
    settings = {
        "port": "0", "tls-port": "{port}", "tls-cert-file": str(certificate), "tls-key-file": str(key),
        "tls-ca-cert-file": str(authority), "tls-auth-clients": "no",
    }  # fmt: skip
    with given_valkey("Redis 7.0", directory, settings) as port:
        yield port


def test_a_unix_socket_with_a_database(tmp_path: Path) -> None:
    """The fifth scheme of the grammar."""
    socket = Path("/tmp") / f"rig-{tmp_path.name}.sock"
    with given_valkey("Valkey 9.1", tmp_path, {"unixsocket": str(socket)}) as _:
        facts = its_valkey.ask(f"unix://{socket}?db=5")
    assert facts.database == 5


# --- what cannot ------------------------------------------------------------------------------------------------------


@contextmanager
def cluster(directory: Path) -> Iterator[str]:
    with given_valkey("Valkey 9.1", directory, {"cluster-enabled": "yes"}) as port:
        yield f"redis://127.0.0.1:{port}/0"


@contextmanager
def replica(directory: Path) -> Iterator[str]:
    with given_valkey("Redis 7.0", directory, {"replicaof": "127.0.0.1 1"}) as port:
        yield f"redis://127.0.0.1:{port}/0"


@contextmanager
def wrong_password(directory: Path) -> Iterator[str]:
    with given_valkey("Valkey 9.1", directory, {"requirepass": "right"}) as port:
        yield f"redis://:wrong@127.0.0.1:{port}/0"


@contextmanager
def no_password(directory: Path) -> Iterator[str]:
    with given_valkey("Redis 7.0", directory, {"requirepass": "right"}) as port:
        yield f"redis://127.0.0.1:{port}/0"


@contextmanager
def no_such_database(directory: Path) -> Iterator[str]:
    with given_valkey("Valkey 9.1", directory) as port:
        yield f"redis://127.0.0.1:{port}/99"


@contextmanager
def strange_certificate(directory: Path) -> Iterator[str]:
    with tls_redis(directory, *certificates(directory / "tls")) as port:
        yield f"rediss://127.0.0.1:{port}/0"


UNFIT = {
    cluster: "it is a cluster",
    replica: "it is a replica",
    redis_6: "Redis 6.2.14 is too old: 7.0 at least",
    wrong_password: "invalid username-password pair",
    no_password: "Authentication required",
    no_such_database: "DB index is out of range",
    strange_certificate: "TLS failed",
}


@pytest.mark.parametrize(
    ("command", "made"), [*(("mark", made) for made in UNFIT), ("checklist", cluster), ("checklist", wrong_password)]
)
def test_a_valkey_that_cannot_be_used_is_refused_in_one_line(
    command: str, made: Callable[[Path], AbstractContextManager[str]], tmp_path: Path
) -> None:
    """By every command at its start, with the exit code of a usage error: no traceback, no run."""
    with made(tmp_path / "store") as url:
        told = refusal(command, "--valkey", url, tmp_path)
    assert told.startswith("rig: the Valkey given cannot be used: ")
    assert UNFIT[made] in told
    assert "wrong@" not in told


def refusal(command: str, flag: str, url: str, tmp_path: Path) -> str:
    """The one line on standard error."""
    words = [command, flag, url] + (["--scratch", "--reports", str(tmp_path / "reports")] if command != "mark" else [])
    done = rig(*words)
    assert (done.returncode, done.stdout) == (4, ""), done.stderr
    assert done.stderr.count("\n") == 1, done.stderr
    assert not (tmp_path / "reports").exists()
    return done.stderr


def test_nobody_at_the_address_is_another_error() -> None:
    """Not the URL's fault for certain: the environment's (exit 3)."""
    with pytest.raises(Unreachable, match="cannot be reached"):
        its_valkey.check("redis://127.0.0.1:1")
    assert rig("mark", "--valkey", "redis://127.0.0.1:1").returncode == 3
    assert rig("mark", "--postgres", "postgresql://127.0.0.1:1/x").returncode == 3


def test_a_scheme_that_does_not_fit_is_guessed_at(tmp_path: Path) -> None:
    """TLS asked of a plain store, and the other way round: silence, and a word on what may be the matter."""
    with given_valkey("Valkey 9.1", tmp_path) as port, pytest.raises(Unreachable, match="does it speak TLS"):
        its_valkey.check(f"rediss://127.0.0.1:{port}/0")
    with (
        tls_redis(tmp_path, *certificates(tmp_path / "tls")) as port,
        pytest.raises(Unreachable, match="write rediss:"),
    ):
        its_valkey.check(f"redis://127.0.0.1:{port}/0")


# --- Postgres ---------------------------------------------------------------------------------------------------------


def test_session_pooling_is_named_and_transaction_pooling_refused(stack: Stack, tmp_path: Path) -> None:  # noqa: F811
    """By the behaviour of its sessions; the words are those of the server."""
    with pgbouncer(stack.postgres.observer_url, "session", tmp_path / "session") as url:
        facts = its_postgres.ask(url)
        assert facts.pooled
        assert "behind a pooler" in facts.named
    for mode in ("transaction", "statement"):
        with pgbouncer(stack.postgres.observer_url, mode, tmp_path / mode) as url:
            for command in ("mark", "checklist"):
                assert "transaction mode" in refusal(command, "--postgres", url, tmp_path)


def test_what_is_wrong_with_a_postgres_is_said_in_one_line(stack: Stack, tmp_path: Path) -> None:  # noqa: F811
    """Password, database, a standby's face (read only), a server without TLS that was asked for it."""
    url = stack.postgres.observer_url
    right = urlsplit(url)
    for wrong, named in (
        (url.replace(f":{right.password}@", ":wrong@"), "password authentication failed"),
        (url.replace("/mirror", "/nowhere"), 'database "nowhere" does not exist'),
        (f"{url}?sslmode=require", "SSL"),
        (f"{url}?options=-cdefault_transaction_read_only%3Don", "read only"),
    ):
        for command in ("mark", "checklist"):
            assert named in refusal(command, "--postgres", wrong, tmp_path)


def test_a_log_that_does_not_hold_every_statement_is_lacking_by_its_setting(stack: Stack) -> None:  # noqa: F811
    """What counts statements is then skipped by that name, instead of waiting for lines that never come."""
    assert its_postgres.ask(stack.postgres.observer_url, with_log=True).can("statement log")
    with psycopg.connect(stack.postgres.observer_url, autocommit=True) as connection:
        connection.execute("ALTER DATABASE mirror SET log_statement = 'none'")
        try:
            facts = its_postgres.ask(stack.postgres.observer_url, with_log=True)
        finally:
            connection.execute("ALTER DATABASE mirror RESET log_statement")
    assert "log_statement = 'none'" in facts.lacking["statement log"]


def test_a_login_without_rights_lacks_roles(stack: Stack) -> None:  # noqa: F811
    facts = its_postgres.ask(stack.postgres.url)
    assert "CREATEROLE" in facts.lacking["login roles"]
    assert not facts.superuser
