"""Lines of explorations."""

import msgspec

from rig.record.lines.base import Line


class BrokenInvariant(msgspec.Struct, frozen=True):
    """The invariant that a path breaks."""

    number: str
    title: str


class PathStep(msgspec.Struct, frozen=True, kw_only=True):
    """One step of a path: which action, who took part, what it changed, and the whole state after it, in words."""

    action: str = ""
    text: str
    kind: str = ""
    parameters: list[tuple[str, str]]
    detail: str
    lanes: list[str] = []
    code: str = ""
    point: str = ""
    changes: list[tuple[str, str, str]] = []
    state: list[tuple[str, str]] = []


class Violation(msgspec.Struct, frozen=True, kw_only=True):
    """A path that breaks an invariant. Saved beside the record as a file too, which `rig model --replay` prints."""

    spec: str
    title: str = ""
    bounds: dict[str, int]
    without: list[str] = []
    mutant: str = ""
    invariant: BrokenInvariant
    message: str
    lanes: list[str] = []
    initial: list[tuple[str, str]] = []
    steps: list[PathStep]


class ModelLine(Line, frozen=True, kw_only=True):
    """A line of one job on one specification."""

    spec: str
    number: int


class Explored(ModelLine, frozen=True, kw_only=True, tag="explored"):
    """One exploration: how many states it saw, and the violation that it found."""

    bounds: dict[str, int]
    within: str
    without: list[str]
    mutant: str
    states: int
    transitions: int
    depth: int
    seconds: float
    complete: bool
    stopped: str
    taken: dict[str, int]
    violation: Violation | None = None


class Control(ModelLine, frozen=True, kw_only=True, tag="control"):
    """One trial of a negative control."""

    what: str
    name: str
    finding: str
    breaks: str
    without: list[str]
    within: str
    outcome: str
    killed_by: str
    steps: int
    states: int
    seconds: float
    reason: str
    stopped: str


class Unbroken(ModelLine, frozen=True, kw_only=True, tag="unbroken"):
    """A rule that nothing breaks; `known`: the specification gives a reason."""

    title: str
    known: bool


class Uncontrolled(ModelLine, frozen=True, kw_only=True, tag="uncontrolled"):
    """A negative control that did not end, and why."""

    stopped: str
    seconds: float
