"""Whoever stops reading what the rig prints changes nothing of its verdict: the exit code stays what it is."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from rig.checks import load_checks
from rig.paths import CHECKOUT
from rig.record import Recorder, RunDirectory, new_run
from tests.support.record_lines import write

WITHIN_S = 60


def saved(root: Path, *, passes: bool) -> RunDirectory:
    """A run of one box, to be judged again: passed, or failed."""
    load_checks()
    directory = new_run(root, "checklist", 1 + passes, {"command": "rig checklist --only SMOKE-01"})
    scenario = {"scenario": "a.feature: one", "variant": "", "attempt": 1}
    error = {"verdict": "failed", "message": "no"}
    with Recorder(directory) as recorder:
        write(recorder, "plan", t=1.0, items=["A-01"], replay="rig checklist --only {item}")
        write(recorder, "scenario", t=2.0, phase="begin", items=["A-01"], **scenario)
        write(
            recorder, "observation", t=3.0, item="A-01", seen={}, bounds={}, evidence=[{"kind": "note", "text": "seen"}],
            started=2.0, ended=3.0, **scenario, **({"error": {"verdict": "skipped", "message": "x"}} if passes else {"error": error}),
        )  # fmt: skip
        write(recorder, "scenario", t=4.0, phase="end", items=["A-01"], began=2.0, steps=[], **scenario)
        write(recorder, "end", t=5.0, interrupted=False)
    return directory


def code_of(*words: str, deaf: tuple[str, ...] = (), **environment: str) -> int:
    """The exit code of a command, where nobody reads these of its streams any more from the start on."""
    read_end, write_end = os.pipe()
    os.close(read_end)
    try:
        streams = {name: write_end if name in deaf else subprocess.DEVNULL for name in ("stdout", "stderr")}
        env = {**{k: v for k, v in os.environ.items() if not k.startswith("RIG_")}, **environment}
        command = [sys.executable, "-m", "rig", *words]
        return subprocess.run(
            command, cwd=CHECKOUT, env=env, stdin=subprocess.DEVNULL, timeout=WITHIN_S, **streams
        ).returncode  # type: ignore[call-overload]
    finally:
        os.close(write_end)


BOTH = ("stdout", "stderr")


@pytest.mark.parametrize(("passes", "code"), [(True, 0), (False, 1)])
def test_a_verdict_keeps_its_exit_code(passes: bool, code: int, tmp_path: Path) -> None:
    """Whether what is printed is held back until the end or not."""
    run = saved(tmp_path, passes=passes)
    for deaf, unbuffered in ((("stdout",), ""), (BOTH, "1")):
        assert code_of("recheck", str(run.path), deaf=deaf, PYTHONUNBUFFERED=unbuffered) == code
    assert json.loads(run.results.read_text())["exit_code"] == code


def test_a_comparison_keeps_its_exit_code(tmp_path: Path) -> None:
    good, bad = (saved(tmp_path, passes=passes) for passes in (True, False))
    for run in (good, bad):
        code_of("recheck", str(run.path))
    assert code_of("compare", str(good.path), str(bad.path), deaf=BOTH) == 1
    assert code_of("compare", "--json", str(bad.path), str(good.path), deaf=BOTH) == 0


@pytest.mark.parametrize(
    ("words", "code"),
    [
        (["--help"], 0),
        (["chaos", "--list"], 0),
        (["prove", "--list"], 0),
        (["model", "--list"], 0),
        (["recheck", "no-such-run"], 4),
        (["checklist", "--no-such-option"], 4),
        (["checklist", "--only", "C-01", "--mode", "external"], 4),
        (["sql", "SELECT 1", "--stack", "none"], 4),
        (["chaos", "nowhere"], 4),
    ],
)
def test_every_command_keeps_its_exit_code(words: list[str], code: int) -> None:
    assert code_of(*words, deaf=BOTH) == code
