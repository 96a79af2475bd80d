"""The plan of a checklist knows every variant of every scenario: one that did not run, or whose lines are lost, is not passed."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from rig.checks import Judgement, load_checks
from rig.paths import CHECKOUT
from rig.record import Recorder, Run, RunDirectory, Verdict, new_run
from rig.results.judge import judge_run
from rig.runs.checklist.scenario_log import owed
from tests.support.record_lines import write

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


SEEN = {"scenario": "b.feature: a toggle", "attempt": 1}


def record_of(root: Path, *variants: str, whole: bool = True, ended: bool = True) -> dict[str, Any]:
    """The item B-01 of a run that owes two variants, has the lines of these, and of each all of them if `whole`."""
    directory = new_run(root, "checklist", 7, {"command": "rig checklist"})
    line = {"item": "B-01", "bounds": {}, "seen": {}, "evidence": [], "error": None, "started": 3.0, "ended": 4.0}
    due = [{"scenario": SEEN["scenario"], "variant": variant, "items": ["B-01"]} for variant in ("killed", "cut off")]
    with Recorder(directory) as recorder:
        write(recorder, "plan", t=1.0, items=["B-01"], owed=due, replay="rig checklist --only {item}")
        for variant in variants:
            own = {**SEEN, "variant": variant}
            write(recorder, "scenario", t=2.0, phase="begin", items=["B-01"], **own)
            write(recorder, "observation", t=4.0, **line, **own)
            if whole:
                write(recorder, "scenario", t=5.0, phase="end", items=["B-01"], began=2.0, steps=[], error=None, **own)
        if ended:
            write(recorder, "end", t=9.0, interrupted=False)
    (item,) = judge_run(Run.load(directory))["items"]
    return item


@pytest.fixture
def passing(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever was observed is a pass: what is judged here is what was not."""
    monkeypatch.setattr("rig.results.observations.judge_seen", lambda *_: Judgement(Verdict.PASSED, "seen"))


@pytest.mark.usefixtures("passing")
@pytest.mark.parametrize(
    ("variants", "verdict", "told"),
    [
        (("killed", "cut off"), "passed", "seen"),
        (("killed",), "inconclusive", "never reached: b.feature: a toggle [cut off]: the record has nothing of it"),
        (("cut off",), "inconclusive", "never reached: b.feature: a toggle [killed]: the record has nothing of it"),
        ((), "inconclusive", "no scenario answered this"),
    ],
)
def test_all_that_is_owed_has_to_stand_in_the_record(
    variants: tuple[str, ...], verdict: str, told: str, tmp_path: Path
) -> None:
    item = record_of(tmp_path, *variants)
    assert (item["verdict"], item["message"]) == (verdict, told)


@pytest.mark.usefixtures("passing")
def test_a_scenario_without_an_end_is_not_passed(tmp_path: Path) -> None:
    """Its box was seen, but whoever ran it died, or its last lines are lost: what it saw next nobody knows."""
    item = record_of(tmp_path, "killed", "cut off", whole=False)
    assert (item["verdict"], item["message"]) == (
        "inconclusive",
        "the record has no end of this scenario: what was seen after it is not known",
    )


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
