"""Sequence diagrams: every step is there, long and hostile text stays inside, nothing becomes markup."""

import re
from typing import Any

import pytest

from rig.record import evidence
from rig.record.evidence import Evidence, PathStep
from rig.report.build import build
from rig.report.charts.sequence import (
    CHANGES_MAX,
    LANES_LEFT,
    LANES_RIGHT,
    WIDTH,
    _ends,
    _hops,
    broken,
    moves,
    path,
    sequence,
    wrapped,
)
from rig.report.formats.html import html
from rig.report.place import Place
from tests.report.test_report_html import Document

HOSTILE = "<script>alert('x')</script> & \x00 \"quotes\""


def step(text: str, lanes: list[str], **more: Any) -> dict[str, Any]:
    given = {
        "action": "a_step", "text": text, "kind": "step", "parameters": [["instance", "a"]], "detail": "",
        "lanes": lanes, "code": "", "point": "", "changes": [["epoch", "yes", "no"]], "state": [["epoch", "no"]],
    }  # fmt: skip
    return {**given, **more}


def violation(*steps: dict[str, Any], number: str = "INV-07") -> dict[str, Any]:
    return {
        "spec": "sweep", "title": "The sweep", "bounds": {"instances": 2}, "without": [], "mutant": "",
        "invariant": {"number": number, "title": "Nobody is lost"}, "message": "m1 is lost",
        "lanes": ["mitra", "a", "b", "valkey", "postgres"], "initial": [["epoch", "yes"]], "steps": list(steps),
    }  # fmt: skip


def of_line(source: str, name: str) -> list[float]:
    return [float(x) for x in re.findall(rf'<line class="{name}" x1="([\d.]+)"', source)]


def test_each_step_is_a_row_with_its_arrow_and_its_changes() -> None:
    drawn = sequence(violation(step("She pings", ["mitra", "a", "valkey"]), step("It commits", ["a", "postgres"])))
    assert drawn.count('class="move step') == 2
    assert drawn.count('<path class="arrow"') == 3  # two hops and one
    assert "epoch: yes → no" in drawn
    assert len(of_line(drawn, "life")) == 5
    assert "INV-07 Nobody is lost: m1 is lost" in drawn


def test_only_the_last_step_is_the_broken_one() -> None:
    first, last = moves(violation(step("One", ["a"]), step("Two", ["a"])))
    assert (first.last, last.last) == (False, True)
    assert [move.last for move in moves(violation(step("One", ["a"]), number="LIVENESS"))] == [False]


def test_kinds_have_looks_and_an_unknown_one_is_a_step() -> None:
    kinds = ["client", "time", "fault", "heal", "strange"]
    drawn = sequence(violation(*(step("It", ["a"], kind=kind) for kind in kinds)))
    assert re.findall(r'class="move (\w+)', drawn) == [*kinds[:4], "step"]


def test_a_path_without_steps_tells_the_verdict_alone() -> None:
    drawn = sequence(violation(number="LIVENESS"))
    assert "m1 is lost" in drawn
    assert 'class="move' not in drawn


def test_an_arrow_that_turns_back_is_drawn_lower() -> None:
    assert _hops([10, 20, 30]) == [(10, 20, 0), (20, 30, 0)]
    assert _hops([10, 20, 10]) == [(10, 20, 0), (20, 10, 9)]
    assert _hops([10]) == []
    assert _hops([10, 10]) == []


def test_an_instance_that_is_not_named_is_the_nearest_and_all_of_them_alone_are_dots() -> None:
    places = {"mitra": 10.0, "a": 20.0, "b": 30.0, "valkey": 40.0}
    assert _ends(["valkey", "every instance"], places) == [40, 30]
    assert _ends(["every instance"], places) == [20, 30]
    assert _ends(["nowhere"], places) == [20]
    assert sequence(violation(step("All", ["every instance"]))).count("<circle") == 2


