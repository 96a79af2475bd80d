"""The checks of section J: each passes on a good observation and fails on one that breaks a promise."""

from typing import Any

import pytest

from tests.support.seen_variants import (
    DELETE,
    HEARTBEAT,
    STOPPED,
    STOPPED_VARIANTS,
    A,
    B,
    Path,
    T,
    changed,
    exchange,
    statement,
    verdict,
)  # fmt: skip

JOIN = "SELECT o.mitra_id FROM mitra_online_status o JOIN mitras m ON m.id = o.mitra_id WHERE o.is_online"
HEAL = f"{JOIN} AND m.id = ANY($1)"
UPDATE = "UPDATE mitra_online_status SET last_heartbeat_at = now() WHERE mitra_id = $1"
SAID = {"available": True, "count": 4}
ONLINE = {"is_online": True}
NAMES = {A: "Sari", B: "Wati"}

PASSING: dict[str, tuple[dict[str, Any], dict[str, float]]] = {
    "J-01": (STOPPED, {}),
    "J-02": (
        {
            "valkey": STOPPED, "before": [[200, None, SAID, 20]], "expected": 2,
            "polls": [exchange({"available": True, "count": 2})] * 2,
            "asked_before": [], "asked": [statement(T, JOIN, count=1)],
        },
        {"answer_s": 5.0},
    ),
    "J-03": (
        {
            "valkey": STOPPED, "names": NAMES, "expected": [A], "offered": [A], "mitra": A,
            "paid": exchange({"offered": 1}), "accepted": exchange({"status": "active", "mitra_id": A}),
            "asked": [statement(T, JOIN, count=1)],
        },
        {"answer_s": 5.0},
    ),
    "J-04": (
        {"valkey": STOPPED, "pings": [exchange(ONLINE)] * 2, "lines": 2, "wrote": [], "unknown": []},
        {"answer_s": 5.0},
    ),
    "J-05": (
        {
            "valkey": STOPPED, "back_at": T, "healed_at": T + 0.3, "members": {"Sari": True, "Dewi": False},
            "toggles": {
                "Sari": {
                    "toggle": exchange(ONLINE), "online": True, "rows": [[True]], "lines": ["setOnline failed"],
                    "text": "setOnline",
                },
                "Dewi": {
                    "toggle": exchange({"is_online": False}), "online": False, "rows": [[False]],
                    "lines": ["setOffline failed"], "text": "setOffline",
                },
            },
        },
        {"within_s": 5.0, "answer_s": 5.0},
    ),
    "J-06": (
        {
            "stopped_at": T - 2, "back_from": T - 0.1, "back_at": T, "seeded_at": T + 0.2, "exit_code": 0,
            "truth": {"online": [A, B], "deactivated": [B], "loads": {A: 1, B: 0}},
            "mirror": {
                "online": [A, B], "deactivated": [B], "capacities": {A: "1", B: "0"},
                "heartbeats": {A: HEARTBEAT, B: HEARTBEAT},
            },
            "at_once": exchange(ONLINE), "pings": [[200, None, ONLINE, 10]], "polls": [exchange({"available": True, "count": 1})] * 4,
            "paid": exchange({"offered": 1}), "expected": [A], "expected_before": [], "offered": [A], "names": NAMES,
            "sets": 10, "recomputes": 5, "asked": [statement(T, HEAL, [A, B], count=1)], "seeds": 0, "lines": [], "blind_s": 0.0,
            "invalidation": {"told": 1, "gone": True},
        },
        {"within_s": 5.0, "clock_s": 0.1},
    ),
}  # fmt: skip

