"""The specifications of sweep and cut_off: they hold in small bounds, and each repair that is taken back shows."""

import random
from collections import Counter
from itertools import islice, permutations, product
from typing import Any

import pytest

from rig.model.catalogue import specifications
from rig.model.checker import explore
from rig.model.language import Kind, Rules, Spec, State, Step
from rig.model.specs import cut_off, sweep
from rig.model.specs.stores.state import World, counts

SPECS = [sweep.SPEC, cut_off.SPEC]
NAMES = [spec.name for spec in SPECS]
# Smaller than a specification's own, so that all of this file takes seconds.
TINY = {
    "sweep": [
        counts(sweeps=2, waiting=1, timeouts=1),
        counts(waiting=1, changes=2),
        counts(instances=1, faults=1, waiting=1),
    ],
    "cut_off": [counts(instances=1, faults=1, fallbacks=1, ages=1), counts(faults=1, losses=0, fallbacks=1)],
}
# Every action comes on some walk through these.
WIDE = {
    "sweep": counts(faults=3, sweeps=2, waiting=2, changes=3, reconciles=2, timeouts=3, ages=1),
    "cut_off": counts(faults=3, sweeps=2, fallbacks=2, changes=3, ages=1),
}
FINDINGS = {"P-01", "P-02", "P-03", "P-04", "P-05", "P-08", "P-09", "P-10", "P-11", "S-05"}
SLOW = {"P-10"}  # it needs 160,000 states: `rig model` has it


@pytest.mark.parametrize(
    ("spec", "bounds"),
    [pytest.param(spec, bounds, id=f"{spec.name}-{i}") for spec in SPECS for i, bounds in enumerate(TINY[spec.name])],
)
def test_the_protocol_holds_in_all_of_a_small_bound(spec: Spec, bounds: dict[str, int]) -> None:
    found = explore(spec, bounds)
    assert found.violation is None
    assert found.complete
    assert found.states > 500


@pytest.mark.parametrize(
    ("spec", "mutant"),
    [
        pytest.param(spec, one, id=f"{spec.name}: {one.name}")
        for spec in SPECS
        for one in spec.mutants
        if one.finding not in SLOW
    ],
)
def test_a_rule_that_is_taken_back_breaks_the_invariant_that_it_names(spec: Spec, mutant: Any) -> None:
    found = explore(spec, {**spec.small, **mutant.bounds}, mutant.without, only={mutant.breaks})
    assert found.violation is not None
    assert found.violation.number == mutant.breaks
    assert isinstance(found.violation.path[-1][1], World)


def test_each_finding_has_its_mutant() -> None:
    assert {one.finding for spec in SPECS for one in spec.mutants} >= FINDINGS


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
    rules, luck = Rules({**WIDE[spec.name], "mitras": 2}), random.Random(20)
    relabel: Any = spec.relabel
    orders = list(islice(product(permutations(range(2)), permutations(range(2))), 1, None))
    changed = 0
    for length in range(40):
        state = walk(spec, rules, length, luck)
        for instances, mitras in orders:
            other = relabel(state, instances, mitras)
            changed += other != state
            wanted = {relabel(reached, instances, mitras) for _, reached in spec.steps(rules, state)}
            assert {reached for _, reached in spec.steps(rules, other)} == wanted
    assert changed > 60


@pytest.mark.parametrize("spec", SPECS, ids=NAMES)
def test_every_action_comes_on_some_walk(spec: Spec) -> None:
    """In the whole bounds `rig model` asks for every action; here walks through wide bounds are enough."""
    rules, luck = Rules(WIDE[spec.name]), random.Random(7)
    taken = Counter[str]()
    for bounds in (counts(waiting=1, timeouts=2), counts(instances=1, faults=1)):  # chance seldom comes to these
        taken.update(explore(spec, bounds).taken.keys())
    actions = {one.name for one in spec.actions}

    def tired_of(following: tuple[Step, State]) -> float:
        one = following[0].action
        return (taken[one.name] + 1) * luck.random() * (10 if one.kind is Kind.FAULT else 1)

    for _ in range(400):
        if taken.keys() == actions:
            break
        state = spec.initial(rules)
        for _ in range(40):
            if not (possible := list(spec.steps(rules, state))):
                break
            step, state = min(possible, key=tired_of)
            taken[step.action.name] += 1
    assert taken.keys() == actions


def test_a_rule_that_is_shown_elsewhere_is_tried_there() -> None:
    known = specifications()
    asked: dict[str, set[str]] = {}
    for spec in known.values():
        for rule, other in spec.shown_by.items():
            there = known[other]
            assert rule not in {*there.unkilled, *there.shown_by}, (
                f"{spec.name} sends {rule!r} to {other}, which shows it not"
            )
            if other not in asked:
                rules = explore(there, there.small).rules
                asked[other] = {
                    *(rules.asked if rules else ()),
                    *(one for each in there.mutants for one in each.without),
                }
            assert rule in asked[other], f"{other} has no rule {rule!r}"