def test_long_sentences_are_wrapped_and_stay_inside() -> None:
    long = step("word " * 60, ["valkey", "postgres"], changes=[["field", "x" * 20, "y " * 90]])
    drawn = sequence(violation(long))
    assert drawn.count('<text class="said"') > 2
    for x, words in re.findall(r'<text class="said" x="([\d.]+)" y="[\d.]+">(.*?)</text>', drawn):
        half = len(re.sub("<[^>]+>", "", words)) * 5.9 / 2
        assert float(x) - half >= LANES_LEFT - 6
        assert float(x) + half <= LANES_RIGHT + 6
    assert max(map(len, wrapped("a " * 300, WIDTH))) * 5.9 <= WIDTH
    assert wrapped("x" * 500, 100) == ["x" * 500]


def test_many_changes_are_cut_with_their_number() -> None:
    drawn = sequence(violation(step("Much", ["a"], changes=[[f"field {n}", "0", "1"] for n in range(30)])))
    assert drawn.count('<text class="change"') == CHANGES_MAX
    assert f"… {30 - CHANGES_MAX + 1} more" in drawn


def test_long_paths_name_their_lanes_at_the_foot_too() -> None:
    assert sequence(violation(*[step("It", ["a"])] * 3)).count("instance b") == 1
    assert sequence(violation(*[step("It", ["a"])] * 12)).count("instance b") == 2


@pytest.fixture
def results() -> dict[str, Any]:
    hostile = violation(step(HOSTILE, ["a", HOSTILE], changes=[[HOSTILE, HOSTILE, HOSTILE]], detail=HOSTILE))
    explored = {
        "spec": "sweep", "number": 0, "bounds": {"instances": 2}, "without": [], "mutant": HOSTILE, "within": HOSTILE,
        "states": 12_345, "transitions": 5, "depth": 3, "seconds": 1.5, "complete": False, "stopped": HOSTILE,
        "broken": "INV-07", "steps": 1,
    }  # fmt: skip
    control = {
        "spec": "sweep", "what": "rule", "name": HOSTILE, "finding": "", "breaks": "", "killed_by": "", "steps": 0,
        "states": 7, "reason": "", "stopped": "", "outcome": "survived", "within": "", "seconds": 0.1,
    }  # fmt: skip
    return {
        "kind": "model", "verdict": "failed", "counts": {"failed": 1}, "started": 1.0, "seconds": 2.0, "exit_code": 1,
        "model": {
            "mutant": HOSTILE, "explored": [explored], "control": [control],
            "violations": [{**hostile, "within": HOSTILE, "file": "violation-sweep-1.json"}],
        },
        "items": [
            {"id": "sweep/INV-07", "title": HOSTILE, "verdict": "failed", "message": HOSTILE, "section": "sweep",
             "section_title": "sweep", "answers": [], "seconds": 0.0, "replay": "rig model"},
        ],
    }  # fmt: skip


def test_the_report_bears_hostile_text_and_has_the_list_for_phones(results: dict[str, Any]) -> None:
    source = html(build(results), results, Place("model-x"))
    document = Document(source)
    assert "<script>alert" not in source
    assert "rig model --replay model-x/violation-sweep-1.json" in document.text
    assert source.count('<ol class="moves">') == 1
    assert "Negative control" in document.text
    assert "the server did what was promised" not in source  # the meanings are those of an exploration
    ids = document.having("id")
    assert len(ids) == len(set(ids))


def test_the_words_at_the_end(results: dict[str, Any]) -> None:
    assert broken(violation()) == "INV-07 Nobody is lost: m1 is lost"


def conviction(wrong: str = "the mark lives for a second") -> Evidence:
    steps: list[PathStep] = [
        {"who": "-7 ms", "text": f"locks her row {HOSTILE}", "kind": "step", "lanes": ["a", "postgres"]},
        {"who": "+0 ms", "text": "marks", "kind": "step", "lanes": ["a", "valkey"]},
    ]
    return evidence.path("What happened", ["a", "valkey", "postgres"], steps, wrong)


def test_the_path_of_a_run_is_drawn_without_a_column_of_changes() -> None:
    drawn = path(conviction())
    assert drawn.count('class="move step') == 2
    assert drawn.count("broken") == 1
    assert "What changes" not in drawn
    assert "the mark lives for a second" in drawn
    assert "<script>" not in drawn


def test_an_allowed_path_has_no_step_that_is_wrong_and_no_verdict() -> None:
    drawn = path(conviction(""))
    assert "broken" not in drawn
    assert "verdict" not in drawn
