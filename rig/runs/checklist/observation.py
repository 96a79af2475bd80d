"""How a box is observed: the function that answers it, and what it saw."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import msgspec

from rig.checks.bounds import Bounds
from rig.record.evidence import Evidence
from rig.record.observations.parts import Seen


@dataclass
class Observed:
    """One observation: what the check judges, the bounds in force, and evidence for the reader."""

    seen: Seen
    evidence: list[Evidence] = field(default_factory=list)
    bounds: Bounds = field(default_factory=Bounds)

    def facts(self) -> dict[str, Any]:
        """What the check judges as plain JSON, as it is saved."""
        facts: dict[str, Any] = msgspec.to_builtins(self.seen)
        return facts


@dataclass(frozen=True)
class Answer:
    """How a box is observed, and for how many seconds it is tried."""

    function: Callable[[Any], Observed]
    within_s: float | Callable[[Any], float]


ANSWERS: dict[str, Answer] = {}


def answers(item: str, within_s: float | Callable[[Any], float] = 0.0) -> Callable[[Any], Any]:
    """Declare how a box is observed. Up to `within_s` the observation is repeated until its check passes."""

    def declare(function: Callable[[Any], Observed]) -> Callable[[Any], Observed]:
        if item in ANSWERS:
            raise ValueError(f"{item} is observed by two functions")
        ANSWERS[item] = Answer(function, within_s)
        return function

    return declare
