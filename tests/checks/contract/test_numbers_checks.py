"""The checks of the stage `numbers`: what a good server shows passes, and each thing that is wrong breaks its sentence."""

import copy
from typing import Any

import pytest

from rig.checks.contract.probes import judge_probe
from rig.record.lines.contract import Probe

MANY, LARGE = "many requests", "large fleet"
GOOD: dict[str, dict[str, Any]] = {
    LARGE: {
        "fleet": 2500, "ready": True, "in_set": 2500, "capacities": 2500, "heartbeats": 2500,
        "seed_line": "[valkey-mirror] seed: 2500 online, 0 deactivated, 0 with active sessions",
        "dashboard": 2500, "listed": 2500, "available": 2500, "beacon": 2500, "paid": 200, "offered": 2500, "rows": 2500,
        "blast_s": 0.4, "silent": 700, "offline": 700, "others_offline": 0, "audited": 700, "sweep_s": 1.2,
    },
    MANY: {"pings": 2000, "polls": 1000, "wrong": [], "wrong_count": 0, "unmoved": 0},
}  # fmt: skip
# The probe, the field that is wrong, what it says then, and the sentence that breaks.
WRONG: list[tuple[str, str, Any, str]] = [
    (LARGE, "in_set", 1000, "KEY-01"),
    (LARGE, "capacities", 1000, "KEY-03"),
    (LARGE, "heartbeats", 2499, "SEED-03"),
    (LARGE, "seed_line", "[valkey-mirror] seed: 1000 online, 0 deactivated", "SEED-02"),
    (LARGE, "dashboard", 100, "OPS-01"),
    (LARGE, "listed", 999, "OPS-03"),
    (LARGE, "available", None, "BLAST-05"),
    (LARGE, "beacon", 1000, "BEACON-03"),
    (LARGE, "offered", 100, "BLAST-01"),
    (LARGE, "rows", 100, "TABLE-05"),
    (LARGE, "blast_s", 6.0, "HTTP-20"),
    (LARGE, "offline", 2, "SWEEP-02"),
    (LARGE, "others_offline", 1, "SWEEP-02"),
    (LARGE, "audited", 699, "SWEEP-02"),
    (MANY, "wrong_count", 1, "PING-01"),
    (MANY, "unmoved", 1, "PING-08"),
]


@pytest.mark.parametrize("probe", GOOD)
def test_what_a_good_server_shows_breaks_nothing(probe: str) -> None:
    judge = judge_probe(Probe(t=1.0, probe=probe, seen=GOOD[probe]))
    assert (judge.broken, judge.doubts) == ([], [])


@pytest.mark.parametrize(("probe", "field", "value", "sentence"), WRONG)
def test_what_is_wrong_breaks_its_sentence(probe: str, field: str, value: Any, sentence: str) -> None:
    seen = copy.deepcopy(GOOD[probe])
    seen[field] = value
    judge = judge_probe(Probe(t=1.0, probe=probe, seen=seen))
    assert sentence in {id for id, _ in judge.broken}, judge.doubts


def test_an_instance_that_did_not_come_up_shows_nothing() -> None:
    judge = judge_probe(Probe(t=1.0, probe=LARGE, seen={"fleet": 2500, "ready": False}))
    assert not judge.broken
    assert judge.doubts
