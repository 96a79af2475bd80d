"""What an exploration found: figures, and the path to a violation."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from rig.model.language import Rules, State, Step


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
    never: tuple[str, ...] = ()  # the actions that were never taken
    rules: Rules | None = None
