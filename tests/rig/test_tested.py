"""Every report names what was judged: the stores as they call themselves, the server's commit and its label."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from given_stores import given_valkey
from observed_stack import stack  # noqa: F401
from stack_support import spec_of

from rig.config import read
from rig.drive.checklist import run_once
from rig.drive.tested import commit, stack_facts
from rig.stack import Stack
from rig.stack.marks import mark
from rig.stack.paths import CHECKOUT


def test_stores_of_ours_are_named_by_their_programs(tmp_path: Path) -> None:
    told = stack_facts(read(), spec_of(tmp_path))
    assert told["stores"]["postgres"].startswith("Postgres 18.")
    assert told["stores"]["valkey"].startswith("Valkey 8.1.")
    assert told["lacks"] == {}


def test_the_commit_is_that_of_the_servers_checkout(tmp_path: Path) -> None:
    """With a + where something is not committed; none where there is no checkout."""
    assert commit(tmp_path) is None
    for words in (
        ["init", "-q"],
        ["-c", "user.name=a", "-c", "user.email=a@b", "commit", "-q", "--allow-empty", "-m", "a"],
    ):
        subprocess.run(["git", *words], cwd=tmp_path, check=True)
    clean = commit(tmp_path)
    assert clean is not None
    assert len(clean) == 12
    (tmp_path / "a").write_text("a")
    subprocess.run(["git", "add", "a"], cwd=tmp_path, check=True)
    assert commit(tmp_path) == f"{clean}+"


@pytest.fixture(scope="module")
def judged(stack: Stack, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:  # noqa: F811
    """A run on stores that are given, one of which refuses a command."""
    home = tmp_path_factory.mktemp("judged")
    with given_valkey("Redis 7.0", home / "store", None, 'rename-command MONITOR ""') as port:
        valkey = f"valkey://127.0.0.1:{port}/5"
        mark(stack.postgres.observer_url, valkey)
        settings = read(
            postgres=stack.postgres.observer_url, valkey=valkey, mode="external", scratch=True, reports=home / "reports",
            label="the one before", postgres_log=stack.postgres.statement_log,
        )  # fmt: skip
        results, _ = run_once(settings, ["SMOKE"], 7)
    return results


def test_a_run_names_the_stores_that_were_judged(judged: dict[str, Any]) -> None:
    """In run.json, and in what people and CI read."""
    place = Path(judged["directory"])
    told = json.loads((place / "run.json").read_text())["stack"]
    assert told["mode"] == "external"
    assert told["stores"]["valkey"].startswith("Redis 7.0.")
    assert told["stores"]["postgres"].startswith("Postgres 18.")
    assert "valkey: MONITOR" in told["lacks"]
    assert told["label"] == "the one before"
    for report in ("report.html", "summary.md", "junit.xml"):
        text = (place / report).read_text()
        for part in (told["stores"]["valkey"], told["stores"]["postgres"], "the one before", told["commit"]):
            assert part.replace("+", "") in text, f"{report} lacks {part}"


def test_smoke_needs_no_monitor(judged: dict[str, Any]) -> None:
    """What is judged by looks at keys is judged on a store that shows nobody its commands."""
    assert {item["verdict"] for item in judged["items"]} == {"passed"}


@pytest.mark.timeout(240)
@pytest.mark.parametrize(("defect", "box"), [("writes-before-guard", "C-08"), ("never-trusts-again", "C-11")])
def test_a_defect_that_only_commands_show_is_found_without_monitor(
    stack: Stack,  # noqa: F811
    defect: str,
    box: str,
    tmp_path: Path,
) -> None:
    """By the second witness: a refused ping that is written all the same, pings that keep away from Valkey."""
    with given_valkey("Redis 7.0", tmp_path / "store", None, 'rename-command MONITOR ""') as port:
        valkey = f"redis://127.0.0.1:{port}/0"
        mark(stack.postgres.observer_url, valkey)
        settings = read(
            postgres=stack.postgres.observer_url, valkey=valkey, mode="external", scratch=True, reports=tmp_path / "reports",
            postgres_log=stack.postgres.statement_log, level="hardened",
            sut=f"{sys.executable} -m tests.sabotage {defect}", sut_cwd=CHECKOUT,
        )  # fmt: skip
        results, _ = run_once(settings, [box], 7)
    assert [item["verdict"] for item in results["items"]] == ["failed"], results["items"][0]["message"]
