"""The features by plain pytest, as an editor's test runner starts them: on the embedded stack, a report as always."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from rig.paths import CHECKOUT

RUN_S = 200
BOX = "A-05"
NODE = CHECKOUT / "features" / "test_checklist.py"


def run_pytest(*words: object, cwd: Path, reports: Path) -> subprocess.CompletedProcess[str]:
    env = {name: value for name, value in os.environ.items() if not name.startswith(("RIG_", "PYTEST_"))}
    env |= {"RIG_REPORTS": str(reports), "PGHOSTADDR": "127.0.0.9", "PYTHONDONTWRITEBYTECODE": "1"}
    command = [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", *map(str, words)]
    return subprocess.run(command, cwd=cwd, env=env, capture_output=True, text=True, timeout=RUN_S)


def items(reports: Path) -> dict[str, str]:
    results = json.loads((reports / "latest" / "results.json").read_text())
    return {item["id"]: item["verdict"] for item in results["items"]}


def test_a_box_is_picked_by_its_id_from_the_checkouts_root(tmp_path: Path) -> None:
    """`pytest features -k C-07` runs the scenario that answers C-07, and no other."""
    done = run_pytest("features", "-k", "C-07", cwd=CHECKOUT, reports=tmp_path)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "1 passed" in done.stdout
    assert items(tmp_path)["C-07"] == "passed"
    assert "SMOKE-01" not in items(tmp_path)
    assert str(tmp_path / "latest") in done.stdout or "report.html" in done.stdout


def test_inside_the_directory_of_the_features_too(tmp_path: Path) -> None:
    """`cd features; pytest` finds every scenario, and runs what it is asked for."""
    found = run_pytest("--collect-only", "-q", cwd=NODE.parent, reports=tmp_path)
    assert found.returncode == 0, found.stdout + found.stderr
    assert sum("::" in line for line in found.stdout.splitlines()) > 40
    assert not list(tmp_path.iterdir())  # nothing was run
    done = run_pytest("-k", "SETUP-01", cwd=NODE.parent, reports=tmp_path)
    assert done.returncode == 0, done.stdout + done.stderr
    assert items(tmp_path)["SETUP-01"] == "passed"


def test_an_editor_runs_one_node_from_elsewhere(tmp_path: Path) -> None:
    """One test by its node id, with another root directory, another working directory and that project's own settings."""
    elsewhere = tmp_path / "workspace"
    elsewhere.mkdir()
    (elsewhere / "pytest.ini").write_text("[pytest]\naddopts = --strict-markers\nbdd_features_base_dir = nowhere\n")
    found = run_pytest("features", "-k", "SETUP-01", "--collect-only", "-q", cwd=CHECKOUT, reports=tmp_path)
    (name,) = [line.partition("::")[2] for line in found.stdout.splitlines() if "::" in line]
    reports = tmp_path / "reports"
    done = run_pytest(
        f"--rootdir={elsewhere}", "-c", elsewhere / "pytest.ini", f"{NODE}::{name}", cwd=elsewhere, reports=reports
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "1 passed" in done.stdout
    assert set(items(reports).values()) == {"passed"}


def test_a_broken_server_fails_the_test_and_says_the_box(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A test that could not fail would be of no use in an editor."""
    env = {"RIG_SUT": "python -m tests.sabotage pending-not-counted", "RIG_LEVEL": "hardened"}
    for name, value in env.items():
        monkeypatch.setenv(name, value)
    command = [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", "features", "-k", BOX]
    kept = {name: value for name, value in os.environ.items() if not name.startswith("PYTEST_")}
    done = subprocess.run(
        command, cwd=CHECKOUT, env={**kept, "RIG_REPORTS": str(tmp_path)}, capture_output=True, text=True, timeout=RUN_S
    )
    assert done.returncode == 1, done.stdout + done.stderr
    assert items(tmp_path)[BOX] == "failed"
    assert f"{BOX}" in done.stdout


def test_several_processes_are_refused_in_one_line(tmp_path: Path) -> None:
    """A run has one report; several stacks are what `rig checklist` is for."""
    done = run_pytest("features", "-n", "2", "-k", "SETUP-01", cwd=CHECKOUT, reports=tmp_path)
    assert done.returncode == 4, done.stdout + done.stderr
    assert "rig checklist" in done.stderr
