"""MONITOR, against a real Valkey: who sent what, inside scripts too, through restarts and hangs."""

import time
from collections.abc import Iterator

import pytest
import redis

from rig.observe import Command, Monitor
from rig.observe.valkey.command import parse_line
from rig.stack import Stack
from tests.support.observed_stack import stack  # noqa: F401

INSTANCES = {"sut-a": "a", "sut-b": "b"}


@pytest.fixture
def monitor(stack: Stack) -> Iterator[Monitor]:  # noqa: F811
    stack.valkey.start()
    with Monitor(stack.valkey.url, INSTANCES.get) as opened:
        yield opened
    assert opened.errors == []


def connect(stack: Stack, instance: str) -> redis.Redis:  # noqa: F811
    address = f"{stack.valkey.host}:{stack.valkey.port}"
    url = stack.valkey.url_of(stack.valkey.user(instance), address)
    return redis.Redis.from_url(url, protocol=2, decode_responses=True, socket_timeout=2)


@pytest.fixture
def a(stack: Stack, monitor: Monitor) -> Iterator[redis.Redis]:  # noqa: F811
    with connect(stack, "a") as client:
        yield client


@pytest.fixture
def b(stack: Stack, monitor: Monitor) -> Iterator[redis.Redis]:  # noqa: F811
    with connect(stack, "b") as client:
        yield client


def taken(monitor: Monitor, verb: str) -> list[Command]:
    monitor.fence()
    return [command for command in monitor.window() if command.verb == verb]


def test_commands_are_told_apart_by_user(monitor: Monitor, a: redis.Redis, b: redis.Redis) -> None:
    before = time.time()
    a.set("k", "1")
    b.set("k", "2")
    sets = taken(monitor, "SET")
    assert [(c.args, c.instance, c.user, c.lua) for c in sets] == [
        (("SET", "k", "1"), "a", "sut-a", False),
        (("SET", "k", "2"), "b", "sut-b", False),
    ]
    assert before - 0.1 < sets[0].at < sets[1].at < time.time() + 0.1


def test_the_very_first_command_of_a_connection_has_a_sender(monitor: Monitor, stack: Stack) -> None:  # noqa: F811
    clients = [connect(stack, instance) for instance in "abababab"]
    for number, client in enumerate(clients):
        client.set("first", number)
    assert [c.instance for c in taken(monitor, "SET")] == list("abababab")
    for client in clients:
        client.close()


def test_a_scripts_inner_commands_belong_to_who_ran_it(monitor: Monitor, a: redis.Redis, b: redis.Redis) -> None:
    script = "redis.call('SET', KEYS[1], ARGV[1]) return redis.call('GET', KEYS[1])"
    a.eval(script, 1, "x", "from a")
    b.evalsha(b.script_load(script), 1, "x", "from b")
    a.function_load("#!lua name=lib\nserver.register_function('f', function() return server.call('SET', 'x', 'f') end)")
    a.fcall("f", 0)
    assert [(c.args[2], c.instance, c.lua) for c in taken(monitor, "SET")] == [
        ("from a", "a", True),
        ("from b", "b", True),
        ("f", "a", True),
    ]
    a.function_flush()


def test_a_script_in_a_transaction_stands_in_its_place(monitor: Monitor, a: redis.Redis, b: redis.Redis) -> None:
    with a.pipeline(transaction=True) as pipe:
        pipe.set("m", "1")
        pipe.eval("return redis.call('SET', 'm', '2')", 0)
        pipe.set("m", "3")
        pipe.execute()
    assert [(c.args[2], c.instance) for c in taken(monitor, "SET")] == [("1", "a"), ("2", "a"), ("3", "a")]


def test_a_connection_that_signs_in_anew_changes_its_user(monitor: Monitor, stack: Stack) -> None:  # noqa: F811
    with redis.Redis.from_url(stack.valkey.url, protocol=2, single_connection_client=True) as turncoat:
        turncoat.set("k", "rig")
        monitor.fence()
        user = stack.valkey.user("b")
        turncoat.execute_command("AUTH", user.name, user.password)
        turncoat.set("k", "b")
        sets = taken(monitor, "SET")
    assert [(c.args[2], c.user, c.instance) for c in sets] == [("rig", "rig", None), ("b", "sut-b", "b")]


