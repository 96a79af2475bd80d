"""`--failed`, `--quiet`, and the annotations of a GitHub workflow, on saved runs."""

import json
from pathlib import Path
from typing import Any

import pytest
from rich.table import Table

from rig import terminal
from rig.errors import UsageError
from rig.paths import CHECKOUT
from rig.report.formats import github
from rig.results.last_run import failed_of_last
from rig.runs.chaos.registry import campaigns, failed_campaigns
from rig.runs.checklist.selection import failed_items
from rig.runs.verify.choice import choose, failed_ids
from tests.cli.test_broken_pipe import saved
from tests.support.stack_support import rig

HERE = "c_heartbeat.feature: The heartbeat reaches Postgres with the next mirror cycle"


def kept(reports: Path, kind: str, started: float, verdicts: dict[str, str], **more: Any) -> None:
    """A judged run with these verdicts by item."""
    items = [
        {"id": id, "verdict": verdict, "replay": "rig checklist --only B-01,B-02"} for id, verdict in verdicts.items()
    ]
    directory = reports / f"{kind}-{started:g}"
    directory.mkdir()
    (directory / "results.json").write_text(json.dumps({"started": started, "items": items, **more}))


def test_failed_selects_what_did_not_pass_in_the_last_run(tmp_path: Path) -> None:
    kept(tmp_path, "checklist", 1, {"A-01": "failed"})
    kept(tmp_path, "checklist", 9, {"A-02": "failed"}, under="valkey killed")  # a part of the matrix
    last = {"A-01": "passed", "C-02": "broken", "C-03": "inconclusive", "C-04": "skipped", "D-01": "failed"}
    kept(tmp_path, "checklist", 2, last)
    (tmp_path / "checklist-torn").mkdir()
    (tmp_path / "checklist-torn" / "results.json").write_text("{")
    assert failed_items(tmp_path, []) == ["C-02", "C-03", "D-01"]
    assert failed_items(tmp_path, ["C"]) == ["C-02", "C-03"]


def test_a_broken_contract_runs_the_items_of_its_scenario_again(tmp_path: Path) -> None:
    kept(tmp_path, "checklist", 1, {"A-01": "passed", "CONTRACT": "failed"})
    assert failed_items(tmp_path, []) == ["B-01", "B-02"]


def test_failed_parts_of_a_verification_run_again(tmp_path: Path) -> None:
    """Each word is one that `--only` takes."""
    verdicts = {
        "A-01": "passed",
        "B-01": "failed",
        "hang/INV-07": "failed",
        "emptied/CONTRACT": "failed",
        "CLAIM-01": "broken",
    }
    kept(tmp_path, "verify", 1, verdicts)
    words = failed_ids(tmp_path, [])
    assert words == ["B-01", "hang/INV-07", "emptied", "CLAIM-01"]
    chosen = choose(words, "hardened", full=False)
    assert [campaign.name for campaign, _ in chosen.campaigns] == ["hang", "emptied"]
    assert failed_ids(tmp_path, ["hang,CLAIM"]) == ["hang/INV-07", "CLAIM-01"]


def test_nothing_to_run_again_is_said(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    kept(tmp_path, "checklist", 1, {"A-01": "passed"})
    assert failed_items(tmp_path, []) == []
    assert capsys.readouterr().out == "--failed: nothing to run again: every item passed in checklist-1\n"
    done = rig("checklist", "--failed", "--reports", str(tmp_path))
    assert (done.returncode, len(done.stdout.splitlines())) == (0, 1)


def test_failed_without_a_run_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="no judged run of `rig prove`"):
        failed_of_last(tmp_path, "prove")
    done = rig("checklist", "--failed", "--reports", str(tmp_path))
    assert (done.returncode, len(done.stderr.splitlines())) == (4, 1)


