"""The checks of section H: each passes on a good observation and fails on one that breaks a promise."""

from typing import Any

import pytest

from tests.support.seen_variants import (
    HEARTBEAT,
    SKIPPED,
    SKIPPED_BOUNDS,
    START,
    START_VARIANTS,
    STOPPED,
    STOPPED_VARIANTS,
    A,
    B,
    Path,
    T,
    changed,
    pings,
    statement,
    verdict,
)

MIRROR = "UPDATE mitra_online_status SET last_heartbeat_at = u.at FROM UNNEST($1::uuid[], $2) AS u (id, at)"
ONE_ROW = "UPDATE mitra_online_status SET last_heartbeat_at = $2 WHERE mitra_id = $1"


def cycle(number: float, *ids: str) -> dict[str, Any]:
    return statement(T + number, MIRROR, ids or (A, B))


def heartbeat(at: float) -> str:
    return f"2027-01-15T08:00:{at:06.3f}Z"


PASSING: dict[str, tuple[dict[str, Any], dict[str, float]]] = {
    "H-01": ({"mitras": [A, B], "online": [A, B], "pings": pings([A, B], T, T + 1)}, {}),
    "H-02": (START, {}),
    "H-03": (
        {
            "statements": [cycle(0.5), cycle(1.5), cycle(2.5), cycle(3.5)],
            "pinging": [A, B],
            "pings": pings([A, B], T, T + 4),
            "from": T,
            "until": T + 3.6,
        },
        {"cycle_s": 1.0, "late_s": 1.0},
    ),
    "H-04": (
        {
            "pinging": [A, B], "ages": {A: 0.4, B: 1.9}, "nobody": [],
            "pings": pings([A, B], T, T + 4), "from": T, "read_at": T + 4,
        },
        {"within_s": 2.2, "clock_s": 1.0},
    ),
    "H-05": (
        {
            "mitras": {
                A: {
                    "name": "Sari", "silent": False, "heartbeat": heartbeat(3.5),
                    "written": [[T + n / 2, heartbeat(n / 2)] for n in range(8)],
                },
                B: {"name": "Tuti", "silent": True, "heartbeat": HEARTBEAT, "written": [[T, HEARTBEAT]]},
            },
            "samples": [
                {"at": T + 1, "columns": {A: None, B: None}},
                {"at": T + 2.9, "columns": {A: T + 1, B: T}},
                {"at": T + 3.9, "columns": {A: T + 3, B: T}},
            ],
        },
        {"stood_s": 2.0, "ahead_s": 1.0},
    ),
    "H-06": (STOPPED, {}),
    "H-07": (SKIPPED, SKIPPED_BOUNDS),
    "H-08": (
        {
            "valkey": STOPPED,
            "mitras": [A, B],
            "readings": [{"at": T, "columns": {A: T - 1, B: T - 1}}, {"at": T + 4, "columns": {A: T - 1, B: T - 1}}],
            "statements": [],
            "pings": pings([A, B], T, T + 4),
        },
        {"cycle_s": 1.0},
    ),
}  # fmt: skip

FAILING = [
    ("H-03", ("statements", 1), statement(T + 1.5, ONE_ROW, [A]), "1 other statements wrote"),
    ("H-03", ("statements",), [cycle(0.5), cycle(2.0), cycle(3.5)], "3 statements with UNNEST"),
    ("H-03", ("statements",), [cycle(0.5), cycle(0.6), cycle(1.5), cycle(1.6)], "a cycle is one statement"),
    ("H-03", ("statements", 3), cycle(3.5, A), f"lacks {B}"),
    ("H-03", ("statements", 3), cycle(4.6), "more than a cycle"),
    ("H-03", ("statements", 3, "committed_at"), None, "was not committed"),
    ("H-04", ("ages", A), 2.3, "2.30 s old, more than 2.2 s"),
    ("H-04", ("nobody",), ["0999"], "are no mitras"),
    ("H-04", ("ages", A), None, "has no last_heartbeat_at"),
    ("H-04", ("ages", A), -1.5, "1.50 s in the future"),
    ("H-05", ("samples", 1, "columns", A), T + 0.4, "Sari: at"),
    ("H-05", ("samples", 2, "columns", B), T - 0.01, "Tuti: at"),
    ("H-05", ("samples", 2, "columns", B), None, "Tuti: at"),
    ("H-05", ("samples", 2, "columns", B), T + 1.5, "1.50 s ahead"),
    ("H-07", ("lines",), [], "fewer than 3"),
    ("H-07", ("lines",), [[T + n / 2, ""] for n in range(1, 9)], "more than 6"),
    ("H-08", ("readings", 1, "columns", A), T + 3, "without Valkey"),
    ("H-08", ("readings", 1, "columns", A), None, "without Valkey"),
    ("H-08", ("statements",), [cycle(2)], "1 statements wrote"),
    ("H-08", ("statements",), [statement(T + 2, ONE_ROW, [A])], "1 statements wrote"),
]

