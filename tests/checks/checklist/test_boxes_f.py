"""The checks of section F, reachability and blast: good observations pass, broken promises fail."""

from typing import Any

import msgspec
import pytest

from rig.checks.common.availability_model import available, iso_time, states
from rig.record.observations.parts import MirrorState
from tests.support.seen_variants import HEARTBEAT, STOPPED, A, B, C, Path, T, changed, exchange, statement, verdict

D, E, F, G, H = (f"00000000-0000-4000-8000-00000000000{digit}" for digit in "def12")
OFFLINE = "00000000-0000-4000-8000-000000000009"
OLD = "2027-01-15T07:59:00.000Z"  # a minute old
ONLINE = {"active": True, "online": True}
JOIN = "SELECT o.mitra_id FROM mitra_online_status o JOIN mitras m ON m.id = o.mitra_id WHERE o.is_online"
NAMES = {A: "Sari", B: "Rani", C: "Wati", D: "Maya", E: "Nita", F: "Putri", OFFLINE: "Tuti"}
MIRROR = {
    "online": [A, B, C, D, E, F, G, H],
    "deactivated": [C],
    "capacities": {A: "0", B: "3", C: "0", D: "0", E: "0", F: "0"},
    "heartbeats": {A: HEARTBEAT, B: HEARTBEAT, C: HEARTBEAT, D: OLD, F: "yesterday", G: HEARTBEAT, H: HEARTBEAT},
}
READING = {"mirror": MIRROR, "loads": {A: 0, B: 3, G: 0, H: 3}, "at": T + 1, "stale_s": 30.0, "maximum": 3}


def reachable(*mitras: str) -> dict[str, Any]:
    """The answers about everybody, of whom just these are reachable."""
    return {mitra: exchange({"reachable": mitra in mitras}) for mitra in (*MIRROR["online"], OFFLINE)}


POSTGRES = {mitra: {"active": mitra != C, "online": mitra != OFFLINE} for mitra in (*MIRROR["online"], OFFLINE)}
ASKED = {"answers": reachable(A, B, G, H), "names": NAMES, "postgres": POSTGRES, "statements": []}
FALLBACK_ROUND = {
    "answers": {A: exchange({"reachable": True}), C: exchange({"reachable": False})},
    "names": NAMES,
    "postgres": {A: ONLINE, C: {"active": False, "online": True}},
}
GONE_ROUND = {**FALLBACK_ROUND, "postgres": {**FALLBACK_ROUND["postgres"], A: {"active": True, "online": False}}}
GONE_ROUND["answers"] = {**FALLBACK_ROUND["answers"], A: exchange({"reachable": False})}

PASSING: dict[str, tuple[dict[str, Any], dict[str, float]]] = {
    "F-01": ({**ASKED, **READING}, {}),
    "F-02": ({**ASKED, **READING, "lines": [], "exit_code": 0}, {}),
    "F-03": ({"valkey": STOPPED, "rounds": [FALLBACK_ROUND, GONE_ROUND], "lines": 4}, {"answer_s": 5.0}),
    "F-04": ({"paid": exchange({"offered": 1}), "recomputes": 1, "statements": [], "lines": [], "exit_code": 0}, {}),
    "F-05": (
        {
            **READING, "after": MIRROR, "names": NAMES, "available": exchange({"mitra_ids": [A, G]}),
            "paid": exchange({"offered": 2}), "offered": [A, G],
        },
        {},
    ),
    "F-06": (
        {
            "valkey": STOPPED, "names": NAMES, "expected": [A], "offered": [A],
            "available": exchange({"mitra_ids": [A]}), "paid": exchange({"offered": 1}), "lines": 2,
            "requests": [exchange({}), exchange({})],
        },
        {"answer_s": 5.0},
    ),
}  # fmt: skip

