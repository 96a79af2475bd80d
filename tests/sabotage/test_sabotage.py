"""Every broken server makes just its own boxes fail: what a rig's red is worth."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from rig.checks import load_checks
from tests.sabotage.catalogue import CATALOGUE

RUN_S = 100


def run_checklist(name: str, reports: Path) -> dict[str, object]:
    """The results of the checklist's sections that this sabotage names, against its server."""
    command = [
        sys.executable, "-m", "rig.cli", "checklist", "--sut", f"python -m tests.sabotage {name}",
        "--only", ",".join(CATALOGUE[name].sections), "--workers", "1", "--reports", str(reports),
    ]  # fmt: skip
    run = subprocess.run(command, capture_output=True, text=True, timeout=RUN_S)
    assert run.returncode == 1, (
        f"{name}: exit {run.returncode}, not 1 (failed)\n{run.stdout[-3000:]}{run.stderr[-1000:]}"
    )
    return json.loads((reports / "latest" / "results.json").read_text())


@pytest.mark.parametrize("name", sorted(CATALOGUE))
def test_just_its_boxes_fail(name: str, tmp_path: Path) -> None:
    results = run_checklist(name, tmp_path)
    verdicts = {item["id"]: (item["verdict"], item["message"]) for item in results["items"]}  # type: ignore[index]
    failed = {box for box, (verdict, _) in verdicts.items() if verdict == "failed"}
    told = "\n".join(
        f"{box}: {verdict}: {message}" for box, (verdict, message) in verdicts.items() if verdict != "passed"
    )
    assert failed == CATALOGUE[name].fails, f"{CATALOGUE[name].sentence}\n{told}"


def test_each_section_has_two() -> None:
    sections = {
        check.section for check in load_checks().values() if check.kind in ("promise", "action", "precondition")
    }
    counts = {section: sum(section in entry.sections for entry in CATALOGUE.values()) for section in sections}
    assert all(count >= 2 for count in counts.values()), counts


def test_an_unknown_name_is_a_usage_error() -> None:
    run = subprocess.run(
        [sys.executable, "-m", "tests.sabotage", "no-such"], capture_output=True, text=True, timeout=20
    )
    assert run.returncode == 4
    assert "no-such" in run.stderr
    assert "newest-session-only" in run.stderr
