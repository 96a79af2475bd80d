"""Two levels: what goes beyond the contract fails a hardened server, and is told of any other."""

from collections.abc import Callable
from pathlib import Path

import pytest

from rig.checks import load_checks
from rig.checks.framework import CONTRACT, HARDENED
from rig.config import Settings
from rig.environment.stack_spec import level_of
from rig.record import Recorder, Run, new_run
from rig.results.judge import judge_run
from rig.runs.common.replay import replay_command
from tests.checks.chaos.test_checks_invariants_course import BOUNDS, in_valkey, swept
from tests.support.chaos_lines import Lines, T
from tests.support.course_lines import PINGER, course, iso
from tests.support.record_lines import judge_plain, write

load_checks()
STALE_AFTER_A_SECOND = {**BOUNDS["INV-07"], "stale_s": 1.0}

BEYOND: list[tuple[str, dict[str, float], Callable[[Lines], None], str]] = [
    ("INV-05", BOUNDS["INV-05"], in_valkey("heartbeats", lambda h: {**h, PINGER: iso(T + 1)}, 6, 6.3), "went back by"),
    ("INV-07", BOUNDS["INV-07"], swept(16.5), "was taken offline 0.41 s after"),  # a ping that Postgres answered
    ("INV-07", STALE_AFTER_A_SECOND, swept(6.5), "was taken offline 0.41 s after"),  # within the second of tolerance
    ("INV-24", {}, lambda lines: lines["left"][0].update(evicted_keys=3), "3 keys were evicted"),
]


@pytest.mark.parametrize(("item", "bounds", "broken", "text"), BEYOND)
def test_what_the_contract_does_not_ask_is_told_of_a_server_that_keeps_it(
    item: str, bounds: dict[str, float], broken: Callable[[Lines], None], text: str
) -> None:
    lines = course()
    broken(lines)
    judged = {level: judge_plain(item, lines, bounds, level)[0] for level in (HARDENED, CONTRACT)}
    assert judged[HARDENED].verdict == "failed"
    assert judged[CONTRACT].verdict == "passed"
    assert judged[CONTRACT].message.startswith("hardened: ")
    assert all(text in judgement.message for judgement in judged.values())


def test_what_the_contract_asks_fails_at_either_level() -> None:
    lines = course()
    swept(6.5)(lines)
    assert judge_plain("INV-07", lines, BOUNDS["INV-07"], CONTRACT)[0].verdict == "failed"


@pytest.mark.parametrize(("level", "verdict"), [(HARDENED, "failed"), (CONTRACT, "passed")])
def test_a_saved_run_is_judged_at_its_own_level(level: str, verdict: str, tmp_path: Path) -> None:
    directory = new_run(tmp_path, "chaos", 7, {"command": "rig chaos x", "level": level})
    with Recorder(directory) as recorder:
        write(recorder, "plan", items=["INV-24"], replay="rig chaos x", scenario="x", bounds={"INV-24": {}})
        write(recorder, "left", audit=[], sign_ins=[], chats=[], offers=[], now=[], evicted_keys=3)
        write(recorder, "end", interrupted=False)
    assert judge_run(Run.load(directory))["items"][0]["verdict"] == verdict


@pytest.mark.parametrize(
    ("given", "level"),
    [
        ({}, HARDENED),
        ({"sut": "node main.js"}, CONTRACT),
        ({"base_url": "http://127.0.0.1:3000"}, CONTRACT),
        ({"sut": "node main.js", "level": HARDENED}, HARDENED),
        ({"level": CONTRACT}, CONTRACT),
    ],
)
def test_the_level_goes_by_whose_server_it_is_unless_it_is_given(given: dict[str, str], level: str) -> None:
    assert level_of(Settings(**given)) == level


def test_the_line_that_runs_it_again_names_mapping_and_level() -> None:
    chosen = Settings(sut="node main.js", schema=Path("their tables.toml"), level=HARDENED)
    line = replay_command(["rig", "load"], chosen, 7)
    assert line == "rig load --random-seed 7 --sut 'node main.js' --schema 'their tables.toml' --level hardened"
