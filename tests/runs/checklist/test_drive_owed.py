"""The plan of a checklist knows every variant of every scenario: one that did not run, or whose lines are lost, is not passed."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from rig.checks import load_checks
from rig.paths import CHECKOUT
from rig.record import Run, RunDirectory
from rig.results.judge import judge_run
from rig.runs.checklist.scenario_log import owed

FEATURES = CHECKOUT / "features"
RUN_S = 170


def test_each_row_of_examples_is_owed() -> None:
    found = owed(FEATURES, ["B-07"])
    assert [one["variant"] for one in found] == ["killed", "cut off"]
    assert all(one["items"] == ["B-07", "B-08"] for one in found)


def test_a_box_of_several_scenarios_is_owed_by_each() -> None:
    assert [one["scenario"].partition(": ")[2] for one in owed(FEATURES, ["C-02"])] == [
        "A ping is one write in Valkey and nothing in Postgres",
        "With Postgres stopped the hot paths answer all the same",
    ]


def test_every_box_of_the_checklist_is_owed() -> None:
    boxes = {id for id, check in load_checks().items() if not check.whole_run and "/" not in id}
    assert {item for one in owed(FEATURES, boxes) for item in one["items"]} == boxes


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run of B-07 of which one of two variants was left out."""
    reports = tmp_path_factory.mktemp("reports")
    command = [sys.executable, "-m", "rig", "checklist", "--only", "B-07,B-01", "--reports", str(reports)]
    environment = {**os.environ, "RIG_INTERNAL_PLUGIN": "tests.support.without_cut_off"}
    done = subprocess.run(command, cwd=CHECKOUT, env=environment, capture_output=True, text=True, timeout=RUN_S)
    assert done.returncode == 2, done.stdout + done.stderr
    return (reports / "latest").resolve()


def judged(run: Path) -> dict[str, Any]:
    return {item["id"]: item for item in judge_run(Run.load(RunDirectory(run)))["items"]}


@pytest.mark.timeout(RUN_S + 10)
def test_a_variant_that_did_not_run_leaves_its_boxes_open(run: Path) -> None:
    items = judged(run)
    assert (items["B-01"]["verdict"], items["B-07"]["verdict"]) == ("passed", "inconclusive")
    assert "[cut off]: the record has nothing of it" in items["B-07"]["message"]
    assert {answer["variant"]: answer["verdict"] for answer in items["B-07"]["answers"]} == {
        "killed": "passed",
        "cut off": "inconclusive",
    }


@pytest.mark.timeout(RUN_S + 10)
def test_a_scenario_whose_lines_are_lost_is_not_passed(run: Path, tmp_path: Path) -> None:
    copied = Path(shutil.copytree(run, tmp_path / run.name))
    for path in copied.glob("record-gw*.jsonl"):
        lines = [json.loads(line) for line in path.read_text().splitlines()]
        kept = [line for line in lines if "A toggle is written through" not in line.get("scenario", "")]
        path.write_text("".join(json.dumps(line) + "\n" for line in kept))
    assert judged(copied)["B-01"]["verdict"] == "inconclusive"
