"""The checklist command as its users meet it: a run, a recheck, a doctored run, a kill, and every misuse."""

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest

from rig.errors import UsageError
from rig.paths import CHECKOUT
from rig.runs.checklist.selection import select_items

RUN_S = 90


def rig(*words: str, **options: object) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "rig", *words]
    return subprocess.run(command, capture_output=True, text=True, timeout=RUN_S, cwd=CHECKOUT, **options)  # type: ignore[call-overload]


@pytest.fixture(scope="module")
def smoke_run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A saved run of the smoke tests; copied by whoever wants to change it."""
    reports = tmp_path_factory.mktemp("reports")
    run = rig("checklist", "--only", "SMOKE", "--random-seed", "7", "--reports", str(reports))
    assert run.returncode == 0, run.stdout + run.stderr
    assert run.stdout.startswith("random seed 7\n")
    return (reports / "latest").resolve()


@pytest.fixture
def copied(smoke_run: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(smoke_run, tmp_path / smoke_run.name))


def verdicts(run: Path) -> dict[str, str]:
    return {item["id"]: item["verdict"] for item in json.loads((run / "results.json").read_text())["items"]}


def test_every_box_has_verdict_and_evidence(smoke_run: Path) -> None:
    results = json.loads((smoke_run / "results.json").read_text())
    assert [item["id"] for item in results["items"]] == [f"SMOKE-{n:02}" for n in range(1, 7)]
    assert all(answer["evidence"] for item in results["items"] for answer in item["answers"])
    for name in ("report.html", "summary.md", "junit.xml", "cucumber.json", "run.json"):
        assert (smoke_run / name).stat().st_size > 100, name


def test_no_secret_is_in_the_run(smoke_run: Path) -> None:
    text = "".join(path.read_text() for path in smoke_run.glob("*.*"))
    assert "postgresql://" not in text
    assert '"access_token": "ey' not in text


def test_recheck_gives_the_same_results(copied: Path) -> None:
    before = json.loads((copied / "results.json").read_text())
    run = rig("recheck", str(copied))
    assert run.returncode == 0, run.stdout + run.stderr
    assert json.loads((copied / "results.json").read_text()) == before


def test_one_changed_value_makes_the_right_box_fail(copied: Path) -> None:
    record = next(path for path in copied.glob("record-gw*.jsonl"))
    lines = [json.loads(line) for line in record.read_text().splitlines()]
    changed = [line for line in lines if line["kind"] == "observation" and line["item"] == "SMOKE-04"]
    changed[0]["seen"]["capacity"] = "2"
    record.write_text("".join(json.dumps(line) + "\n" for line in lines))
    run = rig("recheck", str(copied))
    assert run.returncode == 1
    assert [box for box, verdict in verdicts(copied).items() if verdict != "passed"] == ["SMOKE-04"]
    assert "the capacity is '2', not '1'" in run.stdout


def test_an_unmet_precondition_blames_nobody(copied: Path) -> None:
    """Without its observation a box is inconclusive, and so is the run."""
    record = next(path for path in copied.glob("record-gw*.jsonl"))
    lines = [json.loads(line) for line in record.read_text().splitlines()]
    kept = [line for line in lines if not (line["kind"] == "observation" and line["item"] == "SMOKE-06")]
    record.write_text("".join(json.dumps(line) + "\n" for line in kept))
    assert rig("recheck", str(copied)).returncode == 2
    assert verdicts(copied)["SMOKE-06"] == "inconclusive"


def test_a_server_that_dies_at_its_start_breaks_the_run(tmp_path: Path) -> None:
    command = f"{sys.executable} -c \"import sys; print('no such galaxy'); sys.exit(3)\""
    run = rig("checklist", "--only", "SMOKE", "--sut", command, "--reports", str(tmp_path))
    assert run.returncode == 3, run.stdout
    assert "exited with code 3" in run.stdout
    assert "no such galaxy" in run.stdout


def test_sigkill_of_the_rig_leaves_nothing(tmp_path: Path) -> None:
    """The rig is killed in mid-run: within 5 s no process of it is left, and no directory."""
    command = [sys.executable, "-m", "rig", "checklist", "--only", "A,B", "--reports", str(tmp_path)]
    run = subprocess.Popen(command, cwd=CHECKOUT, stdout=subprocess.DEVNULL, start_new_session=True)
    family: set[psutil.Process] = set()
    deadline = time.monotonic() + 40
    while time.monotonic() < deadline and not any(
        b'"observation"' in p.read_bytes() for p in tmp_path.glob("*/record-gw*")
    ):
        family |= set(psutil.Process(run.pid).children(recursive=True))
        time.sleep(0.02)
    family |= set(psutil.Process(run.pid).children(recursive=True))
    directories = {
        Path(word.split("=")[-1])
        for process in family
        if process.is_running()
        for word in process.cmdline()
        if "mirror-rig" in word and Path(word.split("=")[-1]).is_dir()
    }
    assert len(family) > 5, "the run never got going"
    os.kill(run.pid, signal.SIGKILL)
    run.wait()
    gone_by = time.monotonic() + 5
    while time.monotonic() < gone_by and any(p.is_running() and p.status() != "zombie" for p in family):
        time.sleep(0.05)
    left = [p for p in family if p.is_running() and p.status() != "zombie"]
    assert not left
    assert not [path for path in directories if path.exists() and "pg18" not in path.name]


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["checklist", "--only", "C-99"], "C-99"),
        (["checklist", "--only", "Z"], "no item or section 'Z'"),
        (["checklist", "--cadence", "slow"], "--cadence"),
        (["checklist", "--no-such-flag"], "--no-such-flag"),
        (["checklist", "--postgres", "postgresql://nobody@127.0.0.1:1/x"], "--scratch"),
        (["checklist", "--postgres", "nonsense://x", "--scratch"], "not nonsense://..."),
        (["recheck", "no-such-run"], "no-such-run"),
        (["no-such-command"], "no-such-command"),
    ],
)
def test_misuse_is_one_clear_error(words: list[str], told: str, tmp_path: Path) -> None:
    run = rig(*words, *(["--reports", str(tmp_path)] if words[0] in ("checklist", "recheck") else []))
    assert run.returncode == 4, run.stdout + run.stderr
    assert told in run.stderr
    assert "Traceback" not in run.stderr


def test_items_come_in_the_checklists_order() -> None:
    everything = select_items([])
    assert len(everything) == len(set(everything)) == 110
    assert everything[0] == "SETUP-01"
    assert select_items(["smoke,c-07", "C-02"])[:2] == ["C-02", "C-07"]
    with pytest.raises(UsageError, match="'Q'"):
        select_items(["Q"])
