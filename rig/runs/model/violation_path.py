"""Makes plain data of a violation's path: each step in words, what it changed, and the whole state after it."""

from collections.abc import Mapping, Sequence
from typing import Any

from rig.model.found import Violation
from rig.model.language import Lane, Rules, Spec, Step
from rig.runs.model.state_names import INSTANCE, Names, name_of, named

ORDER = (Lane.CUSTOMER, Lane.MITRA, Lane.OPERATOR, Lane.INSTANCE, Lane.VALKEY, Lane.POSTGRES)
ALWAYS = (Lane.MITRA, Lane.INSTANCE, Lane.VALKEY, Lane.POSTGRES)
EVERY_INSTANCE = "every instance"


def plain_violation(
    spec: Spec, violation: Violation, bounds: Mapping[str, int], without: Sequence[str] = (), mutant: str = ""
) -> dict[str, Any]:
    """The violation as JSON: what the report draws and `--replay` prints; it needs no specification to be read."""
    rules = Rules(bounds, frozenset(without))
    initial = spec.initial(rules)
    names = Names(spec, rules, [initial, *(state for _, state in violation.path)])
    steps, before = [], initial
    for step, state in violation.path:
        steps.append(plain_step(step, names, before, state))
        before = state
    return {
        "spec": spec.name,
        "title": spec.title,
        "bounds": dict(bounds),
        "without": sorted(without),
        "mutant": mutant,
        "invariant": {"number": violation.number, "title": violation.title},
        "message": named(violation.message),
        "lanes": lanes_of(spec, bounds, steps),
        "initial": names.rows(initial),
        "steps": steps,
    }


def plain_step(step: Step, names: Names, before: Any, after: Any) -> dict[str, Any]:
    """One step: its sentence, who took part, and what it changed."""
    action = step.action
    return {
        "action": action.name,
        "text": action.text,
        "kind": str(action.kind),
        "parameters": [
            [word, name_of(word, number)] for word, number in zip(action.over, step.parameters, strict=True)
        ],
        "detail": named(step.detail),
        "lanes": lanes_of_step(step),
        "code": action.code,
        "point": action.point,
        "changes": names.changes(before, after),
        "state": names.rows(after),
    }


def lanes_of_step(step: Step) -> list[str]:
    """From where to where its arrow goes; an instance by its letter, where the step says which one it is."""
    instances = [number for word, number in zip(step.action.over, step.parameters, strict=True) if word == INSTANCE]
    found = []
    for lane in step.action.lanes:
        if lane is Lane.INSTANCE:
            found.append(name_of(INSTANCE, instances.pop(0)) if instances else EVERY_INSTANCE)
        else:
            found.append(str(lane))
    return found


def lanes_of(spec: Spec, bounds: Mapping[str, int], steps: Sequence[Mapping[str, Any]]) -> list[str]:
    """The lanes of the diagram from left to right; an operator or a customer only where one takes part."""
    used = {lane for step in steps for lane in step["lanes"]}
    known = {lane for action in spec.actions for lane in action.lanes}
    found: list[str] = []
    for lane in ORDER:
        if lane is Lane.INSTANCE:
            found += [name_of(INSTANCE, number) for number in range(bounds.get("instances", 1))]
        elif lane in used or (lane in ALWAYS and lane in known):
            found.append(str(lane))
    return found
