"""The checks of forgotten scripts and cut subscribers: what is wrong breaks its sentence, what lacks is a doubt."""

import copy
from typing import Any

import pytest

from rig.checks.contract.probes import judge_probe
from rig.record.lines.contract import Probe

SCRIPTS, CUT, SETTINGS = "flushed scripts", "cut subscribers", "settings one after another"
GOOD: dict[str, dict[str, Any]] = {
    SCRIPTS: {"answers": [[200, None], [200, None]], "online": True, "capacity": "1"},
    SETTINGS: {"taken": 200, "rounds": [[2, 1, [200, 200], False, [False, False]]]},
    CUT: {
        "taken": 200,
        "before": [True, True],
        "cut": 2,
        "changed": 200,
        "after": [False, False],
        "after_s": 0.3,
        "again": [True, True],
    },
}


def judged(probe: str, **changed: Any) -> Any:
    return judge_probe(Probe(t=1.0, probe=probe, seen={**copy.deepcopy(GOOD[probe]), **changed}))


@pytest.mark.parametrize("probe", GOOD)
def test_what_a_good_server_shows_breaks_nothing(probe: str) -> None:
    judge = judged(probe)
    assert (judge.broken, judge.doubts) == ([], [])


@pytest.mark.parametrize(
    ("probe", "field", "value", "sentence"),
    [
        (SCRIPTS, "answers", [[200, None], [500, None]], "OUTAGE-06"),
        (SETTINGS, "rounds", [[2, 1, [200, 200], False, [False, True]]], "CONFIG-04"),
        (SCRIPTS, "online", False, "KEY-01"),
        (SCRIPTS, "capacity", None, "KEY-03"),
        (CUT, "after", [False, True], "OUTAGE-07"),
        (CUT, "again", [True, False], "OUTAGE-07"),
    ],
)
def test_what_is_wrong_breaks_its_sentence(probe: str, field: str, value: Any, sentence: str) -> None:
    assert [id for id, _ in judged(probe, **{field: value}).broken] == [sentence]


@pytest.mark.parametrize(("field", "value"), [("cut", 0), ("changed", 503), ("before", [True, False])])
def test_where_nothing_was_cut_or_changed_nothing_is_said(field: str, value: Any) -> None:
    judge = judged(CUT, **{field: value})
    assert not judge.broken
    assert judge.doubts
