"""A short load on real stacks: what it counts, who is told apart, and what a server that breaks its claims comes to."""

import csv
import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
import urllib.request
from dataclasses import replace
from pathlib import Path
from typing import Any

import psutil
import pytest

from rig.config import read
from rig.paths import CHECKOUT
from rig.record import Run, RunDirectory
from rig.record.histogram import merged, quantile_ms
from rig.record.lines.load import Tally
from rig.runs.load import run as load
from rig.runs.load.options import options_of, replay_words
from rig.runs.load.plan import WRITTEN, LoadOptions
from rig.traffic.load.schedule import LoadPace
from tests.support.stack_support import alive, until

PACE = LoadPace(
    mitras=60, ping_every_s=2.0, customers=20, storm_peak=60.0, storm_period_s=4.0, toggle_every_s=3.0, chat_every_s=3.0
)
CADENCES = {**WRITTEN, "heartbeat-mirror": 3}
OPTIONS = LoadOptions(PACE, 10.0, 2.0, blocks=1, block_s=1.0, witness=False, cadences=CADENCES)
ALONE = replace(OPTIONS, baseline=False, blocks=0)


def run(tmp_path: Path, options: LoadOptions, **settings: Any) -> tuple[int, dict[str, Any]]:
    code = load.run(read(reports=tmp_path, random_seed=7, **settings), options, ["rig", "load"])
    return code, json.loads((tmp_path / "latest" / "results.json").read_text())


def verdicts(results: dict[str, Any]) -> dict[str, str]:
    return {item["id"]: item["verdict"] for item in results["items"]}


def broken(name: str) -> dict[str, Any]:
    return {"sut": f"{sys.executable} -m tests.sabotage {name}", "sut_cwd": CHECKOUT, "level": "hardened"}


@pytest.fixture(scope="module")
def directory(tmp_path_factory: pytest.TempPathFactory) -> RunDirectory:
    reports = tmp_path_factory.mktemp("reports")
    options = replace(OPTIONS, processes=2, instances=2, thresholds=("ping: p(95)<5000", "failed: count<1"))
    assert run(reports, options)[0] == 0
    return RunDirectory((reports / "latest").resolve())


def test_every_claim_is_answered_with_evidence(directory: RunDirectory) -> None:
    results = json.loads(directory.results.read_text())
    expected = [*(f"CLAIM-0{n}" for n in range(1, 8)), "DIFF-01", "DIFF-02", "THRESHOLD-01"]
    assert verdicts(results) == dict.fromkeys(expected, "passed")
    assert all(
        answer["evidence"] for item in results["items"] for answer in item["answers"] if not item["id"].startswith("T")
    )
    rows = {row["id"]: row for row in results["load"]["claims"]}
    assert rows["CLAIM-01"]["on"] == 0
    assert rows["CLAIM-01"]["off"] >= 2 * 0.9 * 300


def test_each_request_was_planned_sent_and_answered_once_in_each_arm(directory: RunDirectory) -> None:
    lines = Run.load(directory).of(Tally)
    by_arm = {
        arm: {action: sum(one.planned for one in lines if one.arm == arm and one.action == action and "block" not in one.phase)
              for action in ("ping", "beacon", "dashboard")}
        for arm in ("on", "off")
    }  # fmt: skip
    assert by_arm["on"] == by_arm["off"]
    assert by_arm["on"]["ping"] == 12 / 2 * 60
    assert by_arm["on"]["dashboard"] == 12
    assert len({one.worker for one in lines}) == 2
    assert all(one.planned == one.completed + one.failed + one.missed + one.in_flight for one in lines)
    assert sum(one.completed for one in lines) == sum(one.planned for one in lines)


def test_the_raw_data_hold_every_request(directory: RunDirectory) -> None:
    files = directory.path.glob("requests-*.csv")
    rows = [row for path in files for row in csv.DictReader(path.read_text().splitlines())]
    assert len(rows) == sum(one.planned for one in Run.load(directory).of(Tally))
    assert {row["status"] for row in rows} <= {"200", "201"}
    assert (directory.path / "locust.html").stat().st_size > 10_000


def test_no_secret_is_in_the_run(directory: RunDirectory) -> None:
    told = "".join(path.read_text() for path in directory.path.rglob("*") if path.is_file())
    assert "Bearer ey" not in told
    assert "jwt_secret" not in told


def test_a_recheck_says_the_same(directory: RunDirectory) -> None:
    from rig.runs import recheck

    before = json.loads(directory.results.read_text())
    assert recheck.run(read(reports=directory.path.parent), directory.path.name) == 0
    assert json.loads(directory.results.read_text()) == before


def test_a_server_without_a_mirror_fails(tmp_path: Path) -> None:
    sut = f"env AVAILABILITY_MIRROR=off {sys.executable} -m server"
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("rig.runs.load.arm.SEEDED_S", 0.5)
        code, results = run(tmp_path, ALONE, sut=sut, sut_cwd=CHECKOUT)
    assert code == 1
    assert all("`SCARD mitras:online` is 0, with 60 mitras online" in item["message"] for item in results["items"])


def test_one_leaked_statement_fails_its_claim(tmp_path: Path) -> None:
    code, results = run(tmp_path, ALONE, **broken("one-ping-looks-it-up"))
    assert code == 1
    failed = {id for id, verdict in verdicts(results).items() if verdict == "failed"}
    assert failed == {"CLAIM-01"}
    assert "1 statements for" in next(item["message"] for item in results["items"] if item["id"] == "CLAIM-01")


