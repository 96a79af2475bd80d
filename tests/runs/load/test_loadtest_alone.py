"""Locust with our users and nothing else of the rig: on a server that runs, headless, as master and workers, and from its web UI."""

import json
import os
import socket
import subprocess
import sys
import time
import urllib.parse
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from rig.fixtures import Schema
from rig.paths import CHECKOUT
from rig.record import Recorder, new_run
from rig.runs.load.arm import Arm
from rig.runs.load.plan import WRITTEN
from rig.stack import StackSpec, Supervisor, open_stack

LOCUST = [sys.executable, "-m", "locust", "-f", "loadtest/locustfile.py", "--loglevel", "WARNING", "--only-summary"]
PACE = [
    "--mitras",
    "30",
    "--ping-every",
    "2",
    "--storm-peak",
    "40",
    "--seconds",
    "4",
    "--warm-up",
    "1",
    "--togglers",
    "2",
]
PATIENCE_S = 60


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[dict[str, str], list[str], Arm]]:
    """The environment and the words that a load by itself needs."""
    home = tmp_path_factory.mktemp("alone")
    with Supervisor.start() as supervisor, open_stack(StackSpec(logs=home), supervisor, "alone") as stack:
        with Recorder(new_run(home, "load", 1, {})) as recorder:
            arm = Arm("on", stack, recorder, Schema())
            arm.start(1, WRITTEN, 15.0)
            arm.plant(40, 0, 0)
            ids = home / "ids.txt"
            ids.write_text("\n".join(arm.people.mitras))
            go = arm.go()
            secrets = {"JWT_SECRET": go["jwt_secret"], "INTERNAL_API_TOKEN": go["internal_token"]}
            words = ["--host", go["instances"][0]["public"], "--internal-host", go["instances"][0]["internal"]]
            yield {**os.environ, **secrets}, [*words, "--mitra-ids", str(ids)], arm
            arm.close()


def locust(server: Any, *words: str, **environment: str) -> subprocess.CompletedProcess[str]:
    given, own, _ = server
    return subprocess.run(
        [*LOCUST, *own, *words],
        cwd=CHECKOUT,
        env={**given, **environment},
        capture_output=True,
        text=True,
        timeout=PATIENCE_S,
    )


def free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return int(listener.getsockname()[1])


def test_headless_it_accounts_for_every_request(server: Any) -> None:
    done = locust(server, "--headless", *PACE)
    assert done.returncode == 0, done.stdout + done.stderr
    rows = {
        line.split()[0]: line.split()[1:6]
        for line in done.stdout.splitlines()
        if line.strip().startswith(("ping ", "beacon "))
    }
    assert rows["ping"] == ["60", "60", "0", "0", "0"]
    assert done.stdout.rstrip().endswith("passed")


def test_a_master_and_two_workers_send_the_same(server: Any) -> None:
    port = str(free_port())
    given, _, _ = server
    follow = [*LOCUST, "--worker", "--master-host", "127.0.0.1", "--master-port", port]
    workers = [
        subprocess.Popen(follow, cwd=CHECKOUT, env=given, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        for _ in range(2)
    ]
    try:
        lead = [
            "--headless",
            "--master",
            "--expect-workers",
            "2",
            "--master-bind-host",
            "127.0.0.1",
            "--master-bind-port",
            port,
        ]
        done = locust(server, *lead, *PACE)
        assert done.returncode == 0, done.stdout + done.stderr
        row = next(line.split() for line in done.stdout.splitlines() if line.strip().startswith("ping "))
        assert row[1:6] == ["60", "60", "0", "0", "0"]
        assert [worker.wait(20) for worker in workers] == [0, 0]
    finally:
        for worker in workers:
            worker.kill()


def test_from_the_web_ui_it_runs_and_ends(server: Any) -> None:
    port = free_port()
    given, own, _ = server
    command = [*LOCUST, *own, *PACE, "--web-host", "127.0.0.1", "--web-port", str(port)]
    process = subprocess.Popen(
        command, cwd=CHECKOUT, env=given, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    )
    url = f"http://127.0.0.1:{port}"
    try:
        page = asked(f"{url}/")
        assert "storm_shape" in page
        assert given["JWT_SECRET"] not in page
        form = urllib.parse.urlencode({"user_count": 5, "spawn_rate": 5}).encode()
        assert json.loads(asked(f"{url}/swarm", form))["success"]
        until = time.monotonic() + PATIENCE_S
        while (told := json.loads(asked(f"{url}/stats/requests")))["state"] != "stopped":
            assert time.monotonic() < until, told
            time.sleep(0.2)
        by_name = {row["name"]: row for row in told["stats"]}
        assert by_name["ping"]["num_requests"] >= 60
        process.terminate()
        output = process.communicate(timeout=20)[0]
        assert "passed" in output
    finally:
        process.kill()
        process.wait()


def asked(url: str, form: bytes | None = None) -> str:
    until = time.monotonic() + 20
    while True:
        try:
            with urllib.request.urlopen(url, form, timeout=5) as answer:
                return str(answer.read().decode())
        except OSError:
            if time.monotonic() > until:
                raise
            time.sleep(0.1)


def test_a_server_that_answers_with_errors_fails(server: Any) -> None:
    done = locust(server, "--headless", *PACE, JWT_SECRET="another-secret-of-32-bytes-or-more")
    assert done.returncode == 1
    assert "failed: " in done.stdout.splitlines()[-1]


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["--mitras", "none"], "--mitras"),
        (["--storm-shape", "tidal"], "tidal"),
        (["--mitra-ids", "nowhere.txt"], "--mitra-ids FILE"),
    ],
)
def test_bad_options_are_named_at_once(server: Any, words: list[str], told: str) -> None:
    done = locust(server, "--headless", *words)
    assert done.returncode in (2, 4)
    assert told in done.stderr
    assert "Traceback" not in done.stderr


def test_the_help_tells_our_options() -> None:
    command = [sys.executable, "loadtest/locustfile.py", "--help"]
    done = subprocess.run(command, cwd=CHECKOUT, capture_output=True, text=True, timeout=PATIENCE_S)
    assert done.returncode == 0
    assert "How the storm of polls rises and falls." in done.stdout


def test_the_file_of_ids_is_read_from_where_one_is(tmp_path: Path) -> None:
    given = {**os.environ, "JWT_SECRET": "x" * 32}
    words = ["--headless", "--host", "http://127.0.0.1:9", "--mitra-ids", str(tmp_path / "ids.txt")]
    done = subprocess.run(
        [*LOCUST, *words], cwd=CHECKOUT, env=given, capture_output=True, text=True, timeout=PATIENCE_S
    )
    assert done.returncode == 4
    assert "--mitra-ids FILE" in done.stderr
