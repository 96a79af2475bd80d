"""Explores every state of a specification, breadth first, so that a violation comes by a shortest path."""

import itertools
import time
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from typing import Any

from rig.model.language import Kind, Rules, Spec, State, Step


@dataclass(frozen=True)
class Violation:
    """An invariant that a reachable step breaks, with the path that leads there."""

    number: str
    title: str
    message: str
    path: tuple[tuple[Step, State], ...]


@dataclass
class Explored:
    """What an exploration found. `complete`: every reachable state within the bounds was seen."""

    bounds: Mapping[str, int]
    without: frozenset[str]
    states: int = 0
    transitions: int = 0
    depth: int = 0
    seconds: float = 0.0
    complete: bool = False
    stopped: str = ""  # why it is not complete
    violation: Violation | None = None
    taken: dict[str, int] = field(default_factory=dict)  # action -> how often
    rules: Rules | None = None


def explore(
    spec: Spec, bounds: Mapping[str, int], without: Collection[str] = (), *, states_max: int = 3_000_000,
    seconds_max: float = 300.0,
) -> Explored:  # fmt: skip
    """Every reachable state, until an invariant breaks or a limit is reached."""
    began = time.monotonic()
    rules = Rules(bounds, frozenset(without))
    found = Explored(bounds, rules.without, rules=rules)
    canonical = _canonical(spec, bounds)
    first = canonical(spec.initial(rules))
    before: dict[State, State | None] = {first: None}
    level = [first]
    while level:
        following = []
        for state in level:
            for step, reached in spec.steps(rules, state):
                found.transitions += 1
                found.taken[step.action.name] = found.taken.get(step.action.name, 0) + 1
                for one in spec.invariants:
                    if message := one.broken(rules, state, step, reached):
                        path = _path(spec, rules, before, canonical, state, one)
                        found.violation = Violation(one.number, one.title, message, path)
                        found.states, found.seconds = len(before), time.monotonic() - began
                        return found
                known = canonical(reached)
                if known not in before:
                    before[known] = state
                    following.append(known)
            if len(before) > states_max or time.monotonic() - began > seconds_max:
                found.stopped = f"more than {states_max} states or {seconds_max:g} s"
                found.states, found.seconds = len(before), time.monotonic() - began
                return found
        level = following
        found.depth += bool(following)
    found.states, found.seconds = len(before), time.monotonic() - began
    if message := _stuck(spec, rules, before, canonical):
        found.violation = message
        return found
    found.complete = True
    return found


def _canonical(spec: Spec, bounds: Mapping[str, int]) -> Callable[[State], State]:
    if spec.relabel is None:
        return lambda state: state
    orders = list(
        itertools.product(
            itertools.permutations(range(bounds.get("instances", 1))),
            itertools.permutations(range(bounds.get("mitras", 1))),
        )
    )[1:]

    def canonical(state: State) -> State:
        best, least = state, hash(state)
        for instances, mitras in orders:
            other = spec.relabel(state, instances, mitras)  # type: ignore[misc]
            if (value := hash(other)) < least:
                best, least = other, value
        return best

    return canonical


def _path(spec: Spec, rules: Rules, before: Any, canonical: Any, last: State, broken: Any) -> Any:
    chain = [last]
    while (previous := before[chain[-1]]) is not None:
        chain.append(previous)
    chain.reverse()
    state = spec.initial(rules)
    path: list[tuple[Step, State]] = []
    for wanted in chain[1:]:
        step, state = next((s, t) for s, t in spec.steps(rules, state) if canonical(t) == wanted)
        path.append((step, state))
    for step, reached in spec.steps(rules, state):
        if broken is not None and broken.broken(rules, state, step, reached):
            path.append((step, reached))
            break
    return tuple(path)


def _stuck(spec: Spec, rules: Rules, before: Any, canonical: Any) -> Violation | None:
    """A state from which the server's own steps, healing and time never lead to quiet."""
    calm: set[State] = set()
    for start in before:
        seen, stack, reached = {start}, [start], False
        while stack and not reached:
            state = stack.pop()
            if state in calm or spec.quiet(rules, state):
                reached = True
                break
            for step, following in spec.steps(rules, state):
                if step.action.kind in (Kind.STEP, Kind.HEAL, Kind.TIME):
                    known = canonical(following)
                    if known not in seen:
                        seen.add(known)
                        stack.append(known)
        if not reached:
            path = _path(spec, rules, before, canonical, start, None)
            return Violation("LIVENESS", "Quiet is reached", "no way leads to quiet from here", path)
        calm.add(start)
    return None
