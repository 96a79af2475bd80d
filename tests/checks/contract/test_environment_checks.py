"""The checks of the stage `environment`: what a good server shows passes, and each thing that is wrong breaks its sentence."""

import copy
from typing import Any

import pytest

from rig.checks.contract.probes import judge_probe
from rig.record.lines.contract import Probe

UP = {"ready_s": 0.6, "exit_s": None, "code": None, "early": []}
REFUSED = {"ready_s": None, "exit_s": 0.1, "code": 1, "early": [], "lines": ["server: PUBLIC_PORT must be a port"]}
GOOD: dict[str, dict[str, Any]] = {
    "starts that must be refused": {
        "usual_s": 0.6,
        "starts": [
            ["ENV-03", "PUBLIC_PORT", "PUBLIC_PORT='abc'", REFUSED],
            ["ENV-04", "PUBLIC_PORT", "a duration", REFUSED],
            ["ENV-10", "PUBLIC_PORT", "a short secret", REFUSED],
        ],
    },
    "start in production": {**UP, "asked": 200, "verified": [401, "OTP_INVALID"]},
    "start without Postgres": {
        "nobody listens": {**REFUSED, "told": 1}, "no such database": {**REFUSED, "told": 1},
    },
    "start on what was left": {
        **UP, "answers": [[200, None]] * 4, "available": {"mitra_ids": ["here"]}, "here": "here", "full": "full",
        "seeds": 1, "chat": "ended", "listens": [True, True], "other address": [False, False],
        "truth": {"online": ["full", "here"], "deactivated": [], "loads": {"full": 3, "here": 0}},
        "mirror": {
            "online": ["full", "here"], "deactivated": [], "capacities": {"full": "3", "here": "0"},
            "heartbeats": {"here": "2026-01-01T00:00:00.000Z"},
        },
        "unknown rows": 0,
    },
    "another time zone and database": {
        "ready": True, "answers": [200, 200, 200], "there": True, "here": False, "heartbeat": "2026-01-01T00:00:00.000Z",
        "ends_at": "2026-01-01T00:30:00Z", "pinged": 1767225600.5, "taken": 1767225601.0, "duration_s": 1800,
        "heartbeat_at": 1767225600.0, "ends_at_s": 1767227400.0,
    },
    "settings that are none": {
        "starts": [
            [
                {"max_customers_per_mitra": "many", "stale_after_seconds": None}, True,
                {"max_customers_per_mitra": 3, "stale_after_seconds": 90}, [200, 200],
                ["max_customers_per_mitra", "stale_after_seconds"],
            ]
        ]
    },
    "start with nobody online": {**UP, "seeds": 1, "online": []},
    "start without Valkey": {
        "usual_s": 0.6, "starts": {"refused": UP, "hung": UP}, "served": {"refused": [[200, None]], "hung": [[200, None]]},
        "seeds": {"refused": [1, True], "hung": [1, True]}, "unknown gone": True,
    },
    "stop with requests in flight": {
        "starts": [UP, UP], "taken": 200, "online": 200, "in flight": [200, None], "readyz": None,
        "exits": {"with requests in flight": [0.7, 0], "with Valkey refused": [0.1, 143]}, "still open": [],
        "still online": True, "key": True,
    },
    "stop while something hangs": {
        "starts": {"with Valkey hung": UP, "while nobody reads its log": UP}, "asked": [503, "SERVICE_UNAVAILABLE"],
        "exits": {"with Valkey hung": [0.5, 0], "while nobody reads its log": [1.5, 143]}, "left out": {},
    },
    "start with a slow Valkey": {"starts": [{"public": [1.5, True], "internal": [1.5, True]}]},
    "lines of a start and an outage": {
        "ready": True,
        "lines": [
            ["[valkey-mirror] seed:", -0.2], ["[heartbeat] valkey check failed, falling back to DB", 0.3],
            ["[findAvailableMitras] valkey unavailable, falling back to Postgres", -0.001],
            ["[isMitraReachable] valkey unavailable, falling back to DB", 0.001],
            ["[valkey-mirror] setOffline <id> failed after offline", -0.001], ["<id> failed after accept", 0.2],
        ],
    },
    "Postgres away": {
        "start": UP, "kept": [["ping", 200, None, 0.01], ["auth_providers", 200, None, 0.01]],
        "needed": [["status", 503, "SERVICE_UNAVAILABLE", 0.1]], "again": [["status", 200, None, 0.1]],
        "readyz": 503, "healthz": 200, "readyz again": 200, "end": [0.2, 0],
    },
}  # fmt: skip
REFUSALS, LEFT, STOP, AWAY = (
    "starts that must be refused", "start on what was left", "stop with requests in flight", "Postgres away",
)  # fmt: skip
HUNG, LINES = "stop while something hangs", "lines of a start and an outage"
# The probe, where it is spoilt, what stands there then, and the sentence that breaks.
WRONG: list[tuple[str, tuple[Any, ...], Any, str]] = [
    ("settings that are none", ("starts", 0, 1), False, "TABLE-07"),
    ("settings that are none", ("starts", 0, 2, "stale_after_seconds"), 5, "TABLE-07"),
    ("settings that are none", ("starts", 0, 3, 0), 500, "TABLE-07"),
    ("settings that are none", ("starts", 0, 4), ["max_customers_per_mitra"], "TABLE-07"),
    ("another time zone and database", ("ready",), False, "ENV-01"),
    ("another time zone and database", ("there",), False, "ENV-01"),
    ("another time zone and database", ("here",), True, "ENV-02"),
    ("another time zone and database", ("heartbeat_at",), 1767225600.0 - 12600, "TIME-01"),
    ("another time zone and database", ("heartbeat_at",), None, "TIME-01"),
    ("another time zone and database", ("ends_at_s",), 1767227400.0 - 12600, "TIME-01"),
    (REFUSALS, ("starts", 0, 3, "code"), 2, "ENV-03"),
    (REFUSALS, ("starts", 0, 3, "lines"), ["Traceback", "PUBLIC_PORT"], "ENV-03"),
    (REFUSALS, ("starts", 0, 3, "lines"), ["a bad value"], "ENV-03"),
    (REFUSALS, ("starts", 1, 3, "exit_s"), None, "ENV-04"),
    (REFUSALS, ("starts", 1, 3, "code"), 0, "ENV-04"),
    (REFUSALS, ("starts", 2, 3, "ready_s"), 0.6, "ENV-10"),
    (REFUSALS, ("starts", 2, 3, "lines"), [], "ENV-10"),
    ("start in production", ("verified",), [200, None], "ENV-07"),
    ("start in production", ("ready_s",), None, "ENV-07"),
    ("start in production", ("early",), [404], "READY-02"),
    ("start without Postgres", ("nobody listens", "exit_s"), 10.5, "START-03"),
    ("start without Postgres", ("nobody listens", "code"), 0, "START-03"),
    ("start without Postgres", ("nobody listens", "told"), 0, "START-03"),
    ("start without Postgres", ("no such database", "ready_s"), 0.6, "ENV-02"),
    (LEFT, ("available",), {"mitra_ids": ["full", "here"]}, "KEY-09"),
    (LEFT, ("available",), {"mitra_ids": []}, "KEY-09"),
    (LEFT, ("answers", 1), [500, "INTERNAL_ERROR"], "KEY-10"),
    (LEFT, ("seeds",), 0, "START-04"),
    (LEFT, ("seeds",), 2, "ENV-06"),
    (LEFT, ("chat",), "active", "START-06"),
    (LEFT, ("listens", 1), False, "ENV-13"),
    (LEFT, ("other address", 0), True, "ENV-13"),
    (LEFT, ("unknown rows",), 1, "TABLE-08"),
    (LEFT, ("mirror", "online"), ["full", "here", "x"], "KEY-10"),
    (LEFT, ("mirror", "heartbeats"), {"gone": "2026-01-01T00:00:00.000Z"}, "KEY-08"),
    (LEFT, ("mirror", "capacities", "full"), "2", "KEY-08"),
    ("start with nobody online", ("online",), ["x"], "START-07"),
    ("start with nobody online", ("seeds",), 2, "START-04"),
    ("start without Valkey", ("starts", "hung", "ready_s"), 11.5, "START-02"),
    ("start without Valkey", ("served", "refused"), [[503, "SERVICE_UNAVAILABLE"]], "START-05"),
    ("start without Valkey", ("seeds", "hung", 0), 0, "START-05"),
    ("start without Valkey", ("unknown gone",), False, "START-05"),
    (STOP, ("in flight",), [None, "ReadError"], "STOP-02"),
    (STOP, ("readyz",), 200, "READY-02"),
    (STOP, ("exits", "with Valkey refused"), [None, None], "STOP-03"),
    (STOP, ("exits", "with Valkey refused"), [0.1, -15], "STOP-04"),
    (STOP, ("still open",), [3000], "STOP-03"),
    (STOP, ("still online",), False, "STOP-01"),
    (STOP, ("key",), False, "STOP-01"),
    (HUNG, ("asked",), [None, "ReadError"], "STOP-05"),
    (HUNG, ("asked",), [500, "INTERNAL_ERROR"], "STOP-05"),
    (HUNG, ("exits", "with Valkey hung"), [None, None], "STOP-03"),
    (HUNG, ("exits", "while nobody reads its log"), [10.5, 0], "STOP-06"),
    (HUNG, ("exits", "while nobody reads its log"), [0.5, 1], "STOP-04"),
    ("start with a slow Valkey", ("starts", 0, "internal", 1), False, "START-01"),
    (LINES, ("lines", 0, 1), None, "LOG-02"),
    (LINES, ("lines", 1, 1), None, "LOG-04"),
    (LINES, ("lines", 2, 1), None, "LOG-06"),
    (LINES, ("lines", 3, 1), None, "LOG-05"),
    (LINES, ("lines", 5, 1), None, "LOG-03"),
    (LINES, ("lines", 2, 1), 1.2, "LOG-09"),
    (AWAY, ("kept", 0, 1), 503, "OUTAGE-08"),
    (AWAY, ("kept", 1, 1), 503, "HTTP-19"),
    (AWAY, ("kept", 0, 3), 5.5, "HTTP-20"),
    (AWAY, ("needed", 0, 1), 500, "OUTAGE-09"),
    (AWAY, ("again", 0, 1), 503, "OUTAGE-09"),
    (AWAY, ("readyz",), 200, "READY-03"),
    (AWAY, ("healthz",), 503, "READY-01"),
    (AWAY, ("readyz again",), 503, "READY-02"),
    (AWAY, ("end",), [None, None], "STOP-03"),
    (AWAY, ("end",), [0.1, -9], "STOP-04"),
]


