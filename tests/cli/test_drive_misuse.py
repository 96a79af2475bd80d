"""What careless users and bad days do to a run: told in one line, with the exit code of whose fault it is."""

import json
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from rig.checks import load_checks
from rig.cli import main as entry
from rig.paths import CHECKOUT
from rig.record import Recorder, Run, RunDirectory, new_run
from rig.results.judge import judge_run
from rig.stack import SpecError, StackSpec
from tests.support.record_lines import write
from tests.support.stack_support import rig


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ({"valkey": "redis://127.0.0.1:port"}, "--valkey must be a URL with one host and a port from 1 to 65535"),
        ({"postgres_log": Path("/nowhere")}, "give --postgres URL too"),
        ({"postgres_log": Path("/nowhere"), "postgres": "postgresql://h/d"}, "'/nowhere' is no directory"),
        ({"sut": ""}, "--sut is empty"),
        ({"sut": "python 'unclosed"}, "No closing quotation"),
        ({"sut": "/no/such/program"}, "there is no program '/no/such/program'"),
        ({"sut": "./no-such-program"}, "there is no program './no-such-program'"),
        ({"sut_cwd": Path("/nowhere")}, "--sut-cwd '/nowhere' is no directory"),
    ],
)
def test_a_stack_that_cannot_be_is_refused_before_a_run(given: dict, told: str, tmp_path: Path) -> None:
    with pytest.raises(SpecError) as caught:
        StackSpec(logs=tmp_path, **given)
    assert told in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_program_beside_the_server_is_found(tmp_path: Path) -> None:
    (tmp_path / "serve").write_text("#!/bin/sh\n")
    (tmp_path / "serve").chmod(0o755)
    assert StackSpec(logs=tmp_path, sut="./serve", sut_cwd=tmp_path).command() == ["./serve"]


