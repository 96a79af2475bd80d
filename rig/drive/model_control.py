"""The negative control of a specification: each mutant, and each rule taken away alone, must break an invariant."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from rig.drive.model_told import outcome, told_bounds
from rig.model.checker import Explored
from rig.model.language import Spec

Explores = Callable[[Mapping[str, int], Sequence[str], Sequence[str]], Explored]


def controlled(spec: Spec, explores: Explores) -> Iterator[dict[str, Any]]:
    """The fields of a `control` line for each: in the small bounds first, and where that kills nothing, in all others."""
    for mutant in spec.mutants:
        told = {"what": "mutant", "name": mutant.name, "finding": mutant.finding, "breaks": mutant.breaks}
        every = [{**bounds, **mutant.bounds} for bounds in (spec.small, *spec.bounds)]
        yield one(told, every, sorted(mutant.without), [mutant.breaks], "", explores)
    for rule in rules_asked(spec, explores):
        told = {"what": "rule", "name": rule, "finding": "", "breaks": ""}
        yield one(told, [spec.small, *spec.bounds], [rule], [], spec.unkilled.get(rule, ""), explores)


def rules_asked(spec: Spec, explores: Explores) -> list[str]:
    """Every rule that a clean exploration of the small bounds, or else of the others, asks for."""
    asked: dict[str, int] = {}
    for bounds in (spec.small, *spec.bounds):
        found = explores(bounds, [], [])
        asked |= found.rules.asked if found.rules else {}
    return sorted(asked)


def one(
    told: Mapping[str, str],
    every: Sequence[Mapping[str, int]],
    without: Sequence[str],
    only: Sequence[str],
    reason: str,
    explores: Explores,
) -> dict[str, Any]:
    """What became of one: killed in the first of the bounds that shows it. An explained rule is tried in all as well."""
    tried: list[Explored] = []
    for bounds in every:
        if any(found.bounds == dict(bounds) for found in tried):
            continue
        tried.append(explores(bounds, without, only))
        if tried[-1].violation:
            break
    last = tried[-1]
    line = {
        **told,
        "without": list(without),
        "within": told_bounds(last.bounds),
        "killed_by": last.violation.number if last.violation else "",
        "steps": len(last.violation.path) if last.violation else 0,
        "states": last.states,
        "seconds": round(sum(found.seconds for found in tried), 3),
        "reason": reason,
        "stopped": "" if last.violation else next((found.stopped for found in tried if not found.complete), ""),
    }
    return {**line, "outcome": outcome(line)}
