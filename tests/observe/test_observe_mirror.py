"""The mirror's keys are read as they are, the corrupted ones too."""

from collections.abc import Iterator

import pytest

from rig.observe import Mirror, parse_heartbeat
from rig.stack import Stack
from tests.support.observed_stack import stack  # noqa: F401

AT = "2026-05-25T18:07:55.123Z"


@pytest.fixture
def mirror(stack: Stack) -> Iterator[Mirror]:  # noqa: F811
    stack.valkey.start()
    with Mirror(stack.valkey.url) as opened:
        opened.flush()
        yield opened


def test_an_empty_valkey(mirror: Mirror) -> None:
    assert mirror.online() == mirror.deactivated() == set()
    assert mirror.capacity("x") is mirror.heartbeat("x") is mirror.snapshot() is None
    assert mirror.capacities() == mirror.heartbeats() == {}


def test_what_a_server_wrote(mirror: Mirror) -> None:
    mirror.run("SADD", "mitras:online", "m1", "m2")
    mirror.run("SADD", "mitras:deactivated", "m3")
    mirror.run("MSET", "mitra:capacity:m1", 0, "mitra:capacity:m2", 2, "mitra:heartbeat:m1", AT)
    mirror.run("SET", "availability:snapshot", '{"available": true}', "PX", 10_000)
    assert (mirror.online(), mirror.deactivated()) == ({"m1", "m2"}, {"m3"})
    assert mirror.capacities() == {"m1": "0", "m2": "2"}
    assert mirror.heartbeats() == {"m1": AT}
    assert (mirror.capacity("m2"), mirror.heartbeat("m1")) == ("2", AT)
    assert mirror.snapshot() == '{"available": true}'
    assert 9000 < mirror.ttl_ms("availability:snapshot") <= 10_000
    assert mirror.ttl_ms("mitras:online") == -1
    assert mirror.expiring() == {}
    mirror.client.expire("mitras:online", 60)
    assert list(mirror.expiring()) == ["mitras:online"]
    assert mirror.ttl_ms("nothing") == -2


def test_keys_of_the_wrong_type_are_visible_and_stop_nobody(mirror: Mirror) -> None:
    mirror.run("SET", "mitras:online", "text")
    mirror.run("SADD", "mitra:capacity:m1", "x")
    mirror.run("LPUSH", "availability:snapshot", "x")
    assert mirror.online() == {"(not a set but a string)"}
    assert mirror.capacities() == {"m1": None}
    assert mirror.capacity("m1") is None
    assert mirror.snapshot() is None


@pytest.mark.parametrize(
    ("write", "command", "type", "value"),
    [
        (("SADD", "k", "b", "a"), "SMEMBERS k", "set", ["a", "b"]),
        (("SET", "k", "v"), "GET k", "string", "v"),
        (("HSET", "k", "f", "v"), "HGETALL k", "hash", {"f": "v"}),
        (("RPUSH", "k", "b", "a"), "LRANGE k 0 -1", "list", ["b", "a"]),
        (("DEL", "k"), "GET k", "none", None),
    ],
)
def test_a_key_as_evidence(mirror: Mirror, write: tuple[str, ...], command: str, type: str, value: object) -> None:
    mirror.run(*write)
    ttl_ms = -2 if type == "none" else -1
    expected = {"kind": "valkey", "command": command, "value": value, "type": type, "ttl_ms": ttl_ms}
    assert mirror.describe("k") == expected


def test_clearing_leaves_other_keys_alone(mirror: Mirror) -> None:
    mirror.run("MSET", "mitra:capacity:m1", 0, "mitra:heartbeat:m1", AT, "mirror:epoch", "e", "mitras:online", "x")
    mirror.clear_contract_keys()
    assert mirror.keys() == ["mirror:epoch"]
    mirror.clear_contract_keys()


def test_a_restart_is_survived(mirror: Mirror, stack: Stack) -> None:  # noqa: F811
    mirror.run("SADD", "mitras:online", "m1")
    stack.valkey.kill()
    stack.valkey.start()
    assert mirror.online() == set()


@pytest.mark.parametrize(
    "text",
    [AT, "2026-05-25T18:07:55.123000Z", "2026-05-25T18:07:55.123+00:00", "20260525T180755.123Z"],
)
def test_iso_8601_in_utc_is_a_heartbeat(text: str) -> None:
    assert parse_heartbeat(text) == pytest.approx(1779732475.123, abs=1e-6)


@pytest.mark.parametrize(
    "text", [None, "", "now", "1779732475", "2026-05-25", "2026-05-25T18:07:55.123", "2026-05-25T18:07:55+08:00", 5]
)
def test_anything_else_counts_as_missing(text: object) -> None:
    assert parse_heartbeat(text) is None
