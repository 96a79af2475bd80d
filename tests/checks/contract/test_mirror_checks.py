"""The checks of the probes of the mirror: what a good server shows passes, and each thing that is wrong breaks its sentence."""

import copy
from typing import Any

import pytest

from rig.checks.contract.probes import judge_probe
from rig.record.lines.contract import Probe
from rig.record.observations.parts import MirrorState, PostgresState
from rig.runs.contract.probes.mirror.comparison import compared

HUNG, BATCH, CYCLES, SEED = "hung Valkey", "pings in one batch", "many cycles", "seed under changes"
COPIES = "heartbeats in Postgres"
BOUND, START, RUNNING, OUTAGES = (
    "departures at the bound", "start on a restored Postgres", "restored Postgres", "long outages",
)  # fmt: skip
REFUSED = [1.2, 0.01, 403, "ACCOUNT_INACTIVE"]
SERVED = [1.2, 0.01, 200, None]
GOOD: dict[str, dict[str, Any]] = {
    HUNG: {
        "deactivated": [200, 200], "early": [REFUSED], "late": [REFUSED], "after": [REFUSED],
        "steady": [[0.0, 1.1, 200, None]], "locked": [[1.2, 4.2, 503, "SERVICE_UNAVAILABLE"], SERVED], "locked_s": 1.5,
        "hung_s": 3.2, "seed_s": 0.4, "planted": False,
    },
    COPIES: {"ready": True, "allowed_s": 2.0, "found": [["idle", True, 1.3], ["deactivated", True, 2.2]]},
    BATCH: {
        "prepared": [200, 200], "rounds": 1,
        "pings": [
            ["deactivated", "a", 403, "ACCOUNT_INACTIVE", None, False], ["online", "a", 200, None, True, True],
            ["offline", "a", 200, None, False, False],
        ],
    },
    CYCLES: {"cycles": 2, "taken": 200, "wrong": [], "unmirrored": [], "audit": ["online", *["offline", "online"] * 2]},
    SEED: {
        "ready": True, "online": 300, "looks": 900, "empty": 0, "changes": 80, "late": 5, "refused": [], "slow_s": 0.15,
        "differ": [],
    },
    BOUND: {
        "stale_s": 3, "tick_s": 1,
        "departures": [
            {"online": 2, "leaving": 2, "gone": 2, "first_s": 1.1, "watched_s": 1.2, "others": 0, "lines": []},
            {"online": 100, "leaving": 30, "gone": 30, "first_s": 1.2, "watched_s": 8.0, "others": 0, "lines": []},
            {
                "online": 100, "leaving": 31, "gone": 31, "first_s": 9.0, "watched_s": 14.0, "others": 0,
                "lines": ["[auto-offline] holding: 31 of 100 online mitras would go offline at once"],
            },
        ],
    },
    START: {"changed": [200, 200, 200, 200], "ready": True, "seed_s": 1.0, "lines": [], "differ": []},
    RUNNING: {
        "changed": [200, 200, 200, 200], "seed_s": 5.4, "differ": [],
        "lines": ["[valkey-mirror] Postgres was restored from an older copy"],
    },
    OUTAGES: {
        "outages": [
            {
                "how": how, "away_s": 25.0, "served": [[200, None], [201, None]], "seeds": [0.4, 0.6], "differ": [], "readers": [],
                "running": True,
            }
            for how in ("refused", "hung")
        ],
    },
}  # fmt: skip
# The probe, where it is spoilt, what stands there then, and the sentence that breaks.
WRONG: list[tuple[str, tuple[Any, ...], Any, str]] = [
    (HUNG, ("early", 0), SERVED, "DEACT-07"),
    (HUNG, ("late", 0), SERVED, "DEACT-07"),
    (HUNG, ("after", 0), SERVED, "DEACT-07"),
    (HUNG, ("steady", 0), [0.0, 0.1, 503, "SERVICE_UNAVAILABLE"], "PING-07"),
    (HUNG, ("locked", 0), [1.2, 1.0, 503, "SERVICE_UNAVAILABLE"], "PING-07"),
    (HUNG, ("seed_s",), None, "OUTAGE-10"),
    (HUNG, ("seed_s",), 5.5, "OUTAGE-10"),
    (HUNG, ("planted",), True, "OUTAGE-10"),
    (COPIES, ("found", 1, 2), None, "BATCH-04"),
    (COPIES, ("found", 1, 2), None, "BATCH-01"),
    (COPIES, ("found", 0, 2), 4.0, "BATCH-04"),
    (BATCH, ("pings", 0), ["deactivated", "a", 200, None, True, True], "PING-04"),
    (BATCH, ("pings", 0), ["deactivated", "a", 200, None, True, False], "DEACT-07"),
    (BATCH, ("pings", 0, 5), True, "PING-04"),
    (BATCH, ("pings", 1, 4), False, "PING-01"),
    (BATCH, ("pings", 1, 2), 500, "PING-01"),
    (BATCH, ("pings", 1, 5), False, "PING-08"),
    (BATCH, ("pings", 2, 4), True, "PING-05"),
    (BATCH, ("pings", 2, 5), True, "PING-05"),
    (CYCLES, ("wrong",), ["cycle 2, online: 409 INVALID_STATE"], "TOGGLE-01"),
    (CYCLES, ("unmirrored",), ["cycle 2, online: m is online, and not in mitras:online"], "TOGGLE-07"),
    (CYCLES, ("audit",), ["online", "offline", "online", "offline"], "TABLE-03"),
    (CYCLES, ("audit",), ["online", "offline", "offline", "online", "online"], "TABLE-04"),
    (SEED, ("empty",), 3, "SEED-05"),
    (SEED, ("differ",), ["m is online, and not in mitras:online"], "SEED-06"),
    (BOUND, ("departures", 0, "first_s"), None, "SWEEP-06"),
    (BOUND, ("departures", 1, "first_s"), 8.0, "SWEEP-06"),
    (BOUND, ("departures", 1, "gone"), 29, "SWEEP-02"),
    (BOUND, ("departures", 1, "others"), 1, "SWEEP-02"),
    (BOUND, ("departures", 2, "first_s"), None, "SWEEP-05"),
    (BOUND, ("departures", 2, "first_s"), 13.5, "SWEEP-05"),
    (BOUND, ("departures", 2, "lines"), ["[auto-offline] skipping tick"], "SWEEP-05"),
    (START, ("differ",), ["m is online, and not in mitras:online"], "OUTAGE-11"),
    (RUNNING, ("differ",), ["m is online, and not in mitras:online"], "OUTAGE-12"),
    (RUNNING, ("lines",), [], "OUTAGE-12"),
    (RUNNING, ("seed_s",), None, "OUTAGE-12"),
    (RUNNING, ("seed_s",), 10.5, "OUTAGE-12"),
    (OUTAGES, ("outages", 0, "served", 0), [503, "SERVICE_UNAVAILABLE"], "OUTAGE-01"),
    (OUTAGES, ("outages", 0, "seeds"), [], "OUTAGE-03"),
    (OUTAGES, ("outages", 0, "seeds"), [5.5], "OUTAGE-03"),
    (OUTAGES, ("outages", 0, "running"), False, "OUTAGE-03"),
    (OUTAGES, ("outages", 0, "differ"), ["m has no heartbeat"], "OUTAGE-03"),
    (OUTAGES, ("outages", 1, "seeds"), [], "OUTAGE-03"),
    (OUTAGES, ("outages", 1, "readers"), ["b: the beacon"], "OUTAGE-05"),
]
# The probe, what makes it say nothing, and the sentence of which it then says nothing.
DOUBTFUL: list[tuple[str, tuple[Any, ...], Any, str]] = [
    (HUNG, ("deactivated", 1), 500, "DEACT-07"),
    (BATCH, ("prepared", 0), 500, "PING-04"),
    (CYCLES, ("taken",), 409, "TABLE-03"),
    (SEED, ("ready",), False, "SEED-05"),
    (SEED, ("looks",), 3, "SEED-05"),
    (SEED, ("late",), 0, "SEED-06"),
    (SEED, ("refused",), [[500, None]], "SEED-06"),
    (BOUND, ("departures",), [], "SWEEP-06"),
    (START, ("ready",), False, "OUTAGE-11"),
    (START, ("changed", 0), 500, "OUTAGE-11"),
    (RUNNING, ("changed", 3), 409, "OUTAGE-12"),
]


