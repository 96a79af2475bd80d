"""`rig contract` and `rig verify` at a server that somebody else started."""

import json
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.support.running_server import CODE, Running, running_server
from tests.support.stack_support import rig


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    with running_server(tmp_path_factory.mktemp("running")) as server:
        yield server


def judged(reports: Path, *words: str) -> tuple[subprocess.CompletedProcess[str], dict[str, dict[str, str]]]:
    """A run, and its messages by verdict and id."""
    done = rig(*words, "--reports", str(reports), timeout_s=300)
    results: dict[str, Any] = json.loads((reports / "latest" / "results.json").read_text())
    found: dict[str, dict[str, str]] = {}
    for item in results["items"]:
        found.setdefault(item["verdict"], {})[item["id"]] = item["message"]
    return done, found


@pytest.mark.timeout(400)
def test_without_its_stores_a_part_of_the_contract_is_judged(running: Running, tmp_path: Path) -> None:
    done, found = judged(tmp_path, "contract", *running.urls, "--otp-code", CODE)
    assert done.returncode == 0, done.stdout + done.stderr
    assert set(found) == {"passed", "skipped"}
    assert {"HTTP-03", "HTTP-04", "HTTP-09", "AUTH-01", "READY-02"} <= set(found["passed"])
    assert "needs the server's stores" in found["skipped"]["CHAT-03"]
    assert found["skipped"]["STOP-01"] == "needs a server that the rig starts (--sut COMMAND)"


@pytest.mark.timeout(400)
def test_verify_judges_items_and_sentences_of_it(running: Running, tmp_path: Path) -> None:
    done, found = judged(tmp_path, "verify", *running.everything, "--only", "B-01,AUTH-01,OFFER-05,START-04")
    assert done.returncode == 0, done.stdout + done.stderr
    assert set(found["passed"]) == {"B-01", "AUTH-01", "OFFER-05"}
    assert set(found["skipped"]) == {"START-04"}
    assert running.process.poll() is None


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (("verify",), "`rig contract` judges a part without them"),
        (("contract", "--postgres", "postgresql://h/d", "--scratch"), "add --postgres URL and --valkey URL"),
        (("contract", "--keep"), "--keep would have no effect"),
        (
            ("verify", "--full", "--postgres", "postgresql://h/d", "--valkey", "redis://h"),
            "need servers that the rig starts",
        ),
        (("contract", "--only", "STOP-01"), "nothing judges STOP-01 at this server"),
    ],
)
def test_what_cannot_be_judged_there_is_one_clear_error(words: tuple[str, ...], told: str) -> None:
    command, *more = words
    done = rig(
        command, "--base-url", "http://127.0.0.1:1", "--internal-url", "http://127.0.0.1:1", "--otp-code", "1", *more
    )
    assert done.returncode == 4, done.stdout + done.stderr
    assert told in done.stderr
    assert len(done.stderr.splitlines()) == 1


def test_failed_without_a_run_is_one_clear_error(tmp_path: Path) -> None:
    for command in ("contract", "verify"):
        done = rig(command, "--failed", "--reports", str(tmp_path))
        assert (done.returncode, len(done.stderr.splitlines())) == (4, 1), done
        assert f"no judged run of `rig {command}`" in done.stderr
