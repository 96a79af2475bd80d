"""The checks of section I: each passes on a good observation and fails on one that breaks a promise."""

from typing import Any

import pytest

from tests.support.seen_variants import DELETE, HEARTBEAT, START, START_VARIANTS, A, B, C, Path, T, changed, verdict

REFUSED = {"status": 200, "lines": ["[valkey-mirror] setOnline failed: OOM"], "rig_too": True}
LATER = "2027-01-15T08:00:01.000Z"

PASSING: dict[str, tuple[dict[str, Any], dict[str, float]]] = {
    "I-01": (START, {}),
    "I-02": ({"replies": [["SADD mitras:online x", 1], ["SET y 99", True]]}, {}),
    "I-03": (
        {
            "since": T,
            "refused": None,
            "seeded_at": T + 2.9,
            "online": 5,
            "deactivated": 1,
            "with_sessions": 2,
            "line": "[valkey-mirror] seed: 5 online, 1 deactivated, 2 with active sessions",
        },
        {"within_s": 3.0},
    ),
    "I-04": (
        {
            "since": T,
            "refused": None,
            "read_at": T + 2,
            "truth": {"online": [A, B], "deactivated": [C], "loads": {A: 1, B: 0}},
            "mirror": {
                "online": [A, B],
                "deactivated": [C],
                "capacities": {A: "1", B: "0"},
                "heartbeats": {A: HEARTBEAT, B: LATER},
                "snapshot": None,
                "expiring": {},
            },
            "kept": {A: HEARTBEAT},
            "missing": [B],
        },
        {"within_s": 3.5, "clock_s": 0.5},
    ),
    "I-05": (START, {}),
    "I-06": (
        {"started_at": T - 1, "flushed_at": T + 3, "startup": [[T, "seed"]], "seeded_at": T + 4},
        {"within_s": 5.0, "watch_s": 3.0},
    ),
}

FAILING = [
    ("I-03", ("seeded_at",), None, "did not come within 3 s"),
    ("I-03", ("seeded_at",), T + 3.1, "more than 3 s"),
    ("I-03", ("line",), "[valkey-mirror] seed: 5 online, 1 deactivated, 1 with active sessions", "Postgres (5, 1, 2)"),
    ("I-03", ("line",), "[valkey-mirror] seed: done", "of the promised form"),
    ("I-04", ("mirror", "online"), [A], "mitras:online lacks"),
    ("I-04", ("mirror", "expiring"), {"mitras:online": 60000}, "mitras:online expires in 60 s"),
    ("I-04", ("mirror", "online"), [A, B, "bogus"], "which Postgres does not"),
    ("I-04", ("mirror", "deactivated"), [], "mitras:deactivated lacks"),
    ("I-04", ("mirror", "capacities", A), "99", "is '99', Postgres counts 1"),
    ("I-04", ("mirror", "capacities", B), DELETE, "is None, Postgres counts 0"),
    ("I-04", ("mirror", "heartbeats", C), HEARTBEAT, "belongs to nobody online"),
    ("I-04", ("mirror", "heartbeats", B), DELETE, "not a time"),
    ("I-04", ("mirror", "heartbeats", A), LATER, "wrote over the heartbeat"),
    ("I-04", ("mirror", "heartbeats", B), "2027-01-15T07:00:00.000Z", "not as now"),
    ("I-04", ("read_at",), T + 3.6, "more than 3.5 s"),
    ("I-06", ("startup",), [[T, "seed"], [T + 2, "seed"]], "2 seed lines"),
    ("I-06", ("startup",), [], "0 seed lines"),
    ("I-06", ("seeded_at",), None, "did not come within 5 s"),
    ("I-06", ("seeded_at",), T + 8.5, "more than 5 s"),
]

OPEN = [
    *(("I-01", *variant) for variant in START_VARIANTS),
    ("I-02", ("replies", 0, 1), 0, "it changed nothing"),
    ("I-03", ("refused",), {**REFUSED, "status": 500}, "answered 500"),
    ("I-03", ("refused",), {**REFUSED, "lines": []}, "which Valkey refused"),
    ("I-04", ("refused",), {**REFUSED, "rig_too": False}, "took a write of the rig"),
    ("I-04", ("truth", "online"), [], "nobody is online"),
    *(("I-05", *variant) for variant in START_VARIANTS),
    ("I-06", ("flushed_at",), T + 1, "watched for 1.0 s only"),
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


@pytest.mark.parametrize("item", ["I-03", "I-04"])
def test_a_refused_write_is_a_drift_too(item: str) -> None:
    seen, bounds = PASSING[item]
    assert verdict(item, changed(seen, (("refused",), REFUSED)), bounds)[0] == "passed"
