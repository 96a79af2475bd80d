"""An action of the rig's own that takes no effect proves nothing: what hangs on it is neither passed nor failed."""

import subprocess
import sys
from pathlib import Path

import pytest

from rig.checks import load_checks
from rig.paths import CHECKOUT
from rig.record import Recorder, Run, new_run
from rig.results.judge import judge_run
from rig.runs.mutation.catalogue import read_catalogue
from tests.support.record_lines import write

RUN_S = 240  # each takes a quarter of a minute where nothing else runs
INEFFECTIVE = [entry.name for entry in read_catalogue() if entry.breaks == "rig"]


@pytest.mark.timeout(RUN_S + 20)
@pytest.mark.parametrize("name", INEFFECTIVE)
def test_what_hangs_on_it_is_not_judged(name: str, tmp_path: Path) -> None:
    command = [sys.executable, "-m", "rig", "prove", name, "--reports", str(tmp_path)]
    done = subprocess.run(command, cwd=CHECKOUT, capture_output=True, text=True, timeout=RUN_S)
    assert done.returncode == 0, done.stdout + done.stderr


def test_a_pass_after_an_action_without_effect_is_none(tmp_path: Path) -> None:
    """VALKEY_ONLINE_MIRROR_SWEEP_SECONDS=0 did not arrive: that no sweep was seen in so short a time says nothing."""
    load_checks()
    scenario = {"scenario": "i.feature: off", "variant": "", "attempt": 1}
    start = {
        "variable": "X",
        "wanted": "0",
        "given": "3600",
        "process": "3600",
        "running": True,
        "seed_lines": ["seed"],
    }
    quiet = {"started_at": 0.0, "startup": [[1.0, "seed"]], "flushed_at": 9.0, "seeded_at": 9.1}
    directory = new_run(tmp_path, "checklist", 7, {"command": "rig checklist"})
    with Recorder(directory) as recorder:
        write(recorder, "plan", items=["I-05", "I-06"], replay="rig checklist --only {item}")
        write(recorder, "scenario", phase="begin", items=["I-05", "I-06"], **scenario)
        for item, seen in (("I-05", start), ("I-06", quiet)):
            write(
            recorder, "observation", item=item, seen=seen, bounds={"watch_s": 3.0, "within_s": 5.0}, started=1.0, ended=1.0,
                evidence=[{"kind": "note", "text": "seen"}], error=None, **scenario,
            )  # fmt: skip
    items = judge_run(Run.load(directory))["items"]
    assert [item["verdict"] for item in items] == ["inconclusive", "inconclusive"]
    assert items[1]["message"].startswith("I-05 took no effect; ")
