"""A short campaign on a real stack, its recheck, its interruption, and every misuse of the command."""

import dataclasses
import json
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from rig.checks.protocol.item import ITEM as PROTOCOL
from rig.config import read
from rig.errors import UsageError
from rig.faults.catalogue import faults
from rig.paths import CHECKOUT
from rig.record import Run, RunDirectory
from rig.record.lines.chaos import FaultEvent
from rig.record.verdict import EXIT_USAGE
from rig.runs.chaos.campaign import FELT, Campaign, Phases
from rig.runs.chaos.registry import alone, campaigns, select
from rig.runs.chaos.run import run_one
from rig.runs.common.conclude import conclude

ITEMS = ["INV-01", "INV-02", "INV-03", "INV-04", "INV-05", "INV-13", "INV-15", "INV-18", "INV-19", "INV-24"]
RIG = [sys.executable, "-m", "rig", "chaos"]


def short() -> Campaign:
    """The campaign of the repository, with shorter phases: a reseed is due within a second, bounds stay as they are.

    Without the checks that need more time: a heartbeat that stands for a mirror's cycle, pings by the dozen.
    """
    campaign = campaigns()["valkey_killed"]
    checks = {item: campaign.checks[item] for item in ITEMS}
    phases = Phases(warm_up_s=0.5, baseline_s=2.5, fault_s=2.5, recovery_s=5.5, drain_s=1.5)
    return dataclasses.replace(campaign, phases=phases, checks=checks, must_meet=())


@pytest.fixture(scope="module")
def directory(tmp_path_factory: pytest.TempPathFactory) -> RunDirectory:
    reports = tmp_path_factory.mktemp("reports")
    finished = run_one(read(reports=reports, random_seed=7), short())
    assert finished.directory.path == (reports / "latest").resolve()
    assert (finished.results["verdict"], finished.exit_code) == ("passed", 0), str(finished.results)[:4000]
    return finished.directory


def test_every_invariant_is_answered_with_evidence(directory: RunDirectory) -> None:
    results = json.loads(directory.results.read_text())
    assert [item["id"] for item in results["items"]] == [*ITEMS, PROTOCOL, *FELT]
    assert all(answer["evidence"] for item in results["items"] for answer in item["answers"])
    assert {item["replay"] for item in results["items"]} == {"rig chaos valkey_killed --random-seed 7"}
    assert [phase["name"] for phase in results["phases"]] == [
        "calm",
        "warm-up",
        "baseline",
        "fault",
        "recovery",
        "drain",
    ]
    assert all(series["points"] for series in results["series"])
    assert results["measures"]


def test_the_fault_was_seen_from_both_ends(directory: RunDirectory) -> None:
    events = {line.event: line.ends or {} for line in Run.load(directory).of(FaultEvent)}
    assert list(events) == ["requested", "confirmed", "removed", "healed"]
    assert set(events["confirmed"]) == {"direct", "through a"}
    assert "answers" not in events["confirmed"].values()
    assert set(events["healed"].values()) == {"answers"}


def test_recheck_gives_the_same_results(directory: RunDirectory) -> None:
    before = directory.results.read_text()
    conclude(directory)
    assert directory.results.read_text() == before


def test_ctrl_c_takes_the_fault_back_and_leaves_a_run(tmp_path: Path) -> None:
    process = subprocess.Popen([*RIG, "--reports", str(tmp_path)], cwd=CHECKOUT, stdout=subprocess.PIPE, text=True)
    deadline = time.monotonic() + 40
    record = tmp_path / "latest" / "record-main.jsonl"
    while not (record.exists() and '"event": "confirmed"' in record.read_text()):
        assert process.poll() is None, "the run ended before its fault was confirmed"
        assert time.monotonic() < deadline, "no fault was confirmed"
        time.sleep(0.1)
    process.send_signal(signal.SIGINT)
    output, _ = process.communicate(timeout=40)
    assert process.returncode == 130, output
    assert '"event": "removed"' in record.read_text()
    results = json.loads((tmp_path / "latest" / "results.json").read_text())
    assert results["verdict"] == "inconclusive"
    assert "the run was interrupted: what was not reached is inconclusive" in results["weakens"]
    assert {item["message"] for item in results["items"]} == {"the run was interrupted before this could be judged"}
    assert results["exit_code"] == 130
    assert "INCONCLUSIVE  Interrupted: " in output
    assert output.count("the run was interrupted before this could be judged") == 1
    assert (tmp_path / "latest" / "report.html").exists()


def test_an_unknown_name_is_a_usage_error() -> None:
    ended = subprocess.run([*RIG, "valkey_kiled"], cwd=CHECKOUT, capture_output=True, text=True, timeout=30)
    assert ended.returncode == 4
    assert "valkey_killed" in ended.stderr


def test_campaigns_are_listed() -> None:
    ended = subprocess.run([*RIG, "--list"], cwd=CHECKOUT, capture_output=True, text=True, timeout=30)
    assert ended.returncode == 0
    assert {line.partition(":")[0] for line in ended.stdout.splitlines()} == set(campaigns())


def test_a_file_without_campaign_or_with_another_name_is_refused(tmp_path: Path) -> None:
    (tmp_path / "empty.py").write_text("")
    with pytest.raises(ValueError, match="declares no CAMPAIGN"):
        campaigns(tmp_path)
    (tmp_path / "empty.py").write_text((CHECKOUT / "chaos" / "valkey_killed.py").read_text())
    with pytest.raises(ValueError, match="name it after its file"):
        campaigns(tmp_path)
    with pytest.raises(UsageError, match="no campaign 'x': there are none"):
        select(["x"], tmp_path / "nowhere")


def test_faults_are_listed_and_an_unknown_one_is_a_usage_error() -> None:
    ended = subprocess.run([*RIG, "--list-faults"], cwd=CHECKOUT, capture_output=True, text=True, timeout=30)
    assert {line.partition(": ")[0] for line in ended.stdout.splitlines()} == set(faults())
    ended = subprocess.run([*RIG, "--fault", "read onl"], cwd=CHECKOUT, capture_output=True, text=True, timeout=30)
    assert ended.returncode == EXIT_USAGE
    assert "'read-only'" in ended.stderr
    assert len(ended.stderr.splitlines()) == 1


def test_what_this_stack_lacks_is_skipped_with_its_reason(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("rig.faults.requirements.libfaketime", lambda: None)
    campaign = alone("clock ahead")
    results = run_one(read(reports=tmp_path, random_seed=7), campaign).results
    assert (results["verdict"], results["counts"]["skipped"]) == ("skipped", len(campaign.judged))
    assert {item["message"] for item in results["items"]} == {
        "'clock ahead' needs libfaketime: install it (Debian: apt install libfaketime)"
    }


@pytest.mark.parametrize(
    ("words", "text"),
    [
        (["--profile", "nightly"], "no profile 'nightly': there are ci, full"),
        (["--schedule", "no-such.json"], "cannot be read as JSON"),
        (["shrink", "no-such-run"], "no-such-run"),
        (["random", "--minutes", "0"], "0.5"),
    ],
)
def test_misuse_is_a_usage_error(words: list[str], text: str, tmp_path: Path) -> None:
    command = [*RIG, *words, "--reports", str(tmp_path)]
    ended = subprocess.run(command, cwd=CHECKOUT, capture_output=True, text=True, timeout=60)
    assert ended.returncode == EXIT_USAGE
    assert text in ended.stderr
