"""What counts as a difference between mirror and Postgres, and what does not."""

import pytest

from rig.checks.audit.differences import SHARED, is_foreign, of_key, of_mitra, owner_of, settled
from rig.record.audit import Candidate, Mirrored, Sighting, Truth, Value

WHEN = "2026-05-25T18:07:55.123Z"
ONLINE, OFFLINE = Truth(online=True, load=1), Truth()
IN_ORDER = Mirrored(True, False, Value("string", "1"), Value("string", WHEN))
AWAY = Mirrored(False, False)


def kinds(truth: Truth, mirrored: Mirrored) -> list[tuple[str, str]]:
    return [(one.kind, one.key) for one in of_mitra("m1", truth, mirrored)]


def test_a_mirror_in_order_has_no_difference() -> None:
    assert kinds(ONLINE, IN_ORDER) == kinds(OFFLINE, AWAY) == []
    assert kinds(Truth(active=False), Mirrored(False, True)) == []


@pytest.mark.parametrize(
    ("truth", "changes", "expected"),
    [
        (OFFLINE, {"online": True}, [("ghost", "mitras:online")]),
        (ONLINE, {"online": False}, [("missing", "mitras:online")]),
        (ONLINE, {"online": None}, []),
        (ONLINE, {"heartbeat": Value()}, [("missing", "mitra:heartbeat:m1")]),
        (ONLINE, {"heartbeat": Value("string", "2026-05-25 18:07")}, [("missing", "mitra:heartbeat:m1")]),
        (ONLINE, {"heartbeat": Value("string", "2026-05-25T18:07:55+00:00")}, []),
        (ONLINE, {"capacity": Value("string", "2")}, [("capacity", "mitra:capacity:m1")]),
        (ONLINE, {"capacity": Value()}, [("capacity", "mitra:capacity:m1")]),
        (OFFLINE, {"capacity": Value("string", "1")}, [("capacity", "mitra:capacity:m1")]),
        (OFFLINE, {"capacity": Value("string", "0")}, []),
        (OFFLINE, {"deactivated": True}, [("deactivated", "mitras:deactivated")]),
        (Truth(active=False), {"deactivated": False}, [("deactivated", "mitras:deactivated")]),
        (OFFLINE, {"heartbeat": Value("string", WHEN)}, [("orphan heartbeat", "mitra:heartbeat:m1")]),
        (ONLINE, {"capacity": Value("list")}, [("wrong type", "mitra:capacity:m1")]),
        (OFFLINE, {"heartbeat": Value("hash")}, [("wrong type", "mitra:heartbeat:m1")]),
        (ONLINE, {"capacity": Value("string", "1", 5)}, [("ttl", "mitra:capacity:m1")]),
        (ONLINE, {"heartbeat": Value("string", WHEN, 0)}, [("ttl", "mitra:heartbeat:m1")]),
    ],
)  # fmt: skip
def test_each_difference_is_found_once(truth: Truth, changes: dict[str, object], expected: list[object]) -> None:
    base = IN_ORDER if truth.online else AWAY
    assert kinds(truth, base._replace(**changes)) == expected  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("key", "value", "expected"),
    [
        ("mitras:online", Value("set"), []),
        ("mitras:online", Value(), []),
        ("mitras:online", Value("list"), ["wrong type"]),
        ("mitras:deactivated", Value("set", None, 9), ["ttl"]),
        ("availability:snapshot", Value("string", "{}", 9000), []),
        ("availability:snapshot", Value("string", "{}"), ["ttl"]),
        ("cache:1", Value("string"), ["foreign key"]),
        ("cache:1", Value(), []),
    ],
)
def test_a_key_of_nobody_is_compared_with_the_contract(key: str, value: Value, expected: list[str]) -> None:
    assert [one.kind for one in of_key(key, value)] == expected


def test_keys_are_told_apart_by_their_names() -> None:
    assert owner_of("mitra:capacity:m1") == owner_of("mitra:heartbeat:m1") == "m1"
    assert owner_of("mitra:capacity:") is owner_of("mitra:other:m1") is None
    ours = [*SHARED, "mitra:capacity:m1", "mirror:epoch"]
    assert not any(is_foreign(key, []) for key in ours)
    assert [key for key in ("mitra:other:m1", "cache:1", "mitras") if is_foreign(key, ["cache:*"])] == [
        "mitra:other:m1",
        "mitras",
    ]


GHOST = Candidate("ghost", "mitras:online", "m1", "not online", "a member")


@pytest.mark.parametrize(
    ("looks", "counts"),
    [
        ([{GHOST: Sighting("7")}, {GHOST: Sighting("7")}, {GHOST: Sighting("7", 5.0)}], True),
        ([{GHOST: Sighting("7")}, {GHOST: Sighting("8")}, {GHOST: Sighting("8")}], False),
        ([{GHOST: Sighting("7")}, {}, {GHOST: Sighting("7")}], False),
        ([{GHOST._replace(seen="2"): Sighting()}, {GHOST: Sighting()}, {GHOST: Sighting()}], False),
    ],
)
def test_a_difference_counts_only_if_all_looks_show_the_same(
    looks: list[dict[Candidate, Sighting]], counts: bool
) -> None:
    assert [one for one, _ in settled(looks)] == ([GHOST] if counts else [])
    assert all(sighting == looks[-1][GHOST] for _, sighting in settled(looks))
