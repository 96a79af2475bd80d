"""Every report names the stores that were judged, as they call themselves."""

import json
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from rig.config import read
from rig.paths import CHECKOUT
from rig.runs.checklist.run import run_once
from rig.runs.common.run_facts import stack_facts
from rig.stack import Stack
from rig.stack.external.scratch_mark import mark
from tests.support.given_stores import given_valkey
from tests.support.observed_stack import stack  # noqa: F401
from tests.support.stack_support import spec_of


def test_stores_of_ours_are_named_by_their_programs(tmp_path: Path) -> None:
    told = stack_facts(spec_of(tmp_path))
    assert told["stores"]["postgres"].startswith("Postgres 18.")
    assert told["stores"]["valkey"].startswith("Valkey 8.1.")
    assert told["lacks"] == {}


@pytest.mark.parametrize("mode", ["embedded", "docker"])
@pytest.mark.parametrize("given", [("postgres",), ("valkey",), ("postgres", "valkey")])
def test_a_store_that_is_given_is_named_by_itself_beside_one_of_ours(
    given: tuple[str, ...], mode: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One of two is enough to be another stack than the one that the rig would start."""
    for name in ("postgres", "valkey"):
        answer = SimpleNamespace(named=f"{name} of theirs", lacking={"DUMP": f"{name} refuses it"})
        monkeypatch.setattr(f"rig.runs.common.run_facts.ask_{name}", lambda *_, answer=answer, **__: answer)
    monkeypatch.setattr("rig.runs.common.run_facts.protect", lambda _: None)
    urls = {name: f"{name}://h:1" if name in given else None for name in ("postgres", "valkey")}
    told = stack_facts(
        SimpleNamespace(
            mode=mode,
            named=lambda: "x",
            outside=False,
            postgres_log=None,
            postgres_wheel=None,
            valkey_wheel=None,
            valkey_profile=None,
            **urls,
        )
    )  # type: ignore[arg-type]
    assert {name for name, said in told["stores"].items() if said == f"{name} of theirs"} == set(given), told["stores"]
    assert told["lacks"] == {f"{name}: DUMP": f"{name} refuses it" for name in given}


@pytest.fixture(scope="module")
def judged(stack: Stack, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:  # noqa: F811
    """A run on stores that are given, one of which refuses a command: its results and its directory."""
    home = tmp_path_factory.mktemp("judged")
    with given_valkey("Redis 7.0", home / "store", None, 'rename-command MONITOR ""') as port:
        valkey = f"valkey://127.0.0.1:{port}/5"
        mark(stack.postgres.observer_url, valkey)
        settings = read(
            postgres=stack.postgres.observer_url, valkey=valkey, mode="external", scratch=True, reports=home / "reports",
            postgres_log=stack.postgres.statement_log,
        )  # fmt: skip
        finished = run_once(settings, ["SMOKE"], 7)
    return {**finished.results, "directory": str(finished.directory.path)}


def test_a_run_names_the_stores_that_were_judged(judged: dict[str, Any]) -> None:
    """In run.json, and in what people and CI read."""
    place = Path(judged["directory"])
    told = json.loads((place / "run.json").read_text())["stack"]
    assert told["mode"] == "external"
    assert told["stores"]["valkey"].startswith("Redis 7.0.")
    assert told["stores"]["postgres"].startswith("Postgres 18.")
    assert "valkey: MONITOR" in told["lacks"]
    for report in ("report.html", "summary.md", "junit.xml"):
        text = (place / report).read_text()
        for part in told["stores"].values():
            assert part in text, f"{report} lacks {part}"


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
        results = run_once(settings, [box], 7).results
    assert [item["verdict"] for item in results["items"]] == ["failed"], results["items"][0]["message"]