FAILING = [
    ("J-02", ("polls", 0), exchange({"available": True, "count": 4}), "counts 4, available are 2"),
    ("J-02", ("polls", 0), exchange({"count": 2}), "not a bool and a count"),
    ("J-02", ("polls", 0), exchange(None, 503), "not 200"),
    ("J-02", ("polls", 0), exchange({"available": True, "count": 2}, ended=T + 6), "more than 5 s"),
    ("J-02", ("asked",), [], "no availability query in the outage"),
    ("J-02", ("asked_before",), [statement(T, JOIN, count=1)], "1 availability queries while Valkey was there"),
    ("J-03", ("offered",), [], "the blast lacks Sari"),
    ("J-03", ("offered",), [A, B], "the blast holds Wati"),
    ("J-03", ("accepted",), exchange({}, 500), "not 200"),
    ("J-03", ("accepted", "reply", "status"), "searching", "the accepted chat is"),
    ("J-03", ("asked",), [], "no availability query"),
    ("J-03", ("paid", "ended"), T + 7, "more than 5 s"),
    ("J-04", ("pings", 0), exchange(None, 503), "not 200"),
    ("J-04", ("lines",), 1, "1 fallback lines for 2 pings"),
    ("J-04", ("wrote",), [statement(T, UPDATE)], "wrote: UPDATE"),
    ("J-05", ("toggles", "Sari", "toggle"), exchange(None, 500), "not 200"),
    ("J-05", ("toggles", "Dewi", "toggle"), exchange(ONLINE), "Dewi's toggle is answered is_online: True"),
    ("J-05", ("toggles", "Sari", "rows"), [[False]], "is_online is [[False]]"),
    ("J-05", ("toggles", "Dewi", "lines"), [], "no log line 'setOffline'"),
    ("J-05", ("healed_at",), None, "did not come within 5 s"),
    ("J-05", ("healed_at",), T + 5.5, "more than 5 s"),
    ("J-06", ("seeded_at",), None, "did not come within 5 s"),
    ("J-06", ("seeded_at",), T + 5.5, "more than 5 s"),
    ("J-06", ("mirror", "online"), [A], "mitras:online lacks"),
    ("J-06", ("mirror", "deactivated"), [], "mitras:deactivated lacks"),
    ("J-06", ("mirror", "capacities", A), "0", "Postgres counts 1"),
    ("J-06", ("mirror", "heartbeats", A), DELETE, "not a time"),
    ("J-06", ("mirror", "heartbeats", A), "2027-01-15T07:59:59.000Z", "from before Valkey's return"),
    ("J-06", ("pings",), [[200, None, {"is_online": False}, 10]], "10 of 10 pings"),
    ("J-06", ("at_once",), exchange(None, 503), "not 200"),
    ("J-06", ("sets",), 0, "0 heartbeats"),
    ("J-06", ("polls", 0), exchange({"available": True, "count": 3}), "counts 3"),
    ("J-06", ("offered",), [A, B], "holds Wati"),
    ("J-06", ("recomputes",), 1, "5 polls and blasts took 1 SDIFF"),
    ("J-06", ("asked",), [statement(T, JOIN, count=1)], "asked of Postgres"),
    ("J-06", ("invalidation",), {"told": 20, "gone": False}, "was told 20 times"),
    ("J-06", ("lines",), ["falling back to DB"], "fallback lines after the seed line"),
]

OPEN = [
    *(("J-01", *variant) for variant in STOPPED_VARIANTS),
    ("J-02", ("valkey", "through_proxy"), "answers", "still answered"),
    ("J-02", ("expected",), 4, "as before it"),
    ("J-03", ("mitra",), B, "does not have the accepting mitra"),
    ("J-04", ("unknown",), [statement(T, UPDATE, role="app", count=1, **{"class": "unknown"})], "unknown roles"),
    ("J-06", ("exit_code",), 1, "only after a clean exit"),
    ("J-06", ("blind_s",), 0.5, "MONITOR was not connected"),
    ("J-06", ("stopped_at",), T - 0.2, "too short"),
    ("J-06", ("expected_before",), [A], "makes no difference"),
    ("J-06", ("truth", "deactivated"), [], "too little to compare"),
]


@pytest.mark.parametrize("item", PASSING)
def test_a_good_observation_passes(item: str) -> None:
    assert verdict(item, *PASSING[item])[0] == "passed", verdict(item, *PASSING[item])[1]


@pytest.mark.parametrize(("item", "path", "value", "text"), FAILING)
def test_a_broken_promise_fails(item: str, path: Path, value: Any, text: str) -> None:
    seen, bounds = PASSING[item]
    found, message = verdict(item, changed(seen, (path, value)), bounds)
    assert (found, text in message) == ("failed", True), message


@pytest.mark.parametrize(("item", "path", "value", "text"), OPEN)
def test_what_the_rig_did_not_bring_about_blames_nobody(item: str, path: Path, value: Any, text: str) -> None:
    seen, bounds = PASSING[item]
    found, message = verdict(item, changed(seen, (path, value)), bounds)
    assert (found, text in message) == ("inconclusive", True), message


def test_a_further_seed_is_no_query_of_a_reader() -> None:
    seen, bounds = PASSING["J-06"]
    once, often = [statement(T, JOIN, count=1)], [statement(T, JOIN, count=5)]
    assert verdict("J-06", changed(seen, (("asked",), once), (("seeds",), 1)), bounds)[0] == "passed"
    assert verdict("J-06", changed(seen, (("asked",), often), (("seeds",), 1)), bounds)[0] == "failed"
