"""The embedded services: what they promise to the rig, over stops and starts."""

import json
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import psycopg
import pytest
import redis

from rig.stack import Stack, StackError, Supervisor, open_stack
from rig.stack.embedded.valkey import client
from tests.support.stack_support import spec_of, until


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    with Supervisor.start() as supervisor:
        with open_stack(spec_of(tmp_path_factory.mktemp("logs")), supervisor) as opened:
            yield opened


def logged(stack: Stack) -> list[dict]:
    assert stack.postgres.statement_log is not None
    files = sorted(stack.postgres.statement_log.glob("*.json"))
    return [json.loads(line) for file in files for line in file.read_text().splitlines()]


def test_postgres_is_18_and_its_database_belongs_to_the_owner(stack: Stack) -> None:
    with psycopg.connect(stack.postgres.url) as connection:
        version, owner, user = connection.execute(
            "SELECT current_setting('server_version_num')::int, pg_get_userbyid(datdba), current_user"
            " FROM pg_database WHERE datname = current_database()"
        ).fetchone()  # type: ignore[misc]
    assert version // 10000 == 18
    assert (owner, user) == ("mirror", "mirror")


def test_instances_have_roles_of_their_own_and_share_what_they_make(stack: Stack) -> None:
    a, b = stack.postgres.login("a"), stack.postgres.login("b")
    assert (a.role, b.role) == ("sut_a", "sut_b")
    with psycopg.connect(a.url, autocommit=True) as connection:
        connection.execute("CREATE TABLE shared (id int)")
    with psycopg.connect(b.url, autocommit=True) as connection:
        connection.execute("INSERT INTO shared VALUES (1)")
        connection.execute("ALTER TABLE shared ADD COLUMN more text")
        assert connection.execute("SELECT session_user, current_user").fetchone() == ("sut_b", "mirror")
        connection.execute("DROP TABLE shared")


def test_every_statement_is_logged_whole_with_its_role(stack: Stack) -> None:
    login = stack.postgres.login("a")
    value = "x" * 5000
    with psycopg.connect(login.url, autocommit=True) as connection:
        connection.execute("SELECT %s::text AS looked_for", (value,))
        with pytest.raises(psycopg.errors.UndefinedTable):
            connection.execute("SELECT * FROM no_such_table")

    def found() -> bool:
        lines = logged(stack)
        by_role = [line for line in lines if line.get("user") == "sut_a"]
        return any(value in line.get("detail", "") for line in by_role) and any(
            line["error_severity"] == "ERROR" and "no_such_table" in line.get("statement", "") for line in by_role
        )

    assert until(found)


def test_the_observer_reads_all(stack: Stack) -> None:
    with psycopg.connect(stack.postgres.observer_url) as connection:
        assert connection.execute("SELECT rolsuper FROM pg_roles WHERE rolname = current_user").fetchone() == (True,)


def test_an_instance_name_that_is_no_role_is_refused(stack: Stack) -> None:
    with pytest.raises(StackError, match="instance name 'B; DROP'"):
        stack.server("B; DROP")


def test_postgres_stops_and_starts_with_its_port_and_data(stack: Stack) -> None:
    with psycopg.connect(stack.postgres.url, autocommit=True) as connection:
        connection.execute("CREATE TABLE kept AS SELECT 1 AS one")
        url = stack.postgres.url
        stack.postgres.stop()
        assert not stack.postgres.alive()
        with pytest.raises(psycopg.OperationalError):
            connection.execute("SELECT 1")
    with pytest.raises(psycopg.OperationalError, match="refused"):
        psycopg.connect(url)
    stack.postgres.stop()  # once more is no error
    stack.postgres.start()
    assert stack.postgres.alive()
    stack.postgres.start()
    with psycopg.connect(url, autocommit=True) as connection:
        assert connection.execute("SELECT one FROM kept").fetchone() == (1,)
        connection.execute("DROP TABLE kept")


def test_valkey_is_killed_and_started_empty_with_its_users(stack: Stack) -> None:
    late = stack.valkey.user("late")  # made while it runs
    with client(stack.valkey.url) as own:
        own.set("key", "value")
        assert own.config_get("maxmemory-policy") == {"maxmemory-policy": "noeviction"}
    stack.valkey.kill()
    assert not stack.valkey.alive()
    with client(stack.valkey.url) as own, pytest.raises(redis.ConnectionError):
        own.ping()
    stack.valkey.start()
    with client(stack.valkey.url) as own:
        assert own.get("key") is None
    for user in (late, stack.valkey.user("a")):
        url = stack.valkey.url_of(user, f"{stack.valkey.host}:{stack.valkey.port}")
        with client(url) as connection:
            assert connection.execute_command("ACL", "WHOAMI") == user.name


