"""`rig contract` on real servers: what it judges, what it finds in a broken one, and what it says."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from rig.service.sentences import sentences
from tests.support.stack_support import rig

CHATS_OF_ANYBODY = """
import sys
from server import chats
chats.require_owner = lambda *_: None
from server.__main__ import main
sys.exit(main())
"""


def contract(reports: Path, *words: str) -> tuple[subprocess.CompletedProcess[str], dict[str, Any]]:
    """The command and the results of its run."""
    run = rig("contract", *words, "--reports", str(reports), timeout_s=400)
    results = reports / "latest" / "results.json"
    return run, json.loads(results.read_text()) if results.exists() else {}


def verdicts(results: dict[str, Any]) -> dict[str, str]:
    return {item["id"]: item["verdict"] for item in results["items"]}


@pytest.mark.timeout(420)
def test_the_reference_server_passes_races_edges_and_walks(tmp_path: Path) -> None:
    run, results = contract(tmp_path, "--stage", "races", "--stage", "edges", "--stage", "walks", "--walks", "3")
    assert run.returncode == 0, run.stdout + run.stderr
    assert set(verdicts(results).values()) == {"passed"}
    assert len(results["items"]) >= 45
    again = rig("recheck", str(tmp_path / "latest"))
    assert again.returncode == 0, again.stdout + again.stderr


@pytest.mark.timeout(420)
def test_a_server_that_shows_everybody_s_chats_fails_the_sentence_that_forbids_it(tmp_path: Path) -> None:
    server = tmp_path / "open_server.py"
    server.write_text(CHATS_OF_ANYBODY)
    sut = f"{sys.executable} {server}"
    run, results = contract(
        tmp_path, "--only", "CHAT-03", "--sut", sut, "--level", "hardened", "--sut-cwd", os.getcwd()
    )
    assert run.returncode == 1, run.stdout + run.stderr
    (item,) = results["items"]
    assert (item["id"], item["verdict"]) == ("CHAT-03", "failed")
    assert "c2 get chat1: expected 403 FORBIDDEN, got 200" in item["message"]
    replay = f"--only CHAT-03 --random-seed {results['random_seed']}"
    assert replay in item["replay"]


def test_the_list_names_each_sentence_and_what_judges_it() -> None:
    run = rig("contract", "--list")
    assert run.returncode == 0, run.stderr
    listed = [line.partition(":")[0].partition(" ")[0] for line in run.stdout.splitlines() if not line.startswith(" ")]
    assert listed == list(sentences())
    assert "  judged by: probe refresh at once" in run.stdout


@pytest.mark.parametrize(
    ("words", "told"),
    [(("--only", "PONG-1"), "no sentence 'PONG-1'"), (("--stage", "race"), "races"), (("--only", "LOG-01"), "--list")],
)
def test_a_word_that_names_nothing_is_one_clear_error(words: tuple[str, ...], told: str, tmp_path: Path) -> None:
    run, results = contract(tmp_path, *words)
    assert (run.returncode, results) == (4, {}), run.stdout + run.stderr
    assert told in run.stderr
    assert len(run.stderr.splitlines()) == 1
