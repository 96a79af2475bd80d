"""The specifications of snapshot, capacity, timers and tokens: clean within small bounds, and each repair is needed."""

import itertools
import random
from collections.abc import Mapping
from functools import cache
from typing import Any

import pytest

from rig.model.checker import explore
from rig.model.found import Explored
from rig.model.language import Mutant, Rules, Spec, State
from rig.model.specs import capacity, snapshot, timers, tokens

MODULES = {"snapshot": snapshot, "capacity": capacity, "timers": timers, "tokens": tokens}
# Bounds that are explored within a second each, and that together need every action.
EXPLORED: dict[str, list[Mapping[str, int]]] = {
    "snapshot": [
        {"instances": 1, "toggles": 1, "polls": 1, "looks": 0, "faults": 1},
        {"instances": 2, "toggles": 1, "polls": 0, "looks": 1, "faults": 0},
        {"instances": 2, "toggles": 1, "polls": 1, "looks": 0, "faults": 0},
    ],
    "capacity": [{"instances": 2, "mitras": 2, "chats": 2, "held": 1, "requests": 2, "changes": 1, "faults": 1}],
    "timers": [timers.SPEC.small, {"instances": 2, "requests": 1, "faults": 1}],
    "tokens": [{"instances": 2, "sessions": 1, "requests": 2, "faults": 1}],
}
WALKED = {name: module.SPEC.bounds[0] for name, module in MODULES.items()}
MUTANTS = [pytest.param(name, one, id=one.name) for name, module in MODULES.items() for one in module.SPEC.mutants]


def spec(name: str) -> Spec:
    return MODULES[name].SPEC


def walk(name: str, seed: int, steps: int) -> list[State]:
    """The states of a random walk."""
    chance = random.Random(seed)
    rules = Rules(WALKED[name])
    states = [spec(name).initial(rules)]
    for _ in range(steps):
        ways = list(spec(name).steps(rules, states[-1]))
        if not ways:
            break
        states.append(chance.choice(ways)[1])
    return states


@cache
def explored(name: str) -> tuple[Explored, ...]:
    return tuple(explore(spec(name), bounds) for bounds in EXPLORED[name])


@pytest.mark.parametrize("name", MODULES)
def test_nothing_is_broken_within_small_bounds_and_every_action_is_taken(name: str) -> None:
    for one in explored(name):
        assert one.violation is None, one.violation
        assert one.complete
    taken = {action for one in explored(name) for action in one.taken}
    assert taken == {one.name for one in spec(name).actions}


@pytest.mark.parametrize(("name", "mutant"), MUTANTS)
def test_a_repair_taken_back_breaks_the_invariant_that_it_names(name: str, mutant: Mutant) -> None:
    bounds = {**spec(name).small, **mutant.bounds}
    violation = explore(spec(name), bounds, mutant.without).violation
    assert violation is not None
    assert violation.number == mutant.breaks
    rules = Rules(bounds, mutant.without)
    state = spec(name).initial(rules)
    for step, reached in violation.path:
        assert (step, reached) in list(spec(name).steps(rules, state)), f"{step} is not possible"
        state = reached


@pytest.mark.parametrize("name", MODULES)
def test_every_rule_has_a_mutant_or_a_reason(name: str) -> None:
    rules = {rule for one in explored(name) if one.rules is not None for rule in one.rules.asked}
    killed_alone = {rule for one in spec(name).mutants if len(one.without) == 1 for rule in one.without}
    assert killed_alone | set(spec(name).unkilled) == rules
    assert not killed_alone & set(spec(name).unkilled)


def test_what_was_found_comes_back() -> None:
    findings = {one.finding for module in MODULES.values() for one in module.SPEC.mutants}
    assert {"P-16", "S-06", "S-07"} <= findings


@pytest.mark.parametrize("name", MODULES)
def test_instances_are_alike(name: str) -> None:
    """The states that follow a relabelled state are the relabelled ones that follow the state."""
    relabel = spec(name).relabel
    assert relabel is not None
    rules = Rules(WALKED[name])
    orders = list(itertools.product(itertools.permutations(range(2)), [tuple(range(WALKED[name].get("mitras", 1)))]))
    moved = 0
    for seed in range(20):
        for state in walk(name, seed, 30)[::2]:
            for order in orders:
                other = relabel(state, *order)
                moved += other != state
                following: set[Any] = {relabel(reached, *order) for _, reached in spec(name).steps(rules, state)}
                assert {reached for _, reached in spec(name).steps(rules, other)} == following
                assert spec(name).quiet(rules, other) == spec(name).quiet(rules, state)
    assert moved > 30
