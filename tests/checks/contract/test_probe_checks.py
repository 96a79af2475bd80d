"""The checks of probes: what a good server shows passes, and each thing that is wrong breaks its sentence."""

import copy
from typing import Any

import pytest

from rig.checks.contract.probes import judge_probe
from rig.record.lines.contract import Probe

BAD = ["x", 400, "VALIDATION_ERROR", 0.01]
GOOD: dict[str, dict[str, Any]] = {
    "values at their bounds": {
        "wrong durations": [BAD], "right durations": [["x", 201, None, 0.01]], "wrong settings": [BAD],
        "right settings": [["x", 200, None, 0.01]], "unknown setting": [["x", 404, "NOT_FOUND", 0.01]], "phones": [BAD],
        "codes": [["known", 200, {"expires_in": 300}], ["unknown", 200, {"expires_in": 300}]],
    },
    "people nobody knows": {"mitra": [401, "OTP_INVALID", 0], "client": [200, None, 1], "lookalikes": [["x", 401, "OTP_INVALID", False]]},
    "bodies that are wrong": {
        "not json": [["x", 400, "BAD_JSON", 0.01]], "too large": [["x", 413, "PAYLOAD_TOO_LARGE", 0.01]], "missing": [BAD],
        "wrong": [BAD], "not an object": [BAD], "just fits": [["x", 204, None, 0.01]],
    },
    "bodies nobody asked for": {
        "answers": [["x", 200, None, 0.01]], "upgraded": [["x", 200, None, 0.01]], "heads": [[1000, 200, None, 0.01]],
    },
    "refresh at once": {"signed_in": 200, "answers": [[200, None], [401, "REFRESH_INVALID"]], "live": 1},
    "accept at once": {"answers": [[409, "ALREADY_TAKEN"], [200, None]], "mitra": "b", "winners": ["b"]},
    "accept several at once": {
        "answers": [[200, None]] * 3 + [[409, "MITRA_AT_CAPACITY"]] * 3, "load": 3, "maximum": 3,
    },
    "end at once": {"taken": 200, "answers": [[200, None], [409, "INVALID_STATE"]], "load": 0},
    "ids in upper case": {
        "taken": 200, "path": [200, "ab", "ab"], "body": [409, "INVALID_STATE", 0.01], "sub": [200, None, 0.01],
    },
    "status of a mitra": {
        "found": [
            [None, 1, 200, {"is_online": True, "last_heartbeat_at": None}],
            [1769848215.25, 1, 200, {"is_online": True, "last_heartbeat_at": "2026-01-31T08:30:15.250Z"}],
        ],
    },
    "snapshot": {
        "nobody": [200, {"available": False, "count": 0}, '{"available": false, "count": 0}', 9990],
        "somebody": [200, {"available": True, "count": 1}, '{"available": true, "count": 1}', 9990],
        "by hand": [[200, {"available": True, "count": 7}]] * 2, "left_ms": 3900, "changed": 200, "left": None, "kept": {"stale_after_seconds": None},
    },
    "refresh tokens in rows": {"signed_in": 200, "token": True, "held": 0, "expired": [401, "REFRESH_INVALID"]},
    "pings out of order": {
        "pings": [[200, None], [200, None]],
        "beats": [["first", 100.0, 100.2], ["second", 101.0, 101.1], ["third", 106.0, 101.2]],
    },
    "chats whose time is up": {
        name: {
            "answers": [200, 200, 200], "in_window": {"active": "active", "pending_payment": "pending_payment"},
            "capacity": "2", "left_s": 4.5, "at_last": {"active": "ended", "pending_payment": "ended"}, "capacity_at_last": "0", "late_s": 2.0, "late_from_s": 1.0,
        }
        for name in ("running", "restarted")
    } | {"allowed_s": 2.0},
}  # fmt: skip
# The probe, where it is spoilt, what stands there then, and the sentence that breaks.
WRONG: list[tuple[str, tuple[Any, ...], Any, str]] = [
    ("values at their bounds", ("wrong durations", 0, 1), 201, "CHAT-02"),
    ("values at their bounds", ("right durations", 0, 1), 400, "CHAT-02"),
    ("values at their bounds", ("wrong settings", 0, 1), 200, "CONFIG-03"),
    ("values at their bounds", ("unknown setting", 0, 1), 200, "CONFIG-03"),
    ("values at their bounds", ("phones", 0, 1), 200, "AUTH-03"),
    ("values at their bounds", ("codes", 1, 1), 401, "AUTH-02"),
    ("values at their bounds", ("codes", 1, 2), {"expires_in": 0}, "AUTH-02"),
    ("values at their bounds", ("codes", 0, 2), {}, "AUTH-02"),
    ("people nobody knows", ("mitra", 0), 200, "AUTH-05"),
    ("people nobody knows", ("lookalikes", 0, 3), True, "AUTH-04"),
    ("people nobody knows", ("lookalikes", 0, 1), 500, "AUTH-04"),
    ("people nobody knows", ("mitra", 2), 1, "AUTH-05"),
    ("people nobody knows", ("client", 2), 2, "AUTH-05"),
    ("bodies nobody asked for", ("heads", 0, 1), 431, "HTTP-13"),
    ("refresh at once", ("answers", 1), [200, None], "AUTH-24"),
    ("refresh at once", ("answers", 1), [None, "ReadTimeout"], "HTTP-21"),
    ("refresh at once", ("answers", 1, 1), 7, "AUTH-11"),
    ("refresh at once", ("live",), 2, "AUTH-24"),
    ("accept at once", ("mitra",), "a", "OFFER-10"),
    ("accept several at once", ("answers", 3), [200, None], "OFFER-09"),
    ("accept several at once", ("answers", 2), [409, "MITRA_AT_CAPACITY"], "OFFER-09"),
    ("accept several at once", ("load",), 4, "OFFER-09"),
    ("accept several at once", ("answers", 3, 1), "INVALID_STATE", "OFFER-08"),
    ("end at once", ("answers", 0), [409, "INVALID_STATE"], "CHAT-08"),
    ("end at once", ("answers", 1), [500, None], "HTTP-21"),
    ("ids in upper case", ("path", 0), 400, "ID-02"),
    ("ids in upper case", ("path", 1), "AB", "ID-01"),
    ("ids in upper case", ("body", 0), 404, "ID-02"),
    ("ids in upper case", ("sub", 0), 401, "ID-02"),
    ("status of a mitra", ("found", 1, 3, "last_heartbeat_at"), None, "TOGGLE-09"),
    ("status of a mitra", ("found", 0, 3, "last_heartbeat_at"), "2026-01-31T08:30:15.250Z", "TOGGLE-09"),
    ("status of a mitra", ("found", 1, 3, "last_heartbeat_at"), 1769848215, "TIME-02"),
    ("snapshot", ("nobody", 3), 60_000, "KEY-06"),
    ("snapshot", ("somebody", 3), -1, "KEY-06"),
    ("snapshot", ("somebody", 1, "available"), False, "BEACON-03"),
    ("snapshot", ("by hand", 1, 1), {"available": True, "count": 1}, "BEACON-01"),
    ("snapshot", ("left_ms",), 9990, "BEACON-08"),
    ("snapshot", ("left",), "{}", "BEACON-05"),
    ("snapshot", ("kept", "stale_after_seconds"), "{}", "BEACON-05"),
    ("refresh tokens in rows", ("held",), 1, "TABLE-09"),
    ("refresh tokens in rows", ("expired",), [200, None], "AUTH-12"),
    ("pings out of order", ("beats", 1, 1), 99.9, "KEY-12"),
    ("pings out of order", ("beats", 2, 1), 107.0, "KEY-12"),
    ("pings out of order", ("beats", 2, 1), None, "KEY-12"),
    ("chats whose time is up", ("running", "at_last", "active"), "active", "CHAT-11"),
    ("chats whose time is up", ("running", "at_last", "pending_payment"), "pending_payment", "EXTEND-05"),
    ("chats whose time is up", ("running", "in_window", "active"), "ended", "CHAT-12"),
    ("chats whose time is up", ("running", "capacity"), "0", "CHAT-12"),
    ("chats whose time is up", ("running", "capacity_at_last"), "1", "CHAT-15"),
    ("chats whose time is up", ("restarted", "at_last", "active"), "active", "CHAT-14"),
    ("chats whose time is up", ("restarted", "late_s"), 4.0, "CHAT-14"),
    ("bodies that are wrong", ("just fits", 0, 1), 413, "HTTP-07"),
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


def test_what_does_not_fit_the_class_of_a_check_is_a_doubt_that_names_the_field() -> None:
    judge = judge_probe(Probe(t=1.0, probe="refresh at once", seen={**GOOD["refresh at once"], "live": "one"}))
    assert judge.broken == []
    assert {id for id, _ in judge.doubts} == {"AUTH-11", "AUTH-24", "HTTP-21"}
    assert all("$.live" in reason for _, reason in judge.doubts)


def test_a_field_that_no_check_reads_is_ignored() -> None:
    judge = judge_probe(Probe(t=1.0, probe="refresh at once", seen={**GOOD["refresh at once"], "status": "active"}))
    assert (judge.broken, judge.doubts) == ([], [])