def test_failed_campaigns_are_those_whose_last_run_did_not_pass(tmp_path: Path) -> None:
    hang, killed = (campaigns()[name] for name in ("hang", "valkey_killed"))
    kept(tmp_path, "chaos", 1, {}, verdict="failed", campaign=hang.plain())
    kept(tmp_path, "chaos", 2, {}, verdict="failed", campaign=killed.plain())
    kept(tmp_path, "chaos", 3, {}, verdict="passed", campaign=hang.plain())
    kept(tmp_path, "chaos", 4, {}, verdict="failed", campaign={**hang.plain(), "name": "shrunk"})
    assert failed_campaigns(tmp_path) == [killed]


@pytest.mark.parametrize(("passes", "verdict"), [(True, "skipped"), (False, "failed")])
def test_a_quiet_run_prints_its_verdict_and_its_report(passes: bool, verdict: str, tmp_path: Path) -> None:
    run = saved(tmp_path, passes=passes)
    done = rig("recheck", "--quiet", str(run.path))
    assert (done.returncode, done.stdout) == (int(not passes), f"{verdict}  {run.report}\n"), done.stderr


def test_a_pipe_gets_whole_lines_without_padding(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("COLUMNS", "40")
    table = Table(box=None)
    for cell in ("name", "message", "note"):
        table.add_column(cell)
    table.add_row("C-07", "word " * 40, "")
    table.add_row("C-08", "short", "")
    terminal.console().print(table)
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == 3
    assert not [line for line in lines if line != line.rstrip()]


def test_a_piped_summary_ends_with_the_path_of_the_report(tmp_path: Path) -> None:
    run = saved(tmp_path / ("long" * 30), passes=False)
    out = rig("recheck", str(run.path), COLUMNS="40").stdout
    assert out.splitlines()[-1].endswith(f"  {run.report}")
    assert "\x1b" not in out


def test_a_quiet_standard_output_is_put_back(capsys: pytest.CaptureFixture[str]) -> None:
    with terminal.results_only():
        print("dropped")
        terminal.print_result("passed", "here")
    terminal.print_result("passed", "not quiet any more")
    assert capsys.readouterr().out == "passed  here\n"


def item(number: int, verdict: str, scenario: str = HERE) -> dict[str, Any]:
    answers = [{"scenario": "c.feature: gone", "verdict": "passed"}, {"scenario": scenario, "verdict": verdict}]
    return {
        "id": f"C-{number:02}",
        "verdict": verdict,
        "title": "late: 5%, or more",
        "message": "no\nrow",
        "answers": answers,
    }


def test_annotations_name_the_scenario(monkeypatch: pytest.MonkeyPatch) -> None:
    results = {"items": [item(2, "inconclusive"), item(3, "passed"), item(4, "failed"), item(5, "failed", "x: y")]}
    assert github.annotations(results) == []
    monkeypatch.setenv("GITHUB_ACTIONS", "true")
    lines = github.annotations(results)
    (number,) = [
        number for number, line in enumerate((CHECKOUT / "features/c_heartbeat.feature").read_text().splitlines(), 1)
        if line.strip() == f"Scenario: {HERE.partition(': ')[2]}"
    ]  # fmt: skip
    place = f"file=features/c_heartbeat.feature,line={number},"
    title = "late%3A 5%25%2C or more"
    assert lines == [
        f"::error {place}title=C-04 failed%3A {title}::no%0Arow",
        f"::error title=C-05 failed%3A {title}::no%0Arow",
        f"::error {place}title=C-02 inconclusive%3A {title}::no%0Arow",
    ]


def test_annotations_are_limited(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GITHUB_ACTIONS", "true")
    lines = github.annotations({"items": [item(number, "failed") for number in range(12)]})
    assert len(lines) == github.SHOWN_MAX + 1
    assert lines[-1] == "::notice title=More items::2 more items did not pass: see the report"


def test_a_workflow_gets_annotations(tmp_path: Path) -> None:
    run = saved(tmp_path, passes=False)
    out = rig("recheck", "--quiet", str(run.path), GITHUB_ACTIONS="true").stdout.splitlines()
    assert out[0].startswith("::error title=A-01 failed%3A ")
    assert out[1:] == [f"failed  {run.report}"]