@pytest.mark.parametrize("probe", GOOD)
def test_what_a_good_server_shows_breaks_nothing(probe: str) -> None:
    judge = judge_probe(Probe(t=1.0, probe=probe, seen=GOOD[probe]))
    assert (judge.broken, judge.doubts) == ([], [])
    assert judge.judged


@pytest.mark.parametrize(("probe", "where", "value", "sentence"), WRONG)
def test_what_is_wrong_breaks_its_sentence(probe: str, where: tuple[Any, ...], value: Any, sentence: str) -> None:
    seen = copy.deepcopy(GOOD[probe])
    at: Any = seen
    for step in where[:-1]:
        at = at[step]
    at[where[-1]] = value
    judge = judge_probe(Probe(t=1.0, probe=probe, seen=seen))
    assert sentence in {id for id, _ in judge.broken}, judge.doubts


@pytest.mark.parametrize("probe", GOOD)
def test_an_instance_that_never_came_up_is_no_error_of_the_check(probe: str) -> None:
    seen = copy.deepcopy(GOOD[probe])
    for start in (seen, seen.get("start"), *(seen["starts"] if isinstance(seen.get("starts"), list) else ())):
        if isinstance(start, dict) and "ready_s" in start:
            start["ready_s"] = None
    judge = judge_probe(Probe(t=1.0, probe=probe, seen=seen))
    assert not [message for _, message in judge.doubts if "cannot read" in message]