def seen_with(probe: str, where: tuple[Any, ...], value: Any) -> dict[str, Any]:
    seen: Any = copy.deepcopy(GOOD[probe])
    place = seen
    for part in where[:-1]:
        place = place[part]
    place[where[-1]] = value
    return dict(seen)


@pytest.mark.parametrize("probe", GOOD)
def test_what_a_good_server_shows_breaks_nothing(probe: str) -> None:
    judge = judge_probe(Probe(t=1.0, probe=probe, seen=GOOD[probe]))
    assert (judge.broken, judge.doubts) == ([], [])


@pytest.mark.parametrize(("probe", "where", "value", "sentence"), WRONG)
def test_what_is_wrong_breaks_its_sentence(probe: str, where: tuple[Any, ...], value: Any, sentence: str) -> None:
    judge = judge_probe(Probe(t=1.0, probe=probe, seen=seen_with(probe, where, value)))
    assert sentence in {id for id, _ in judge.broken}, judge.doubts


@pytest.mark.parametrize(("probe", "where", "value", "sentence"), DOUBTFUL)
def test_what_was_not_forced_says_nothing(probe: str, where: tuple[Any, ...], value: Any, sentence: str) -> None:
    judge = judge_probe(Probe(t=1.0, probe=probe, seen=seen_with(probe, where, value)))
    assert not judge.broken
    assert sentence in {id for id, _ in judge.doubts}


