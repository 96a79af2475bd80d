"""Valkey's own counters and events, against a real Valkey and the reference server."""

import time
from collections.abc import Iterator

import httpx
import pytest

from rig.observe.errors import CannotObserve
from rig.observe.valkey.commandstats import CommandStats, Rewrites, with_needed
from rig.stack import Stack
from rig.stack.embedded.valkey import client
from tests.support.observed_stack import stack  # noqa: F401

KEY = "availability:snapshot"


@pytest.fixture
def rewrites(stack: Stack) -> Iterator[Rewrites]:  # noqa: F811
    with Rewrites(stack.valkey.url, KEY) as opened:
        yield opened


def test_calls_are_counted_inside_scripts_too(stack: Stack) -> None:  # noqa: F811
    with CommandStats(stack.valkey.url) as stats, client(stack.valkey.url) as connection:
        before = stats.read()
        for _ in range(3):
            connection.get(KEY)
        connection.eval("return redis.call('SADD', KEYS[1], 'x')", 1, "some:set")
        after = stats.read()
    counted = {name: calls - before.calls.get(name, 0) for name, calls in after.calls.items()}
    assert (counted["get"], counted["eval"], counted["sadd"]) == (3, 1, 1)
    assert not counted.get("set")
    assert counted["info"] == 2  # of the reading before, by its own words
    assert before.server_us < after.server_us
    assert abs(after.server_us / 1e6 - time.time()) < 5


def test_only_that_key_and_each_write_of_it_once(stack: Stack, rewrites: Rewrites) -> None:  # noqa: F811
    t0 = time.time()
    with client(stack.valkey.url) as connection:
        connection.set(KEY, "1", ex=30)
        connection.set("another", "1")
        connection.get(KEY)
        connection.eval("return redis.call('SET', KEYS[1], '2', 'PX', 1)", 1, KEY)
        while connection.exists(KEY):  # a look at an expired key expires it
            pass
        connection.set(KEY, "3")
        connection.delete(KEY)
    rewrites.fence()
    names = [event.name for event in rewrites.events()]
    assert [name for name in names if name != "expire"] == ["set", "set", "expired", "set", "del"]
    assert rewrites.count() == 3
    assert rewrites.count("set", t0, time.time()) == 3
    assert rewrites.count("set", t1=t0) == 0


def test_the_setting_is_put_back_as_it_was(stack: Stack) -> None:  # noqa: F811
    with client(stack.valkey.url) as connection:
        connection.config_set("notify-keyspace-events", "Elsh")
        before = connection.config_get("notify-keyspace-events")
        with Rewrites(stack.valkey.url, KEY) as rewrites:
            during = connection.config_get("notify-keyspace-events")["notify-keyspace-events"]
            connection.set(KEY, "1")
            rewrites.fence()
            assert rewrites.count() == 1
        assert connection.config_get("notify-keyspace-events") == before
        connection.config_set("notify-keyspace-events", "")
    assert set(during) >= set("KElsh$gx")
    assert set(with_needed("AE")) >= set("K$gxlsh")


def test_without_the_right_it_says_what_is_missing(stack: Stack) -> None:  # noqa: F811
    with client(stack.valkey.url) as connection:
        connection.execute_command("ACL", "SETUSER", "few", "on", ">word", "~*", "&*", "+@all", "-config", "-info")
    url = f"redis://few:word@{stack.valkey.host}:{stack.valkey.port}/0"
    with pytest.raises(CannotObserve, match=r"CONFIG was refused.*\+config\|set"):
        Rewrites(url, KEY)
    with CommandStats(url) as stats, pytest.raises(CannotObserve, match="INFO was refused"):
        stats.read()


def test_a_broken_subscription_is_no_count(stack: Stack, rewrites: Rewrites) -> None:  # noqa: F811
    with client(stack.valkey.url) as connection:
        connection.execute_command("CLIENT", "KILL", "TYPE", "pubsub")
    with pytest.raises(TimeoutError, match="the subscription broke"):
        rewrites.fence()
    assert rewrites.error


def test_a_recompute_of_the_reference_server_is_one_set(stack: Stack, rewrites: Rewrites) -> None:  # noqa: F811
    server = stack.server("a", proxied=False)
    server.start()
    try:
        with client(stack.valkey.url) as connection:
            connection.delete(KEY)
        rewrites.fence()
        seen = rewrites.count()
        for _ in range(3):  # a miss and two hits
            response = httpx.get(f"{server.public_url}/public/bestie-availability", trust_env=False, timeout=5)
            assert response.status_code == 200
        rewrites.fence()
        assert rewrites.count() - seen == 1
    finally:
        server.stop()
