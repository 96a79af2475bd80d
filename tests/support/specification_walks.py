"""Walks of a specification: paths from the initial state by which a real server is driven step by step."""

import itertools
import random
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from rig.model.language import Rules, Spec, State, Step

Walk = list[tuple[Step, State]]  # each step with the state that it leads to
Pair = tuple[str, str]  # an action and the one right after it; "" before the first
# Whether a step may be taken: the walk so far, the state, the step, and the state that it leads to.
Allowed = Callable[[Walk, State, Step, State], bool]
NODES_MAX = 10_000  # so many pairs of a state and the action that led to it are looked at for short walks


def every_step(walk: Walk, before: State, step: Step, after: State) -> bool:
    """Every step may be taken."""
    return True


def random_walk(
    spec: Spec, bounds: Mapping[str, int], random_seed: int, steps: int, allowed: Allowed = every_step
) -> Walk:
    """A walk of so many steps, or fewer where no step is possible: first an action is drawn, then one of its steps."""
    return _onward(spec, Rules(bounds), [], steps, random.Random(random_seed), set(), allowed)


def breadth_first_walks(
    spec: Spec,
    bounds: Mapping[str, int],
    count: int,
    steps: int,
    allowed: Allowed = every_step,
    nodes_max: int = NODES_MAX,
) -> list[Walk]:
    """So many different walks, or fewer where there are no more; the first ones cover every pair that can be covered.

    Each of these begins with a shortest way to a pair of actions that no walk before has covered, and goes on with
    steps that are new. All others differ in their steps from those before.
    """
    rules = Rules(bounds)
    shortest = _shortest(spec, rules, steps, allowed, nodes_max)
    covered: set[Pair] = set()
    walks: list[Walk] = []
    seen: set[tuple[str, ...]] = set()
    drawn = random.Random(0)

    def add(walk: Walk) -> bool:
        name = tuple(str(step) for step, _ in walk)
        if not walk or name in seen:
            return False
        seen.add(name)
        covered.update(pairs(walk))
        walks.append(walk)
        return True

    for pair, way in shortest.items():  # the shortest ones first
        if len(walks) == count:
            return walks
        if pair not in covered:
            add(_onward(spec, rules, way, steps, drawn, covered, allowed))
    fails = 0
    while len(walks) < count and fails < 100:
        fails = 0 if add(_onward(spec, rules, [], steps, drawn, covered, allowed)) else fails + 1
    return walks


def pairs(walk: Walk) -> set[Pair]:
    """Each pair of consecutive actions of a walk."""
    names = ["", *(step.action.name for step, _ in walk)]
    return set(itertools.pairwise(names))


def coverage(walks: Iterable[Walk]) -> tuple[set[str], set[Pair]]:
    """The actions and the pairs of consecutive actions in some walks."""
    found = set().union(*(pairs(walk) for walk in walks))
    return {later for _, later in found}, found


def _onward(
    spec: Spec, rules: Rules, way: Walk, steps: int, drawn: random.Random, covered: set[Pair], allowed: Allowed
) -> Walk:
    """The walk continued to so many steps: by a pair that is not yet covered, where there is one."""
    walk = list(way)
    mine = set(covered) | pairs(walk)
    while len(walk) < steps:
        state = walk[-1][1] if walk else spec.initial(rules)
        last = walk[-1][0].action.name if walk else ""
        choices: dict[str, list[tuple[Step, State]]] = {}
        for step, reached in spec.steps(rules, state):
            if reached != state and allowed(walk, state, step, reached):
                choices.setdefault(step.action.name, []).append((step, reached))
        if not choices:
            break
        fresh = [name for name in choices if covered and (last, name) not in mine]
        name = drawn.choice(fresh or list(choices))
        walk.append(drawn.choice(choices[name]))
        mine.add((last, name))
    return walk


def _shortest(spec: Spec, rules: Rules, steps: int, allowed: Allowed, nodes_max: int) -> dict[Pair, Walk]:
    """For each pair of consecutive actions a shortest walk that ends with it, the shortest first."""
    initial = spec.initial(rules)
    known: dict[tuple[State, str], Any] = {(initial, ""): None}  # -> (node before, step)
    found: dict[Pair, Walk] = {}
    level = [(initial, "")]
    for _ in range(steps):
        following = []
        for node in level:
            way = _way(known, node) if allowed is not every_step else []
            for step, reached in spec.steps(rules, node[0]):
                after = (reached, step.action.name)
                pair = (node[1], step.action.name)
                if reached == node[0] or not allowed(way, node[0], step, reached):
                    continue
                if pair not in found:
                    found[pair] = [*_way(known, node), (step, reached)]
                if after not in known and len(known) < nodes_max:
                    known[after] = (node, step)
                    following.append(after)
        level = following
    return found


def _way(known: dict[Any, Any], node: tuple[State, str]) -> Walk:
    way: Walk = []
    while (before := known[node]) is not None:
        way.append((before[1], node[0]))
        node = before[0]
    return way[::-1]