@pytest.mark.parametrize("status", [200, 403])
def test_a_ping_within_a_second_of_a_deactivation_may_still_be_answered_200(status: int) -> None:
    seen = seen_with(HUNG, ("early",), [[0.9, 0.01, status, None]])
    assert judge_probe(Probe(t=1.0, probe=HUNG, seen=seen)).broken == []


def test_a_server_that_holds_no_tick_needs_no_line() -> None:
    seen = seen_with(BOUND, ("departures", 2), {**GOOD[BOUND]["departures"][2], "first_s": 1.0, "lines": []})
    assert judge_probe(Probe(t=1.0, probe=BOUND, seen=seen)).broken == []


TRUTH = PostgresState(online=["m1"], deactivated=["m2"], loads={"m1": 1, "m2": 0})
MIRROR = MirrorState(
    online=["m1"], deactivated=["m2"], capacities={"m1": "1"}, heartbeats={"m1": "2026-01-31T08:30:15.250Z"}
)


def test_a_mirror_that_holds_the_truth_does_not_differ() -> None:
    assert compared(TRUTH, MIRROR) == []


@pytest.mark.parametrize(
    ("wrong", "told"),
    [
        ({"online": []}, "m1 is online, and not in mitras:online"),
        ({"online": ["m1", "m2"]}, "m2 is in mitras:online, and not online"),
        ({"deactivated": []}, "m2 is not in mitras:deactivated"),
        ({"deactivated": ["m1", "m2"]}, "m1 is in mitras:deactivated, and active"),
        ({"capacities": {"m1": "0"}}, "the capacity of m1 is 0, her load is 1"),
        ({"capacities": {}}, "the capacity of m1 is None, her load is 1"),
        ({"heartbeats": {}}, "m1 is online, and has no heartbeat"),
    ],
)
def test_what_differs_is_told(wrong: dict[str, Any], told: str) -> None:
    fields = {name: getattr(MIRROR, name) for name in ("online", "deactivated", "capacities", "heartbeats")}
    assert told in compared(TRUTH, MirrorState(**{**fields, **wrong}))
