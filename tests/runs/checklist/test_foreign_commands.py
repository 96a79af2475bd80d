"""A foreign command that cannot be judged, or not to its end: who is to blame, and what its last words were."""

import json
import os
import shlex
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from rig.paths import CHECKOUT
from rig.stack import SpecError, StackSpec
from tests.support.stack_support import STUB

RUN_S = 90
WHIMS = CHECKOUT / "tests" / "support" / "foreign_commands.py"


def whim(name: str) -> str:
    return f"python {shlex.quote(str(WHIMS))} {name}"


def judged(reports: Path, only: str, sut: str, *words: str, **environment: str) -> tuple[int, list[dict[str, Any]]]:
    """The run's exit code and its items."""
    env = {name: value for name, value in os.environ.items() if not name.startswith("RIG_")}
    env |= {"RIG_SUT_CWD": str(CHECKOUT), **environment}
    command = [sys.executable, "-m", "rig", "checklist", "--only", only, "--sut", sut, "--reports", str(reports)]
    done = subprocess.run([*command, *words], capture_output=True, text=True, timeout=RUN_S, cwd=CHECKOUT, env=env)
    results = json.loads((reports / "latest" / "results.json").read_text())
    return done.returncode, results["items"]


@pytest.mark.parametrize(
    ("sut", "told"),
    [
        ("sleep 60", ["server a was not ready within 2 s", "it was given PUBLIC_PORT=", "listens on no port", "printed nothing"]),
        ("python -c 'raise SystemExit(\"no licence\")'", ["server a exited with code 1 before it was ready", "no licence"]),
        (STUB, ["database has no table mitras, customers,", "--sut-setup"]),
    ],
)  # fmt: skip
def test_one_that_never_serves_is_a_broken_run(sut: str, told: list[str], tmp_path: Path) -> None:
    code, (item,) = judged(tmp_path, "SMOKE-02", sut, RIG_READY_WITHIN_S="2")
    assert (code, item["verdict"]) == (3, "broken")
    assert [text for text in told if text not in item["message"]] == []


def test_one_on_other_ports_is_told_so(tmp_path: Path) -> None:
    code, (item,) = judged(tmp_path, "SMOKE-02", whim("elsewhere"), RIG_READY_WITHIN_S="6")
    assert (code, item["verdict"]) == (3, "broken")
    listening = item["message"].partition("[foreign] listening on ")[2].split()[0]
    assert listening in item["message"].partition("and listens on ")[2].partition(")")[0]


def test_one_that_dies_half_way_has_failed_with_its_last_words(tmp_path: Path) -> None:
    code, items = judged(tmp_path, "SMOKE", whim("dies"))
    assert code == 1
    failed = [item for item in items if item["verdict"] == "failed"]
    assert failed
    told = "; ".join(item["message"] for item in failed)
    assert "backend a exited by itself (9): " in told
    assert "[foreign] out of memory" in told


def test_one_that_prints_nothing_fails_what_looks_for_a_line(tmp_path: Path) -> None:
    code, (item,) = judged(tmp_path, "SMOKE-01", whim("silent"))
    assert (code, item["verdict"]) == (1, "failed")
    shown = [each for answer in item["answers"] for each in answer["evidence"]]
    assert {"kind": "note", "text": "backend a printed nothing at all since its first start"} in shown
    assert any(each.get("looked_for") == "[valkey-mirror] seed:" for each in shown)


def test_the_set_up_command_runs_first_as_the_owner(tmp_path: Path) -> None:
    script = (
        "import os, psycopg; c = psycopg.connect(os.environ['DATABASE_URL'], autocommit=True);"
        "c.execute('CREATE TABLE set_up AS SELECT current_user AS who'); print('made')"
    )
    code, items = judged(tmp_path, "SMOKE-02", "python -m server", "--sut-setup", f"python -c {shlex.quote(script)}")
    assert (code, [item["verdict"] for item in items]) == (0, ["passed"])
    assert "made" in next((tmp_path / "latest" / "logs").glob("*-setup.log")).read_text()


def test_a_set_up_command_that_fails_is_a_broken_run(tmp_path: Path) -> None:
    code, (item,) = judged(
        tmp_path, "SMOKE-02", "python -m server", "--sut-setup", "sh -c 'echo no such table; exit 4'"
    )
    assert (code, item["verdict"]) == (3, "broken")
    assert "--sut-setup exited with code 4" in item["message"]
    assert "no such table" in item["message"]


@pytest.mark.parametrize(
    ("setup", "message"),
    [("", "--sut-setup is empty"), ("/no/such/migrate", "there is no program"), ("sh '", "is no shell command")],
)
def test_a_set_up_command_that_cannot_be(setup: str, message: str, tmp_path: Path) -> None:
    with pytest.raises(SpecError, match=message):
        StackSpec(logs=tmp_path, sut_setup=setup)
