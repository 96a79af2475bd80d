"""A server that somebody else started is judged as it runs: our own one, started by hand on stores that we lend."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest

from rig.config import read
from rig.environment.stack_spec import attachment
from rig.paths import CHECKOUT
from rig.stack import SpecError
from rig.stack.sut.attached_log import AttachedLog
from rig.stack.sut.attachment import Attachment, pairs
from tests.support.running_server import CODE, Running, running_server
from tests.support.stack_support import spec_of, until

RUN_S = 120


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    with running_server(tmp_path_factory.mktemp("attached")) as server:
        yield server


def judged(
    running: Running, reports: Path, *words: str, flags: Sequence[str] = ()
) -> tuple[subprocess.CompletedProcess[str], dict[str, Any]]:
    """A run's outcome, and its items by id."""
    command = [sys.executable, "-m", "rig", "checklist", *(flags or running.flags), "--reports", str(reports), *words]
    env = {name: value for name, value in os.environ.items() if not name.startswith("RIG_")}
    done = subprocess.run(command, capture_output=True, text=True, timeout=RUN_S, cwd=CHECKOUT, env=env)
    results = json.loads((reports / "latest" / "results.json").read_text())
    return done, {item["id"]: item for item in results["items"]}


def told(items: dict[str, Any], verdict: str) -> dict[str, str]:
    return {id: item["message"] for id, item in items.items() if item["verdict"] == verdict}


def test_with_all_that_can_be_told_only_starts_and_stops_are_skipped(running: Running, tmp_path: Path) -> None:
    told_of = [*running.everything, "--postgres-log", str(running.lender.postgres.statement_log)]
    done, items = judged(running, tmp_path, "--only", "SETUP,SMOKE,A,C-02,C-04,C-10,C-11,K-01", flags=told_of)
    assert done.returncode == 0, done.stdout + json.dumps({**told(items, "failed"), **told(items, "broken")}, indent=1)
    skipped = told(items, "skipped")
    restarts = {f"A-0{n}" for n in range(1, 7)}
    assert set(skipped) == {*restarts, "C-04", "C-11", "K-01"}, skipped
    assert all("is not ours to stop" in skipped[id] for id in restarts)
    assert "needs a second instance" in skipped["K-01"]
    assert running.lender.toxiproxy.proxies()["in-front"]["enabled"]
    assert running.process.poll() is None


def test_with_an_otp_code_alone_what_cannot_be_seen_is_skipped_by_name(running: Running, tmp_path: Path) -> None:
    done, items = judged(running, tmp_path, "--only", "SETUP,SMOKE,C-07,C-10,E-02", "--otp-code", CODE)
    assert done.returncode == 0, done.stdout + json.dumps(items, indent=1)
    skipped = told(items, "skipped")
    assert "give --sut-log FILE" in skipped["SMOKE-01"]
    assert "--internal-token T" in skipped["SETUP-01"]
    assert "MITRA_AUTO_OFFLINE_SWEEP_SECONDS=30" in skipped["C-07"]
    assert set(told(items, "passed")) >= {"SMOKE-02", "SMOKE-04", "SMOKE-06", "SETUP-04", "E-02"}
    strict, _ = judged(running, tmp_path, "--only", "SETUP-04,SMOKE-01", "--otp-code", CODE, "--strict")
    assert strict.returncode == 2
    assert "--sut-log" in (tmp_path / "latest" / "summary.md").read_text()


@pytest.mark.parametrize(
    ("flags", "message"),
    [
        ({"internal_url": None}, "add --internal-url URL"),
        ({"otp_code": None}, "nobody could sign in at the server given: add --jwt-secret S, or --otp-code CODE"),
        ({"base_url": "127.0.0.1:3000"}, "--base-url '127.0.0.1:3000' is no URL of that kind"),
        ({"base_url": None}, "--internal-url speaks of a server that runs already: add --base-url URL"),
        ({"sut_env": "JWT_SECRET=x"}, "--sut-env JWT_SECRET: only MITRA_AUTO_OFFLINE_SWEEP_SECONDS"),
        ({"sut_env": "GOODBYE_WINDOW_SECONDS=1m"}, "GOODBYE_WINDOW_SECONDS=1m: a whole number of seconds"),
        ({"sut_env": "GOODBYE_WINDOW_SECONDS"}, "write NAME=VALUE"),
        ({"sut_log": Path("/nowhere")}, "--sut-log '/nowhere' is no file"),
    ],
)
def test_half_a_server_is_refused(flags: dict[str, Any], message: str) -> None:
    given = {"base_url": "http://127.0.0.1:3000", "internal_url": "http://127.0.0.1:3001", "otp_code": CODE, **flags}
    with pytest.raises(SpecError) as caught:
        attachment(read(**given))
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("more", "message"),
    [
        ({}, "add --postgres URL and --valkey URL"),
        (
            {"postgres": "postgresql://h/d", "valkey": "redis://h", "sut": "true"},
            "--sut is for a server that is started",
        ),
        (
            {"postgres": "postgresql://h/d", "valkey": "redis://h", "sut_setup": "true"},
            "--sut-setup is for a server that is started",
        ),
        ({"postgres": "postgresql://h/d", "valkey": "redis://h", "sut_cwd": Path("/tmp")}, "--sut-cwd is for a server"),
        ({"postgres": "postgresql://h/d", "valkey": "redis://h", "mode": "docker"}, "--mode docker starts services"),
    ],
)
def test_a_running_server_goes_with_stores_and_without_a_command(
    more: dict[str, Any], message: str, tmp_path: Path
) -> None:
    with pytest.raises(SpecError, match=message):
        spec_of(tmp_path, **{"sut": "python -m server", "attached": attached(), **more})


def attached() -> Attachment:
    return Attachment("http://127.0.0.1:3000", "http://127.0.0.1:3001", otp_code=CODE, env=pairs([]))


def test_a_log_is_followed_through_truncation_and_rotation(tmp_path: Path) -> None:
    source, stamped = tmp_path / "server.log", tmp_path / "stamped.log"
    source.write_text("before\n")
    log = AttachedLog(source, stamped)

    def append(text: str, mode: str = "a") -> bool:
        with source.open(mode) as file:
            file.write(text)
        return until(lambda: stamped.read_text().endswith(text.rpartition("\n")[0].rpartition("\n")[2] + "\n"))

    assert append("half")
    assert append(" a line\n")
    assert append("cut\n", "w")
    source.rename(tmp_path / "server.log.1")
    assert append("new\n", "w")
    log.close()
    lines = [line.split(" ", 1) for line in stamped.read_text().splitlines()]
    assert [text for _, text in lines] == ["before", "half a line", "cut", "new"]
    assert float(lines[0][0]) == 0.0
    assert all(float(stamp) > 1e9 for stamp, _ in lines[1:])