def test_a_sender_that_left_at_once_is_unknown_not_guessed(monitor: Monitor, stack: Stack) -> None:  # noqa: F811
    for _ in range(20):
        with connect(stack, "a") as client:
            client.set("k", "v")
    assert {c.instance for c in taken(monitor, "SET")} <= {"a", None}
    assert all((c.user is None) == (c.instance is None) for c in taken(monitor, "SET"))


def test_arguments_come_back_as_they_were_sent(monitor: Monitor, a: redis.Redis) -> None:
    value = 'é "quoted" \\ \n\r\t\a\b end'
    a.set("k", value)
    a.set("k", b"\xff\x00")
    assert [c.args[2] for c in taken(monitor, "SET")] == [value, "\\xff\0"]


def test_secrets_do_not_show(monitor: Monitor, a: redis.Redis, stack: Stack) -> None:  # noqa: F811
    a.ping()
    monitor.fence()
    lines = " ".join(map(str, monitor.window()))
    assert stack.valkey.user("a").password not in lines
    assert "(redacted)" in lines


def test_a_window_is_bounded_by_valkeys_clock(monitor: Monitor, a: redis.Redis) -> None:
    for number in range(5):
        a.set("k", number)
    times = [c.at for c in taken(monitor, "SET")]
    assert [c.args[2] for c in monitor.window(times[1], times[3]) if c.verb == "SET"] == ["1", "2", "3"]


def test_a_restart_is_a_blind_span_and_then_seen_again(monitor: Monitor, a: redis.Redis, stack: Stack) -> None:  # noqa: F811
    a.set("k", "before")
    monitor.fence()  # its sender cannot be looked up in a dead Valkey
    assert monitor.blind == []
    killed = time.time()
    stack.valkey.kill()
    monitor.fence()  # nobody to wait for
    assert not monitor.connected
    stack.valkey.start()
    monitor.fence()
    with connect(stack, "b") as again:
        again.set("k", "after")
        monitor.fence()  # one that is gone by then cannot be looked up
    assert [(c.args[2], c.instance) for c in taken(monitor, "SET")] == [("before", "a"), ("after", "b")]
    [(start, end)] = monitor.blind
    assert killed - 0.5 < start < end < time.time()


def test_a_hung_valkey_makes_the_fence_say_so(monitor: Monitor, a: redis.Redis, stack: Stack) -> None:  # noqa: F811
    a.set("k", "before")
    monitor.fence()
    stack.valkey.pause()
    try:
        with pytest.raises(TimeoutError, match="MONITOR did not come up to date"):
            monitor.fence(within_s=0.3)
    finally:
        stack.valkey.resume()
    a.set("k", "after")
    assert [c.args[2] for c in taken(monitor, "SET")] == ["before", "after"]


def test_nobody_there_is_an_error_at_once(stack: Stack) -> None:  # noqa: F811
    stack.valkey.kill()
    with pytest.raises(OSError, match="refused"):
        Monitor(stack.valkey.url, INSTANCES.get)
    stack.valkey.start()


def test_a_wrong_password_is_an_error_in_valkeys_words(stack: Stack) -> None:  # noqa: F811
    url = f"redis://rig:wrong@{stack.valkey.host}:{stack.valkey.port}/0"
    with pytest.raises(ConnectionError, match="invalid username-password pair"):
        Monitor(url, INSTANCES.get)


def test_an_address_of_version_6_is_read() -> None:
    assert parse_line(b'1.5 [3 [::1]:5555] "GET" "k"') == (1.5, 3, "[::1]:5555", ("GET", "k"))


def test_another_line_is_refused() -> None:
    with pytest.raises(ValueError, match="not a MONITOR line"):
        parse_line(b"OK")