def test_reports_that_cannot_be_written(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    done = rig("checklist", "--only", "A", "--reports", str(tmp_path / "file"))
    assert done.returncode == 4
    assert done.stderr.startswith(f"rig: no run can be kept in {tmp_path / 'file'} (File exists): name another")


def test_a_toxiproxy_that_does_not_answer_stops_the_run_before_it_begins(tmp_path: Path) -> None:
    done = rig("checklist", "--only", "A", "--toxiproxy", "http://127.0.0.1:1", "--reports", str(tmp_path))
    assert done.returncode == 3
    assert done.stderr.startswith("rig: Toxiproxy at http://127.0.0.1:1 does not answer")
    assert not list(tmp_path.iterdir())


def test_a_defect_of_the_rig_never_exits_1(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("signal.signal", lambda *_: None)  # pytest's own handlers stay

    def defect(**_: object) -> None:
        raise ZeroDivisionError("a defect")

    def full(**_: object) -> None:
        raise OSError(28, "No space left on device", "/reports/run.json")

    for app, says_more in ((defect, True), (full, False)):
        with pytest.raises(SystemExit) as left:
            entry.run(app)  # type: ignore[arg-type]
        assert left.value.code == 3
        assert ("Traceback" in capsys.readouterr().err) is says_more


@pytest.fixture
def run(tmp_path: Path) -> RunDirectory:
    """A saved run of one scenario: two boxes passed, one was never reached."""
    load_checks()
    directory = new_run(tmp_path, "checklist", 7, {"command": "rig checklist"})
    scenario = {"scenario": "a.feature: one", "variant": "", "attempt": 1}
    seen = {"steps": [], "missing": []}
    with Recorder(directory) as recorder:
        write(recorder, "plan", t=1.0, items=["A-01", "A-02", "C-01"], replay="rig checklist --only {item}")
        write(recorder, "scenario", t=2.0, phase="begin", items=["A-01", "A-02"], **scenario)
        for t, item in ((3.0, "A-01"), (4.0, "A-02")):
            write(
            recorder, "observation", t=t, item=item, seen=seen, bounds={}, evidence=[{"kind": "note", "text": "seen"}],
                started=t, ended=t, error={"verdict": "inconclusive", "message": "not looked at"}, **scenario,
            )  # fmt: skip
        write(recorder, "scenario", t=5.0, phase="end", items=["A-01", "A-02"], began=2.0, steps=[], **scenario)
    return directory


def appended(run: RunDirectory, **line: object) -> dict[str, dict]:
    """The verdicts with one more line in the record, by item."""
    with (run.path / "record-gw0.jsonl").open("a") as file:
        file.write(json.dumps(line) + "\n")
    return {item["id"]: item for item in judge_run(Run.load(run))["items"]}


def test_a_server_that_exits_fails_the_last_box_before_it(run: RunDirectory) -> None:
    gone = {"kind": "exited", "instance": "a", "text": "backend a exited by itself (9): out of memory"}
    items = appended(run, t=3.5, scenario="a.feature: one", variant="", **gone)
    assert [items[id]["verdict"] for id in ("A-01", "A-02")] == ["failed", "inconclusive"]
    assert items["A-01"]["message"].startswith("backend a exited by itself (9): out of memory")
    assert items["A-01"]["answers"][0]["evidence"][-1]["text"] == gone["text"]


def test_a_server_that_exits_idle_fails_the_scenarios_last_box(run: RunDirectory) -> None:
    items = appended(run, t=9.0, kind="exited", instance="a", text="exited", scenario="a.feature: one", variant="")
    assert [items[id]["verdict"] for id in ("A-01", "A-02")] == ["inconclusive", "failed"]


@pytest.mark.parametrize(("t", "verdict"), [(8.9, "broken"), (9.1, "inconclusive")])
def test_what_breaks_as_an_interrupted_run_is_taken_down_broke_nothing(
    run: RunDirectory, t: float, verdict: str
) -> None:
    appended(run, t=9.0, kind="end", interrupted=True)
    assert appended(run, t=t, kind="broken", text="Postgres is not there")["C-01"]["verdict"] == verdict


def test_boxes_of_a_run_cut_short_say_so(run: RunDirectory) -> None:
    assert appended(run, t=9.0, kind="end", interrupted=True)["C-01"]["message"] == (
        "the run was interrupted before this could be judged"
    )


def test_boxes_of_a_whole_run_without_scenario_say_so(run: RunDirectory) -> None:
    assert appended(run, t=9.0, kind="end", interrupted=False)["C-01"]["message"] == "no scenario answered this"


@pytest.mark.parametrize(
    ("damage", "told"),
    [
        (lambda run: (run / "run.json").write_text("{"), "run.json is not JSON"),
        (lambda run: (run / "run.json").write_text("[]"), "run.json is not that of a run"),
        (lambda run: (run / "run.json").unlink(), "a run directory holds a run.json"),
        (lambda run: (run / "record-main.jsonl").unlink(), "its record holds no plan"),
        (lambda run: (run / "record-x.jsonl").write_text('{"t": \n{}\n'), "record-x.jsonl:1 is not JSON"),
        (lambda run: (run / "record-x.jsonl").write_text("5\n"), "record-x.jsonl:1 is no record line"),
        (lambda run: (run / "record-x.jsonl").write_bytes(b"\xff\xfe\n"), "record-x.jsonl:1 is not JSON"),
    ],
)
def test_a_damaged_run_is_told_in_one_line(damage: object, told: str, run: RunDirectory) -> None:
    damage(run.path)  # type: ignore[operator]
    done = rig("recheck", str(run.path))
    assert done.returncode == 4, done.stderr
    assert told in done.stderr
    assert len(done.stderr.splitlines()) == 1


def test_a_torn_last_line_is_left_out(run: RunDirectory) -> None:
    with (run.path / "record-main.jsonl").open("a") as file:
        file.write('{"t": 9.0, "kind": "obser')
    assert judge_run(Run.load(run))["items"]


@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupted_run_is_judged_and_leaves_nothing(how: signal.Signals, tmp_path: Path) -> None:
    command = [sys.executable, "-m", "rig", "checklist", "--only", "A,B", "--reports", str(tmp_path)]
    process = subprocess.Popen(command, cwd=CHECKOUT, stdout=subprocess.PIPE, text=True)
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline and not any(
        b'"phase": "begin"' in path.read_bytes() for path in tmp_path.glob("*/record-gw*")
    ):
        time.sleep(0.02)
    process.send_signal(how)
    out, _ = process.communicate(timeout=30)
    assert process.returncode == 130, out
    results = json.loads((tmp_path / "latest" / "results.json").read_text())
    assert results["exit_code"] == 130
    assert "INCONCLUSIVE  Interrupted: " in out
    assert "the run was interrupted: what was not reached is inconclusive" in results["weakens"]
    assert not list(Path("/tmp").glob(f"mirror-rig-{process.pid}-*"))


def test_a_stack_that_does_not_come_up_is_told_in_its_own_words(tmp_path: Path) -> None:
    """A Valkey that can't be started: the boxes are broken, each says why, and nobody's test report is quoted."""
    done = rig(
        "checklist",
        "--only",
        "SMOKE",
        "--reports",
        str(tmp_path / "reports"),
        RIG_INTERNAL_PLUGIN="tests.support.no_valkey",
    )
    assert done.returncode == 3, done.stdout + done.stderr
    items = json.loads((tmp_path / "reports/latest/results.json").read_text())["items"]
    assert {item["verdict"] for item in items} == {"broken"}
    assert all(item["message"].startswith("Valkey exited with code 1 at its start") for item in items)
