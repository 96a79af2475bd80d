"""A short rehearsal on a real stack: the whole way into a forgotten instance, which its row names, and back to X."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from rig.paths import CHECKOUT
from rig.record import Run, resolve_run
from rig.record.lines.cutover import CutoverInstance, CutoverStep

RUN_S = 240


@pytest.mark.timeout(RUN_S)
def test_an_instance_that_is_forgotten_on_x_is_named_and_all_go_back(tmp_path: Path) -> None:
    words = ["cutover", "--plant", "forgotten", "--factor", "15", "--reports", str(tmp_path), "--ready-within-s", "60"]
    run = subprocess.run(
        [sys.executable, "-m", "rig", *words], cwd=CHECKOUT, capture_output=True, text=True, timeout=RUN_S
    )
    assert run.returncode == 1, run.stdout[-3000:] + run.stderr
    assert "decision     NO-GO" in run.stdout
    saved = resolve_run(tmp_path, "latest")
    states = {line.name: line.state for line in Run.load(saved).of(CutoverStep)}
    if "timed out" in states.values():
        pytest.skip("this machine is too slow now: a step took longer than its bound")
    verdicts = {item["id"]: item["verdict"] for item in json.loads(saved.results.read_text())["items"]}
    assert verdicts["GO-05"] == "failed", run.stdout[-3000:]
    lines = Run.load(saved)
    assert states["roll-back"] == "waiting"
    standing = {line.instance: line.store for line in lines.of(CutoverInstance)}
    assert standing == {"a": "X", "b": "X"}
    book = json.loads((saved.path / "runbook.json").read_text())
    assert book["planted"][0]["row"] == "GO-05"
    assert not (tmp_path / "cutover-open.json").exists()
