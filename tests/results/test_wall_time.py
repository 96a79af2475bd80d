"""Where the time went, from the lines of a record: its parts add up to the time of all workers."""

from pathlib import Path
from typing import Any

import pytest

from rig.record import Recorder, Run, new_run
from rig.record.lines.chaos import Phase
from rig.record.lines.checklist import Scenario, Step
from rig.record.lines.common import StackOpened, Starts
from rig.results.wall_time import wall_time


@pytest.fixture
def started(tmp_path: Path) -> tuple[Any, float]:
    directory = new_run(tmp_path, "checklist", 1, {})
    return directory, Run.load(directory).meta["started"]


def step(keyword: str, seconds: float) -> Step:
    return Step(keyword=keyword, text="a step", verdict="passed", seconds=seconds)


def scenario(t: float, phase: str, **more: Any) -> Scenario:
    return Scenario(t=t, scenario="a.feature: It", phase=phase, attempt=1, items=[], **more)


def test_a_checklist_is_split_by_what_its_workers_did(started: tuple[Any, float]):
    directory, t = started
    with Recorder(directory) as recorder:
        for worker, closed in (("gw0", 20.0), ("gw1", 12.0)):
            recorder.add(StackOpened(t=t + 5, worker=worker, mode="embedded"))
            recorder.add(Starts(t=t + closed, worker=worker, count=1))
        recorder.add(scenario(t + 6, "begin"))
        steps = [step("Given", 1.0), step("And", 2.0), step("When", 3.0), step("Then", 0.5), step("And", 0.5)]
        recorder.add(scenario(t + 14, "end", began=t + 6, steps=steps))
    found = wall_time(Run.load(directory), t + 22)
    assert found["workers"] == 2
    assert [part["seconds"] for part in found["parts"]] == pytest.approx([10, 3, 3, 1, 1, 14, 12], abs=0.01)
    assert sum(part["seconds"] for part in found["parts"]) == pytest.approx(2 * 22, abs=0.01)


def test_a_campaign_is_split_by_phases(started: tuple[Any, float]):
    directory, t = started
    with Recorder(directory) as recorder:
        for name, begin, end in (("calm", 3, 4), ("fault", 6, 9)):
            recorder.add(Phase(t=t + end, name=name, since=t + begin, until=t + end))
    found = {part["name"]: part["seconds"] for part in wall_time(Run.load(directory), t + 10)["parts"]}
    assert found == pytest.approx(
        {"start of the stack": 3, "calm": 1, "between phases": 2, "fault": 3, "stopping and saving": 1}, abs=0.01
    )


def test_a_run_that_was_killed_has_no_account(started: tuple[Any, float]):
    directory, t = started
    with Recorder(directory) as recorder:
        recorder.add(StackOpened(t=t + 5, worker="gw0", mode="embedded"))
        recorder.add(scenario(t + 6, "begin"))
    assert wall_time(Run.load(directory), t + 7)["parts"] == []
