"""A run that was interrupted says so first, and what has one cause is told once, with how many it befell."""

import io
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from rig.record import Recorder, Run, RunDirectory, new_run
from rig.report import print_summary
from rig.report.build import build
from rig.report.formats.html import html
from rig.report.formats.markdown import markdown
from rig.report.words import headline
from rig.results.entries import INTERRUPTED
from rig.results.judge import judge_run
from tests.support.record_lines import write

MANY = 21


def results(verdict: str = "inconclusive", **more: Any) -> dict[str, Any]:
    items = [
        {"id": f"B-{number:02d}", "section": "B", "title": "a title", "verdict": verdict, "message": INTERRUPTED}
        for number in range(1, MANY + 1)
    ]
    other = {
        "id": "C-01",
        "section": "C",
        "title": "another",
        "verdict": verdict,
        "message": "its own",
        "replay": "rig x",
    }
    done = {"id": "A-01", "section": "A", "title": "first", "verdict": "passed", "message": ""}
    return {
        "kind": "checklist", "verdict": verdict, "exit_code": 130, "interrupted": True, "items": [done, *items, other],
        "command": "rig checklist --random-seed 7", "started": 0.0, "seconds": 3.0, **more,
    }  # fmt: skip


@pytest.mark.parametrize(
    ("verdict", "told"),
    [
        ("inconclusive", "Interrupted: 22 of 23 items could not be judged. Judged so far: 1 passed."),
        ("failed", "Interrupted. The server broke a promise in 22 of 23 items."),
        ("broken", "Interrupted. The rig or its stack failed: 22 of 23 items say nothing of the server."),
        ("passed", "Interrupted. The server did what was promised in all 23 items."),
    ],
)
def test_the_headline_says_interrupted(verdict: str, told: str) -> None:
    assert headline(results(verdict)) == told
    assert headline(results(verdict, kind="model")).startswith("Interrupted")
    assert "Interrupted" not in headline(results(verdict, interrupted=False))


def printed(view: dict[str, Any]) -> str:
    console = Console(file=io.StringIO(), width=200)
    print_summary(view, None, console)
    return console.file.getvalue()  # type: ignore[attr-defined]


def test_equal_causes_are_one_block_with_a_count() -> None:
    """On the terminal, in the summary and on the page; what has a cause of its own keeps its block."""
    view = results()
    page = build(view)
    for shown in (printed(view), markdown(page), html(page, view).partition("At a glance")[0]):
        assert shown.count(INTERRUPTED) == 1
        assert f"{MANY} items" in shown
        assert "B-21" in shown
        assert shown.count("its own") == 1
    assert "rig x" in printed(view)


def test_a_box_without_words_is_never_folded() -> None:
    view = results()
    view["items"] = [{**item, "message": ""} for item in view["items"]]
    assert all(len(items) == 1 for items in build(view).causes)


@pytest.fixture
def campaign(tmp_path: Path) -> RunDirectory:
    directory = new_run(tmp_path, "chaos", 7, {"command": "rig chaos"})
    with Recorder(directory) as recorder:
        bounds = {"INV-24": {}, "INV-18": {}}
        write(recorder, "plan", t=1.0, items=list(bounds), bounds=bounds, scenario="hang", replay="rig chaos hang")
        write(recorder, "end", t=2.0, interrupted=True)
    return directory


def test_an_interrupted_campaign_passes_nothing_and_has_one_cause(campaign: RunDirectory) -> None:
    """A promise that was kept up to Ctrl-C is not known to be kept."""
    found = judge_run(Run.load(campaign))
    assert {(item["verdict"], item["message"]) for item in found["items"]} == {("inconclusive", INTERRUPTED)}
    assert (found["interrupted"], found["exit_code"]) == (True, 130)
