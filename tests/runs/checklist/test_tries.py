"""What the rig itself spoiled is tried again: it neither passes nor fails, and the report tells of each try."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from rig.checks import judge_seen, load_checks
from rig.checks.framework import Judge, Kind
from rig.paths import CHECKOUT
from rig.record import Recorder, Run, Verdict, new_run
from rig.results.judge import judge_run
from tests.support.record_lines import write

RUN_S = 120
BOUNDS = {"within_s": 5.0, "answer_s": 5.0}
SCENARIO = "j.feature: one"


@pytest.fixture(autouse=True)
def checks() -> None:
    load_checks()


def within(judged: Judge, seconds: float) -> None:
    judged.within("a seed", seconds, 5.0)


@pytest.mark.parametrize(("took", "verdict"), [(0.5, Verdict.PASSED), (9.0, Verdict.FAILED)])
def test_neither_a_pass_nor_a_failure_counts_while_the_rig_stood_still(
    took: float, verdict: Verdict, monkeypatch: pytest.MonkeyPatch
) -> None:
    from rig.checks import framework as base

    def seeded(judge: Judge, seen: Any, bounds: Any) -> None:
        within(judge, seen["took"])

    monkeypatch.setitem(base.CHECKS, "T-01", base.Check("T-01", Kind.PROMISE, "BE", "A seed comes", seeded))
    calm, lagging = {"took": took, "lag_s": 0.19}, {"took": took, "lag_s": 0.21}
    assert judge_seen("T-01", calm, BOUNDS).verdict is verdict
    assert not judge_seen("T-01", calm, BOUNDS).lost
    void = judge_seen("T-01", lagging, BOUNDS)
    assert (void.verdict, void.lost) == (Verdict.INCONCLUSIVE, "the rig itself stood still for 0.21 s")
    assert judge_seen("T-01", lagging, {}).verdict is verdict, "no time is judged, so no lag can spoil it"


def test_what_the_rig_did_not_see_is_lost_and_what_the_server_did_not_do_is_not() -> None:
    blind, unmet = Judge(Kind.PROMISE), Judge(Kind.PROMISE)
    blind.observed(False, "MONITOR was not connected")
    unmet.assume(False, "nobody is online in Postgres")
    assert (blind.judgement().verdict, blind.judgement().lost) == (Verdict.INCONCLUSIVE, "MONITOR was not connected")
    assert (unmet.judgement().verdict, unmet.judgement().lost) == (Verdict.INCONCLUSIVE, "")


def judged(tmp_path: Path, *tries: tuple[list[str], str, float]) -> dict[str, Any]:
    """The results of a run of one box: for each try why it does not count, the error that was seen, the rig's lag."""
    directory = new_run(tmp_path, "checklist", 7, {"command": "rig checklist"})
    with Recorder(directory) as recorder:
        write(recorder, "plan", items=["A-01"], replay="rig checklist --only {item}")
        for attempt, (voids, verdict, lag_s) in enumerate(tries, 1):
            name = {"scenario": SCENARIO, "variant": "", "attempt": attempt, "items": ["A-01"]}
            write(recorder, "scenario", phase="begin", **name)
            write(
            recorder, "observation", item="A-01", seen={}, bounds={}, started=1.0, ended=1.0, lag_so_far_s=lag_s,
                evidence=[], error={"verdict": verdict, "message": f"seen at try {attempt}"},
                **{key: value for key, value in name.items() if key != "items"},
            )  # fmt: skip
            write(recorder, "scenario", phase="end", began=1.0, steps=[], error=None, voids=voids, **name)
        write(recorder, "end", interrupted=False)
    return judge_run(Run.load(directory))


def test_the_last_try_counts_and_each_before_it_is_told(tmp_path: Path) -> None:
    results = judged(
        tmp_path,
        (["MONITOR was blind"], "inconclusive", 0.0),
        (["lag", "lag"], "failed", 0.5),
        ([], "passed", 0.0),
    )
    assert results["items"][0]["verdict"] == "passed"
    assert results["weakens"] == [
        f"{SCENARIO}: try 1 does not count: MONITOR was blind",
        f"{SCENARIO}: try 2 does not count: lag",
    ]


def test_where_no_try_counts_nobody_knows(tmp_path: Path) -> None:
    [item] = judged(tmp_path, *[(["lag"], "failed", 0.5)] * 3, (["lag"], "inconclusive", 0.5))["items"]
    assert item["verdict"] == "inconclusive"


def test_what_failed_for_certain_stays_failed_though_its_try_is_repeated(tmp_path: Path) -> None:
    """Another box of the scenario was not seen; the server cannot be cleared by that."""
    [item] = judged(tmp_path, (["MONITOR was blind"], "failed", 0.1), ([], "passed", 0.0))["items"]
    assert item["verdict"] == "failed"
    assert item["message"] == "at try 1: seen at try 1"


@pytest.mark.timeout(RUN_S + 10)
def test_three_further_tries_are_made(tmp_path: Path) -> None:
    environment = {**os.environ, "RIG_INTERNAL_PLUGIN": "tests.support.lagging_rig"}
    command = [sys.executable, "-m", "rig", "checklist", "--only", "B-02", "--reports", str(tmp_path / "reports")]
    run = subprocess.run(command, cwd=CHECKOUT, env=environment, capture_output=True, text=True, timeout=RUN_S)
    assert run.returncode == 0, run.stdout
    results = json.loads((tmp_path / "reports" / "latest" / "results.json").read_text())
    why = "the rig itself stood still for 0.30 s"
    assert results["observations"]["voided"] >= 3
    told = [reason.partition(": try ")[2] for reason in results["weakens"]]
    assert told == [f"{number} does not count: {why}" for number in (1, 2, 3)]
