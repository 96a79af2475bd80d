"""An action of the rig's own that takes no effect proves nothing: what hangs on it is neither passed nor failed."""

import json
from pathlib import Path

import pytest
from stack_support import rig

from rig.checks import load_checks
from rig.drive.judge import judge_run
from rig.record import Recorder, Run, new_run

PLUGIN = Path(__file__).with_name("ineffective")

# What no longer works, and boxes that hang on it: of several sections, with and without an action box before them.
AFFECTED = {
    "valkey_never_stops": ["B-07", "B-08", "C-09", "C-10", "F-06", "G-08", "G-09", "H-06", "H-07", "J-01", "J-03"],
    "valkey_never_comes_back": ["B-08", "J-05", "J-06"],
    "environment_never_arrives": ["D-06", "D-07", "G-01", "G-06", "H-02", "H-03", "I-05", "I-06", "K-05"],
    "postgres_never_stops": ["C-08", "F-12"],
}


@pytest.mark.parametrize("kind", sorted(AFFECTED))
def test_what_hangs_on_it_is_not_judged(kind: str, tmp_path: Path) -> None:
    boxes = AFFECTED[kind]
    done = rig(
        "checklist", "--only", ",".join(boxes), "--reports", str(tmp_path),
        NO_EFFECT=kind, PYTEST_ADDOPTS="-p no_effect", PYTHONPATH=str(PLUGIN),
    )  # fmt: skip
    results = json.loads((tmp_path / "latest" / "results.json").read_text())
    told = {item["id"]: f"{item['verdict']}: {item['message']}" for item in results["items"]}
    assert {item["id"] for item in results["items"] if item["verdict"] in ("inconclusive", "broken")} == set(boxes), (
        told
    )
    assert done.returncode in (2, 3), done.stdout


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
        recorder.write("plan", items=["I-05", "I-06"], replay="rig checklist --only {item}")
        recorder.write("scenario", phase="begin", items=["I-05", "I-06"], **scenario)
        for item, seen in (("I-05", start), ("I-06", quiet)):
            recorder.write(
                "observation", item=item, seen=seen, bounds={"watch_s": 3.0, "within_s": 5.0}, started=1.0, ended=1.0,
                evidence=[{"kind": "note", "text": "seen"}], error=None, **scenario,
            )  # fmt: skip
    items = judge_run(Run.load(directory))["items"]
    assert [item["verdict"] for item in items] == ["inconclusive", "inconclusive"]
    assert items[1]["message"].startswith("I-05 took no effect; ")