FAILING = [
    ("F-01", ("answers",), reachable(B, G, H), "Sari is reachable: False"),
    ("F-01", ("answers",), reachable(A, B, C, G, H), "Wati is reachable: True"),
    ("F-01", ("answers",), reachable(A, B, G, H, OFFLINE), "Tuti is reachable: True"),
    ("F-01", ("answers", A), exchange({"reachable": 1}), "Sari is reachable: 1"),
    ("F-02", ("answers",), reachable(A, B, D, G, H), "Maya is reachable: True"),
    ("F-02", ("answers",), reachable(A, B, E, G, H), "Nita is reachable: True"),
    ("F-02", ("answers",), reachable(A, B, F, G, H), "Putri is reachable: True"),
    ("F-02", ("answers",), reachable(), "Sari is reachable: False"),
    ("F-02", ("statements",), [statement(T, f"{JOIN} AND o.mitra_id = $1", count=1)], "asked of Postgres"),
    ("F-02", ("lines",), ["fell back"], "1 fallback lines"),
    ("F-03", ("rounds", 0, "answers", A), exchange({"reachable": False}), "Sari is reachable: False"),
    ("F-03", ("rounds", 1, "answers", A), exchange({"reachable": True}), "Sari is reachable: True"),
    ("F-03", ("rounds", 0, "answers", C), exchange({"reachable": True}), "Wati is reachable: True"),
    ("F-03", ("rounds", 0, "answers", A), exchange({"reachable": True}, ended=T + 6), "more than 5 s"),
    ("F-03", ("lines",), 3, "3 fallback lines for 4 questions"),
    ("F-04", ("recomputes",), 0, "no SDIFF"),
    ("F-04", ("statements",), [statement(T, JOIN, count=1)], "asked of Postgres"),
    ("F-04", ("lines",), ["fell back"], "1 fallback lines"),
    ("F-04", ("paid",), exchange({}, 409), "not 200"),
    ("F-05", ("available",), exchange({"mitra_ids": [A]}), "findAvailableMitras lacks"),
    ("F-05", ("available",), exchange({"mitra_ids": [A, B, G]}), "findAvailableMitras holds Rani"),
    ("F-05", ("available",), exchange({"mitra_ids": [A, A, G]}), "names somebody twice"),
    ("F-05", ("offered",), [A, C, G], "the blast holds Wati"),
    ("F-05", ("offered",), [G], "the blast lacks Sari"),
    ("F-05", ("paid",), exchange({"offered": 3}), "the answer says offered: 3"),
    ("F-06", ("offered",), [], "the blast lacks Sari"),
    ("F-06", ("available",), exchange({"mitra_ids": [A, C]}), "holds Wati"),
    ("F-06", ("lines",), 1, "1 fallback lines for 2 blasts"),
    ("F-06", ("requests", 0), exchange(None, None, error="ReadTimeout", ended=T + 8), "got no answer"),
]

OPEN = [
    ("F-01", ("mirror", "deactivated"), [], "nobody was deactivated"),
    ("F-01", ("at",), T + 30.2, "just turning stale"),
    ("F-02", ("exit_code",), -9, "only after a clean exit"),
    ("F-02", ("postgres", D), {"active": True, "online": False}, "does not have those online"),
    ("F-03", ("rounds", 1), FALLBACK_ROUND, "no row was changed"),
    ("F-03", ("valkey", "through_proxy"), "answers", "still answered"),
    ("F-05", ("after",), {**MIRROR, "deactivated": []}, "changed while it was compared"),
    ("F-05", ("mirror", "capacities"), {A: "0", B: "3", G: "0", H: "3"}, "no capacity key was missing"),
    ("F-06", ("expected",), [], "nobody is available in Postgres"),
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


def test_the_model_names_a_reason_for_everybody() -> None:
    found = states(msgspec.convert(MIRROR, MirrorState), READING["loads"], 3, 30.0, T + 1)
    assert found == {
        A: "available", B: "full", C: "deactivated", D: "stale", E: "no heartbeat", F: "garbled heartbeat",
        G: "available", H: "full",
    }  # fmt: skip
    assert available(found) == sorted([A, G])


@pytest.mark.parametrize("text", ["2027-01-15T08:00:00Z", "2027-01-15T08:00:00.000+00:00", "2027-01-15T08:00:00.000Z"])
def test_any_iso_time_in_utc_is_a_heartbeat(text: str) -> None:
    assert iso_time(text) == T


@pytest.mark.parametrize(
    "text", ["yesterday", "2027-01-15", "2027-01-15T08:00:00", "2027-01-15T08:00:00+07:00", "", None]
)
def test_anything_else_is_none(text: str | None) -> None:
    assert iso_time(text) is None
