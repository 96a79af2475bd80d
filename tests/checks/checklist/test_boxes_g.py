"""The checks of section G: each passes on a good observation and fails on one that breaks a promise."""

from typing import Any

import pytest

from tests.support.seen_variants import (
    DELETE,
    HEARTBEAT,
    SKIPPED,
    SKIPPED_BOUNDS,
    START,
    START_VARIANTS,
    STOPPED,
    STOPPED_VARIANTS,
    A,
    B,
    C,
    Path,
    T,
    changed,
    exchange,
    pings,
    statement,
    verdict,
)  # fmt: skip

OFFLINE = "UPDATE mitra_online_status SET is_online = false WHERE mitra_id = ANY($1)"
AUDIT = "INSERT INTO mitra_online_logs (mitra_id, status) VALUES ($1, 'offline')"
SILENT = {"ping_begun": T, "ping_answered": T + 0.01, "offline_seen_at": T + 3}

PASSING: dict[str, tuple[dict[str, Any], dict[str, float]]] = {
    "G-01": (START, {}),
    "G-02": ({"where": "in app_config", "wanted": 2, "exchange": None, "rows": [[2]]}, {}),
    "G-03": (
        {
            "mitras": {
                A: {
                    "toggle": exchange({"is_online": True}),
                    "ping": exchange({"is_online": True}),
                    "heartbeat": HEARTBEAT,
                }
            }
        },
        {},
    ),
    "G-04": ({"key": "k", "deleted": 1, "value": None}, {}),
    "G-05": ({"waited_s": 2.5, "all_offline": True}, {"within_s": 4.0}),
    "G-06": (
        {
            "silent": {
                A: {**SILENT, "name": "Sari", "key_taken": True},
                B: {**SILENT, "name": "Tuti", "key_taken": False},
            },
            "control": [C],
            "nobody": "0999",
            "rows": {A: False, B: False, C: True},
            "audit": {A: ["online", "offline"], B: ["online", "offline"], C: ["online"]},
            "statements": [statement(T + 0.7, OFFLINE, [A]), statement(T + 2.5, OFFLINE, [B])],
            "pings": pings([C], T, T + 4),
            "from": T,
            "read_at": T + 4,
        },
        {"within_s": 4.0, "stale_s": 2.0, "tolerance_s": 1.0},
    ),
    "G-07": ({"silent": [A, B], "control": [C], "online": [C], "heartbeats": {C: HEARTBEAT}, "expiring": {}}, {}),
    "G-08": (STOPPED, {}),
    "G-09": ({**SKIPPED, "seeded_at": T + 4.5, "after": [[T + 5, "skipping"]]}, SKIPPED_BOUNDS),
    "G-10": (
        {
            "valkey": STOPPED,
            "stopped_at": T - 5,
            "back_at": T,
            "seeded_at": T + 0.1,
            "read_at": T + 2,
            "mitras": [A, B],
            "statements": [],
            "rows": {A: True, B: True},
            "audit": {A: ["online"], B: ["online"]},
            "heartbeats": {A: HEARTBEAT, B: HEARTBEAT},
            "pings": pings([A, B], T - 5, T + 2),
        },
        {"stale_s": 2.0, "tolerance_s": 1.0},
    ),
}

FAILING = [
    ("G-06", ("rows", A), True, "Sari: is_online is True"),
    ("G-06", ("rows", B), True, "Tuti: is_online is True"),
    ("G-06", ("audit", A), ["online"], "the audit rows are ['online']"),
    ("G-06", ("audit", A), ["online", "offline", "offline"], "not online, then offline"),
    ("G-06", ("statements", 1), statement(T + 0.9, OFFLINE, [B]), "1.10 s before her heartbeat was stale"),
    ("G-06", ("rows", C), False, "keeps pinging, yet is_online"),
    ("G-06", ("audit", C), ["online", "offline"], "keeps pinging, yet the audit rows"),
    ("G-06", ("rows",), {A: False, B: False, C: True, "0999": False}, "0999 is no mitra"),
    (
        "G-06",
        ("audit",),
        {A: ["online", "offline"], B: ["online", "offline"], C: ["online"], "0999": ["offline"]},
        "a row",
    ),
    ("G-07", ("online",), [A, C], "still in mitras:online"),
    ("G-07", ("heartbeats", B), HEARTBEAT, "is still there"),
    ("G-07", ("online",), [], "who keeps pinging, is gone"),
    ("G-07", ("expiring",), {"mitra:capacity:c": 90000}, "mitra:capacity:c expires in 90 s"),
    ("G-07", ("heartbeats", C), DELETE, "has no heartbeat key"),
    ("G-09", ("lines",), [[T + 1, ""], [T + 2, ""]], "fewer than 3"),
    ("G-09", ("lines",), [[T + n / 2, ""] for n in range(1, 9)], "more than 6"),
    ("G-09", ("after",), [[T + 5, ""], [T + 6, ""]], "1 more skip lines, the first 1.5 s after the seed"),
    ("G-10", ("statements",), [statement(T - 3, OFFLINE, [A])], "wrote mitra_online_status in the outage"),
    ("G-10", ("statements",), [statement(T - 3, AUDIT, [A])], "wrote mitra_online_logs in the outage"),
    ("G-10", ("heartbeats", A), "2027-01-15T07:59:55.000Z", "from before Valkey's return"),
    ("G-10", ("heartbeats", A), DELETE, "from before Valkey's return"),
    ("G-10", ("rows", B), False, "keeps pinging, yet is_online"),
    ("G-10", ("audit", B), ["online", "offline"], "keeps pinging, yet the audit rows"),
]

