"""Where MONITOR cannot be had, changes of keys are heard and computations counted, as often as they were."""

from collections.abc import Iterator

import pytest
import redis

from rig.observe import CannotObserve, NoMonitor
from rig.observe.valkey.keyspace_events import Told
from rig.stack import Stack
from tests.support.observed_stack import stack  # noqa: F401

HEARTBEAT = "mitra:heartbeat:m"


@pytest.fixture
def told(stack: Stack) -> Iterator[Told]:  # noqa: F811
    one = Told(stack.valkey.url, given=False)
    yield one
    one.close()


@pytest.fixture
def server(stack: Stack) -> Iterator[redis.Redis]:  # noqa: F811
    user = stack.valkey.user("a")
    with redis.Redis(port=stack.valkey.port, username=user.name, password=user.password, protocol=2) as client:
        client.flushdb()
        yield client


def now(client: redis.Redis) -> float:
    seconds, microseconds = client.time()
    return seconds + microseconds / 1e6


def test_each_write_and_each_computation_counts_once(told: Told, server: redis.Redis) -> None:
    """By whatever way they came: alone, in a pipeline, in a script; and none of before or after."""
    server.set(HEARTBEAT, 0)
    told.fence()
    since = now(server)
    server.set(HEARTBEAT, 1)
    server.pipeline(transaction=True).set(HEARTBEAT, 2).sadd("mitras:online", "m").execute()
    server.eval(
        "redis.call('SET', KEYS[1], 3); return redis.call('SDIFF', 'mitras:online', 'mitras:deactivated')", 1, HEARTBEAT
    )
    server.delete("availability:snapshot")
    until = now(server)
    told.fence()
    server.set(HEARTBEAT, 4)
    server.sdiff("mitras:online", "mitras:deactivated")
    told.fence()
    found = [command.args[:2] for command in told.window("a", since, until)]
    assert found.count(("SET", HEARTBEAT)) == 3
    assert found.count(("SADD", "mitras:online")) == 1
    assert found.count(("SDIFF", "mitras:online")) == 1
    assert len(found) == 5  # a key that was not there was not deleted


def test_the_setting_is_put_back(stack: Stack) -> None:  # noqa: F811
    with redis.Redis.from_url(stack.valkey.url, protocol=2, decode_responses=True) as client:
        client.config_set("notify-keyspace-events", "Ex")
        Told(stack.valkey.url, given=False).close()
        assert client.config_get("notify-keyspace-events") == {"notify-keyspace-events": "xE"}
        client.config_set("notify-keyspace-events", "")


def test_without_either_witness_nothing_is_made_up() -> None:
    with pytest.raises(CannotObserve, match="no MONITOR here"):
        NoMonitor("no MONITOR here").changes("a", 0.0, 1.0)
    with pytest.raises(CannotObserve, match="no MONITOR here"):
        NoMonitor("no MONITOR here").window()
