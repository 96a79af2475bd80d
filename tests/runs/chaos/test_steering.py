"""A random campaign is steered to steps of the protocol by its faults, and the random seed still repeats it."""

import json
from pathlib import Path

import pytest

from rig.checks.protocol.item import COVERAGE, ITEM
from rig.checks.protocol.steps import STEPS
from rig.errors import UsageError
from rig.faults.catalogue import faults
from rig.runs.chaos.random_campaign import generate_campaign
from rig.runs.chaos.steering import LEADS, steps_towards

STEP = "a ping meets a mark"


def saved(reports: Path, name: str, counts: dict[str, int]) -> None:
    answer = {"evidence": [{"kind": "counts", "title": COVERAGE, "counts": counts}]}
    (reports / name).mkdir()
    (reports / name / "results.json").write_text(json.dumps({"items": [{"id": ITEM, "answers": [answer]}]}))


def test_each_step_that_can_be_steered_to_is_counted_and_each_fault_exists() -> None:
    assert set(LEADS) <= set(STEPS)
    assert {name for names in LEADS.values() for name in names} <= set(faults())


def test_a_steered_campaign_has_more_of_the_faults_that_lead_there() -> None:
    def share(towards: list[str]) -> float:
        drawn = [strike.fault for seed in range(8) for strike in generate_campaign(seed, 4, 0, towards).strikes]
        return sum(fault in LEADS[STEP] for fault in drawn) / len(drawn)

    assert share([]) < 0.15
    assert share([STEP]) > 0.3


def test_the_same_random_seed_draws_the_same_steered_campaign_and_its_replay_names_the_step() -> None:
    one, other = (generate_campaign(5, 2, 0, [STEP]) for _ in range(2))
    assert one == other
    assert one.replay[-2:] == ("--towards", STEP)


def test_untaken_stands_for_the_steps_that_no_saved_campaign_has_taken(tmp_path: Path) -> None:
    saved(tmp_path, "chaos-1", {name: int(name != STEP) for name in STEPS})
    assert steps_towards(["untaken"], tmp_path) == [STEP]
    saved(tmp_path, "chaos-2", {STEP: 3})
    assert steps_towards(["untaken"], tmp_path) == []


def test_a_run_that_cannot_be_read_is_left_out(tmp_path: Path) -> None:
    (tmp_path / "chaos-1").mkdir()
    (tmp_path / "chaos-1" / "results.json").write_text("{")
    assert steps_towards(["untaken"], tmp_path) == list(LEADS)


def test_an_unknown_step_is_a_usage_error(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="did you mean 'a ping meets a mark'"):
        steps_towards(["a ping meets marks"], tmp_path)