OPEN = [
    *(("G-01", *variant) for variant in START_VARIANTS),
    ("G-02", ("rows",), [[90]], "not 2"),
    ("G-02", ("exchange",), exchange({}, 500), "answered 500"),
    ("G-03", ("mitras", A, "ping"), exchange({"is_online": False}), "is_online: False"),
    ("G-03", ("mitras", A, "heartbeat"), None, "after the ping"),
    ("G-04", ("deleted",), 0, "the key was not there"),
    ("G-04", ("value",), HEARTBEAT, "is back"),
    ("G-05", ("all_offline",), False, "waited 2.5 s of 4 s"),
    ("G-06", ("pings",), [], "had no ping answered"),
    ("G-06", ("statements",), [], "no COMMIT of the change"),
    ("G-06", ("statements", 0), statement(T, OFFLINE, [A], role="app", **{"class": "unknown"}), "unknown roles"),
    *(("G-08", *variant) for variant in STOPPED_VARIANTS),
    ("G-09", ("valkey", "through_proxy"), "answers", "still answered"),
    ("G-09", ("back_at",), T + 2, "too short"),
    ("G-10", ("stopped_at",), T - 1, "makes no heartbeat stale"),
    ("G-10", ("pings",), [], "no ping of theirs was answered in the outage"),
    ("G-10", ("valkey", "through_proxy"), "answers", "still answered"),
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


def test_a_control_mitra_taken_offline_is_no_excuse() -> None:
    """Their pings then say is_online: false, which must not read as a gap in the pinging."""
    seen, bounds = PASSING["G-06"]
    told = [{**ping, "is_online": ping["at"] < T + 1} for ping in seen["pings"]]
    found, message = verdict("G-06", changed(seen, (("pings",), told), (("rows", C), False)), bounds)
    assert found == "failed", message


def test_without_ids_in_the_statement_any_write_of_the_status_counts() -> None:
    seen, bounds = PASSING["G-06"]
    single = [statement(T + 2.5, "UPDATE mitra_online_status SET is_online = false WHERE last_heartbeat_at < now()")]
    found, message = verdict("G-06", changed(seen, (("statements",), single)), bounds)
    assert found == "passed", message


def test_a_departure_over_the_bound_fails() -> None:
    seen, bounds = PASSING["G-06"]
    late = (("statements", 0), statement(T + 4.2, OFFLINE, [A])), (("silent", A, "offline_seen_at"), T + 4.3)
    found, message = verdict("G-06", changed(seen, *late), bounds)
    assert (found, "more than 4 s" in message) == ("failed", True), message


def test_a_later_write_that_changed_nothing_is_not_the_departure() -> None:
    seen, bounds = PASSING["G-06"]
    again = [*seen["statements"], statement(T + 3.9, OFFLINE, [A, B])]
    assert verdict("G-06", changed(seen, (("statements",), again)), bounds)[0] == "passed"


def test_a_time_served_out_passes_for_the_wait() -> None:
    assert verdict("G-05", {"waited_s": 4.2, "all_offline": False}, {"within_s": 4.0})[0] == "passed"


def test_an_unreadable_environment_is_remarked() -> None:
    found, message = verdict("G-01", changed(START, (("process",), None)), {})
    assert found == "passed"
    assert "could not be read" in message
