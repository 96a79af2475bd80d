"""The specifications of change, seed and split: they hold in small bounds, and each repair that is taken back shows."""

import random
from itertools import islice, permutations, product
from typing import Any

import pytest

from rig.model.checker import explore
from rig.model.language import Rules, Spec, State
from rig.model.specs import change, seed, split

SPECS = [change.SPEC, seed.SPEC, split.SPEC]
NAMES = [spec.name for spec in SPECS]
# Smaller than a specification's own, so that all of this file takes seconds.
TINY = {
    "change": [change.bounds(toggles=1, faults=1), change.bounds(deactivations=1, faults=1)],
    "seed": [
        {"instances": 2, "mitras": 1, "changes": 1, "hands": 0, "reconciles": 1, "faults": 1},
        {"instances": 2, "mitras": 1, "changes": 1, "hands": 1, "reconciles": 1, "faults": 0},
    ],
    "split": [
        {"instances": 2, "mitras": 1, "deactivations": 0, "moves": 1, "sweeps": 1, "faults": 0},
        {"instances": 2, "mitras": 1, "deactivations": 1, "moves": 1, "sweeps": 0, "faults": 0},
    ],
}
FINDINGS = {"P-06", "P-07", "P-12", "P-13", "P-14", "P-15", "S-05", "S-07", "S-08"}
# They need about 10,000 states or more each: `rig model` tries them.
SLOW = {
    "debts are compared by value",
    "the store of an instance is forgotten with its connection",
    "versions go back with a sequence set by hand",
    "an instance uses Valkey for ever without Postgres",
}


@pytest.mark.parametrize(
    ("spec", "bounds"),
    [pytest.param(spec, bounds, id=f"{spec.name}-{i}") for spec in SPECS for i, bounds in enumerate(TINY[spec.name])],
)
def test_the_protocol_holds_in_all_of_a_small_bound(spec: Spec, bounds: dict[str, int]) -> None:
    found = explore(spec, bounds)
    assert found.violation is None
    assert found.complete
    assert found.states > 50


@pytest.mark.parametrize(
    ("spec", "mutant"),
    [
        pytest.param(spec, one, id=f"{spec.name}: {one.name}")
        for spec in SPECS
        for one in spec.mutants
        if one.name not in SLOW
    ],
)
def test_a_rule_that_is_taken_back_breaks_the_invariant_that_it_names(spec: Spec, mutant: Any) -> None:
    found = explore(spec, {**spec.small, **mutant.bounds}, mutant.without)
    assert found.violation is not None
    assert found.violation.number == mutant.breaks
    last = found.violation.path[-1]
    assert isinstance(last[1], type(spec.initial(Rules(spec.small))))


def test_each_finding_has_its_mutant() -> None:
    assert {one.finding for spec in SPECS for one in spec.mutants} >= FINDINGS
    assert {one.name for spec in SPECS for one in spec.mutants} >= SLOW


def walk(spec: Spec, rules: Rules, length: int, luck: random.Random) -> State:
    """A state that a random walk of this length reaches."""
    state = spec.initial(rules)
    for _ in range(length):
        following = [reached for _, reached in spec.steps(rules, state)]
        if not following:
            break
        state = luck.choice(following)
    return state


@pytest.mark.parametrize("spec", SPECS, ids=NAMES)
def test_the_steps_of_a_relabelled_state_are_the_relabelled_steps(spec: Spec) -> None:
    """Instances and mitras are alike: an order of theirs changes nothing."""
    bounds = {**spec.small, **dict.fromkeys(set(spec.small) - {"instances", "mitras"}, 2), "mitras": 2}
    rules, luck = Rules(bounds), random.Random(20)
    relabel: Any = spec.relabel
    orders = list(islice(product(permutations(range(2)), permutations(range(2))), 1, None))
    changed = 0
    for round_ in range(40):
        state = walk(spec, rules, round_, luck)
        for instances, mitras in orders:
            other = relabel(state, instances, mitras)
            changed += other != state
            wanted = {relabel(reached, instances, mitras) for _, reached in spec.steps(rules, state)}
            assert {reached for _, reached in spec.steps(rules, other)} == wanted
    assert changed > 40


@pytest.mark.parametrize("spec", SPECS, ids=NAMES)
def test_every_action_comes_on_some_walk(spec: Spec) -> None:
    """In the whole bounds `rig model` asks for every action; here walks through wide bounds are enough."""
    bounds = {**spec.small, **dict.fromkeys(set(spec.small) - {"instances", "mitras"}, 3)}
    rules, luck, taken = Rules(bounds), random.Random(7), set()
    for _ in range(80):
        state = spec.initial(rules)
        for _ in range(60):
            following = list(spec.steps(rules, state))
            if not following:
                break
            new = [one for one in following if one[0].action.name not in taken]
            step, state = luck.choice(new or following)
            taken.add(step.action.name)
    assert taken == {one.name for one in spec.actions}