OPEN = [
    ("H-01", ("mitras",), [A], "not several"),
    ("H-01", ("online",), [A], "is not so in Postgres"),
    ("H-01", ("pings",), [], "no ping"),
    *(("H-02", *variant) for variant in START_VARIANTS),
    ("H-03", ("pings",), [], "did not ping in the cycle"),
    ("H-03", ("statements", 0, "class"), "unknown", "unknown roles"),
    ("H-05", ("mitras", A, "written"), [], "no heartbeat of hers was written"),
    ("H-05", ("mitras", B, "written"), [[T, HEARTBEAT], [T + 3, heartbeat(3)]], "pinged lately"),
    *(("H-06", *variant) for variant in STOPPED_VARIANTS),
    ("H-07", ("back_at",), T + 1, "too short"),
    ("H-08", ("readings", 1, "at"), T + 1, "only 1.0 s apart"),
    ("H-08", ("readings", 0, "columns", A), None, "to advance from"),
    ("H-08", ("pings",), [], "had no ping answered"),
    ("H-08", ("valkey", "through_proxy"), "answers", "still answered"),
]


@pytest.mark.parametrize("item", PASSING)
def test_a_good_observation_passes(item: str) -> None:
    assert verdict(item, *PASSING[item])[0] == "passed", verdict(item, *PASSING[item])[1]


@pytest.mark.parametrize(("item", "path", "value", "text"), FAILING)
def test_a_broken_promise_fails(item: str, path: Path, value: Any, text: str) -> None:
    seen, bounds = PASSING[item]
    found, message = verdict(item, changed(seen, (path, value)), bounds)
    assert (found, text in message) == ("failed", True), message


@pytest.mark.parametrize(
    ("item", "sign"), [("H-03", (("statements",), [])), ("H-04", (("ages", A), None)), ("H-04", (("ages", B), 9.0))]
)
def test_no_box_fails_for_heartbeats_that_nobody_sent(item: str, sign: tuple[Path, Any]) -> None:
    """No statement and no fresh column: where no ping was answered there was nothing to carry."""
    seen, bounds = PASSING[item]
    assert verdict(item, changed(seen, sign), bounds)[0] == "failed"
    assert verdict(item, changed(seen, sign, (("pings",), [])), bounds)[0] == "inconclusive"


@pytest.mark.parametrize(("item", "path", "value", "text"), OPEN)
def test_what_the_rig_did_not_bring_about_blames_nobody(item: str, path: Path, value: Any, text: str) -> None:
    seen, bounds = PASSING[item]
    found, message = verdict(item, changed(seen, (path, value)), bounds)
    assert (found, text in message) == ("inconclusive", True), message


def test_the_lag_of_a_correct_server_may_reach_a_cycle_and_a_ping() -> None:
    """Sari's column is 2.4 s behind her heartbeat, yet nothing of it has stood for 2 s."""
    seen, bounds = PASSING["H-05"]
    lagging = changed(seen, (("samples", 2, "columns", A), T + 1.5), (("mitras", A, "heartbeat"), heartbeat(3.9)))
    assert verdict("H-05", lagging, bounds)[0] == "passed"
