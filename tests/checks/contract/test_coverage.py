"""Which pairs a contract run has reached, by what they vary."""

from typing import Any

import pytest

from rig.checks.contract.coverage import counted, dimension_of, reached
from rig.record.lines.contract import ContractStep
from rig.record.run_lines import Lines


@pytest.mark.parametrize(
    ("pair", "dimension"),
    [
        ("accept × chat active", "chat"),
        ("accept × chat active, mitra full", "chat and mitra"),
        ("ping × mitra stale", "mitra"),
        ("ping × Valkey away, mitra stale", "outage and mitra"),
        ("ping × Valkey away", "stack and instance"),
        ("ping × other instance", "stack and instance"),
        ("accept × a lower maximum", "setting"),
        ("ping × token expired", "token"),
        ("mitra-refresh the first token × mitra refreshed", "sign-in"),
        ("client-refresh the first token × client logged out", "sign-in"),
    ],
)
def test_a_pair_counts_for_what_it_varies(pair: str, dimension: str) -> None:
    assert dimension_of(pair) == dimension


def step(case: str) -> ContractStep:
    given: dict[str, Any] = {"began": 1.0, "ended": 1.0, "status": 200, "reply": None}
    return ContractStep(t=1.0, batch=0, case=case, number=1, action="ping", actor="m1", **given)


def test_a_pair_is_reached_by_a_step_of_its_own_and_counts_once() -> None:
    """The way to a state, and a walk, bear the name of no pair."""
    lines = [step(case) for case in ("ping × mitra stale", "ping × mitra stale", "chat active.3", "walk 1")]
    assert reached(Lines(lines)) == counted(["ping × mitra stale"]) == {"mitra": 1}