def test_a_stall_of_the_server_shows_in_the_corrected_latencies(tmp_path: Path) -> None:
    """5 s of a stopped process among 20 s: the p90 by the plan is what the schedule says it must be."""
    stalled: list[float] = []

    def stall(directory: Path) -> None:
        record = directory / "latest" / "record-locust.jsonl"
        until = time.monotonic() + 40
        while time.monotonic() < until and not (record.exists() and '"go"' in record.read_text()):
            time.sleep(0.05)
        begin = json.loads(next(line for line in record.read_text().splitlines() if '"go"' in line))["from"]
        time.sleep(max(0.0, begin + 5.0 - time.time()))
        told = (directory / "latest" / "record-main.jsonl").read_text().splitlines()
        pid = next(line for line in map(json.loads, told) if line["kind"] == "arm")["pids"]["server a"]
        os.kill(pid, signal.SIGSTOP)
        stopped = time.time()
        time.sleep(5.0)
        os.kill(pid, signal.SIGCONT)
        stalled.extend((stopped, time.time()))

    pace = LoadPace(mitras=40, ping_every_s=2.0, togglers=0, customers=0, storm_peak=0, chats=0, dashboards=0)
    options = replace(ALONE, pace=pace, seconds=20.0, cadences=WRITTEN)
    thread = threading.Thread(target=stall, args=(tmp_path,))
    thread.start()
    run(tmp_path, options)
    thread.join()
    saved = Run.load(RunDirectory((tmp_path / "latest").resolve()))
    own = [one for one in saved.of(Tally) if one.action == "ping" and one.phase != "warm-up"]
    measured = quantile_ms(merged(one.corrected for one in own), 0.9)
    raw = quantile_ms(merged(one.raw for one in own), 0.5)
    # Planned evenly: the share of all that waits longer than x is (stall − x) / length. It is over with the first answer.
    (path,) = saved.directory.path.glob("requests-*.csv")
    answers = [
        float(row["planned"]) + (float(row["late_ms"]) + float(row["raw_ms"])) / 1000
        for row in csv.DictReader(path.read_text().splitlines())
    ]
    over = min(at for at in answers if at > stalled[1])
    truth = 1000 * ((over - stalled[0]) - 0.1 * 20.0)
    assert measured == pytest.approx(truth, rel=0.1)
    assert raw is not None
    assert raw < truth / 10


def test_from_the_web_ui_it_is_judged_when_all_is_sent(tmp_path: Path) -> None:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        port = listener.getsockname()[1]
    words = [
        "load",
        "--mitras",
        "60",
        "--ping-every",
        "2",
        "--seconds",
        "6",
        "--warm-up",
        "1",
        "--no-baseline",
        "--no-witness",
    ]
    words += [
        "--blocks",
        "0",
        "--web",
        "--web-port",
        str(port),
        "--reports",
        str(tmp_path),
        "--threshold",
        "ping: p(50)<5000",
    ]
    process = subprocess.Popen([sys.executable, "-m", "rig", *words], cwd=CHECKOUT, stdout=subprocess.PIPE, text=True)

    def started() -> bool:
        try:
            with urllib.request.urlopen(
                f"http://127.0.0.1:{port}/swarm", b"user_count=5&spawn_rate=5", timeout=5
            ) as answer:
                return bool(json.loads(answer.read())["success"])
        except OSError:
            return False

    assert until(started, 40)
    process.communicate(timeout=60)
    results = json.loads((tmp_path / "latest" / "results.json").read_text())
    expected = {**dict.fromkeys(["CLAIM-01", "CLAIM-02", "CLAIM-04", "CLAIM-06", "CLAIM-07", "THRESHOLD-01"], "passed")}
    assert {id: verdict for id, verdict in verdicts(results).items() if id in expected} == expected
    assert process.returncode == 2, "no mirror cycle falls into six seconds"


def test_ctrl_c_ends_it_in_order(tmp_path: Path) -> None:
    words = ["load", "--mitras", "20", "--seconds", "60", "--no-witness", "--blocks", "0", "--reports", str(tmp_path)]
    process = subprocess.Popen([sys.executable, "-m", "rig", *words], cwd=CHECKOUT, stdout=subprocess.PIPE, text=True)
    record = tmp_path / "latest" / "record-locust.jsonl"
    assert until(lambda: record.exists() and '"traffic"' in record.read_text(), 40)
    children = psutil.Process(process.pid).children(recursive=True)
    process.send_signal(signal.SIGINT)
    output = process.communicate(timeout=30)[0]
    assert process.returncode == 130, output
    assert "INTERRUPTED" in output.upper()
    assert json.loads((tmp_path / "latest" / "results.json").read_text())["verdict"] != "passed"
    assert until(lambda: not any(alive(child.pid) for child in children))


@pytest.mark.parametrize(
    "given",
    [
        {"storm_shape": "tidal"},
        {"processes": 2, "workers": 1},
        {"chats": 9, "mitras": 8},
    ],
)
def test_options_that_cannot_be_are_usage_errors(given: dict[str, Any]) -> None:
    from rig.errors import UsageError

    usual = {
        "storm_shape": "square",
        "processes": 1,
        "workers": 0,
        "expect": 0,
        "chats": 2,
        "mitras": 300,
        "baseline": True,
    }
    with pytest.raises(UsageError):
        options_of(read(), **{**usual, **given})


def test_a_replay_names_what_is_not_usual() -> None:
    options = replace(LoadOptions(LoadPace(mitras=1000, storm_peak=500)), baseline=False, thresholds=("ping: p(95)<9",))
    assert replay_words(options) == [
        "rig",
        "load",
        "--mitras",
        "1000",
        "--storm",
        "500",
        "--no-baseline",
        "--threshold",
        "ping: p(95)<9",
    ]
    assert replay_words(LoadOptions()) == ["rig", "load"]
