"""A small soak on a real stack: green on the reference server, red by name on leaks, and one report over a SIGKILL."""

import json
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from rig.paths import CHECKOUT
from rig.record import Run, RunDirectory, resolve_run
from rig.record.lines.soak import SoakPart, SoakSample
from rig.waiting import poll_until
from tests.leaks.leaks import LEAKS

# Their bounds decide in a run of any length.
SHORT = ("rows", "keys", "drift", "audit")
RUN_S = 240


def command(*words: str, reports: Path) -> list[str]:
    return [sys.executable, "-m", "rig", "soak", *words, "--reports", str(reports), "--ready-within-s", "60"]


def results_of(reports: Path) -> dict[str, Any]:
    results: dict[str, Any] = json.loads((reports / "latest" / "results.json").read_text())
    return results


def verdicts(results: dict[str, Any]) -> dict[str, str]:
    return {item["id"]: item["verdict"] for item in results["items"]}


@pytest.mark.timeout(RUN_S)
def test_a_short_soak_names_the_leaks_whose_bounds_decide_at_once(tmp_path: Path) -> None:
    words = (
        "--minutes",
        "0.6",
        "--factor",
        "20",
        "--no-pressure",
        "--sut",
        f"{sys.executable} -m tests.leaks {' '.join(SHORT)}",
    )
    run = subprocess.run(command(*words, reports=tmp_path), cwd=CHECKOUT, capture_output=True, text=True, timeout=RUN_S)
    assert run.returncode == 1, run.stdout[-3000:] + run.stderr
    results = results_of(tmp_path)
    expected = {LEAKS[name].item: LEAKS[name].series for name in SHORT}
    failed = {item["id"]: item["message"] for item in results["items"] if item["verdict"] == "failed"}
    assert failed.keys() == expected.keys(), failed
    for item, series in expected.items():
        assert series in failed[item]


@pytest.mark.timeout(2 * RUN_S)
def test_a_soak_that_was_killed_goes_on_with_one_report_and_shows_the_gap(tmp_path: Path) -> None:
    words = ("--minutes", "0.4", "--factor", "30", "--no-pressure", "--random-seed", "7")
    first = subprocess.Popen(command(*words, reports=tmp_path), cwd=CHECKOUT, stdout=subprocess.DEVNULL)
    try:
        poll_until(lambda: samples(tmp_path) >= 8, RUN_S / 2, every_s=0.5)
    finally:
        first.send_signal(signal.SIGKILL)
        first.wait(10)
    directory: RunDirectory = resolve_run(tmp_path, "latest")
    before = len(Run.load(directory).of(SoakSample))
    assert before >= 8
    time.sleep(5)
    again = subprocess.run(
        command("--resume", directory.path.name, reports=tmp_path),
        cwd=CHECKOUT,
        capture_output=True,
        text=True,
        timeout=RUN_S,
    )
    assert again.returncode in (0, 2), again.stdout[-3000:] + again.stderr
    run, results = Run.load(directory), results_of(tmp_path)
    assert [part.number for part in run.of(SoakPart)] == [1, 2]
    assert len(run.of(SoakSample)) > before
    assert set(verdicts(results).values()) <= {"passed", "inconclusive"}
    assert "gap of" in next(item["message"] for item in results["items"] if item["id"] == "SOAK-14")
    report = (directory.path / "report.html").read_text()
    assert report.count("not sampled") >= 1
    assert [path.name for path in tmp_path.iterdir() if not path.is_symlink()] == [directory.path.name]


def samples(reports: Path) -> int:
    """How many samples the run has so far."""
    try:
        return len(Run.load(resolve_run(reports, "latest")).of(SoakSample))
    except (FileNotFoundError, ValueError):
        return 0