def test_valkey_lets_in_nobody_without_a_password(stack: Stack) -> None:
    with client(f"redis://127.0.0.1:{stack.valkey.port}/0") as stranger, pytest.raises(redis.AuthenticationError):
        stranger.ping()


def test_valkey_is_paused_resumed_and_stopped(stack: Stack) -> None:
    impatient = redis.Redis.from_url(stack.valkey.url, socket_timeout=0.2, protocol=2, retry=None)
    with impatient:
        impatient.ping()
        stack.valkey.pause()
        with pytest.raises(redis.TimeoutError):
            impatient.ping()
        assert stack.valkey.alive()
        stack.valkey.resume()
    with client(stack.valkey.url) as own:
        assert until(own.ping)
    stack.valkey.pause()
    stack.valkey.stop()  # a paused one ends too
    assert not stack.valkey.alive()
    stack.valkey.start()


def test_a_proxy_is_disabled_poisoned_and_reset(stack: Stack) -> None:
    seat = stack.server("a").seat
    assert seat.proxy == "valkey-a"
    assert stack.toxiproxy.proxies()["valkey-a"]["enabled"]
    through = redis.Redis.from_url(seat.valkey_url, socket_timeout=1, protocol=2, retry=None)
    with through:
        assert through.ping()
        stack.toxiproxy.set_enabled("valkey-a", False)
        with pytest.raises(redis.ConnectionError):
            through.ping()
        stack.toxiproxy.set_enabled("valkey-a", True)
        assert through.ping()
        stack.toxiproxy.add_toxic("valkey-a", "slow", "latency", "downstream", {"latency": 3000})
        with pytest.raises(redis.TimeoutError):
            through.ping()
        stack.toxiproxy.remove_toxic("valkey-a", "slow")
        assert until(lambda: answers(through))
        stack.toxiproxy.add_toxic("valkey-a", "hang", "timeout", "upstream", {"timeout": 0})
        stack.toxiproxy.set_enabled("valkey-a", False)
        stack.toxiproxy.reset()
        assert stack.toxiproxy.proxies()["valkey-a"]["toxics"] == []
        assert until(lambda: answers(through))


def test_any_client_of_toxiproxy_works_beside_the_rig(stack: Stack) -> None:
    """docs/decisions/toxiproxy-client.md says why the rig has a client of its own."""
    import toxiproxy

    address = urlsplit(stack.toxiproxy.url)
    client = toxiproxy.Toxiproxy()
    client.update_api_consumer(address.hostname, address.port)
    seat = stack.server("a").seat
    through = redis.Redis.from_url(seat.valkey_url, socket_timeout=1, protocol=2, retry=None)
    with through:
        assert through.ping()
        proxy = client.get_proxy(seat.proxy)
        with proxy.down():
            assert not stack.toxiproxy.proxies()[seat.proxy]["enabled"]
            assert not answers(through)
        assert until(lambda: answers(through))
        proxy.add_toxic(name="theirs", type="latency", attributes={"latency": 3000})
        [seen] = stack.toxiproxy.proxies()[seat.proxy]["toxics"]
        assert (seen["name"], seen["attributes"]["latency"]) == ("theirs", 3000)
        assert not answers(through)
        stack.toxiproxy.add_toxic(seat.proxy, "ours", "latency", "downstream", {"latency": 1})
        assert set(proxy.toxics()) == {"theirs", "ours"}
        proxy.destroy_toxic("theirs")
        assert until(lambda: answers(through))
        assert client.reset()
        assert stack.toxiproxy.proxies()[seat.proxy]["toxics"] == []


def answers(connection: redis.Redis) -> bool:
    try:
        return bool(connection.ping())
    except redis.RedisError:
        return False


def test_toxiproxy_says_what_it_does_not_know(stack: Stack) -> None:
    with pytest.raises(StackError, match=r"refused DELETE /proxies/nobody/toxics/x: 404 .*not found"):
        stack.toxiproxy.remove_toxic("nobody", "x")
    assert stack.toxiproxy.version()


def test_describe_is_plain_json(stack: Stack) -> None:
    stack.server("a")
    told = json.loads(json.dumps(stack.describe()))
    assert told["postgres"]["url"].startswith("postgresql://mirror:")
    assert told["servers"]["a"]["role"] == "sut_a"
    assert Path(told["logs"]).is_dir()
