"""Lines of explorations."""

from typing import Any

from rig.record.lines.base import Line


class ModelLine(Line, frozen=True, kw_only=True):
    """A line of one job on one specification."""

    spec: str
    number: int


class Explored(ModelLine, frozen=True, kw_only=True, tag="explored"):
    """One exploration: how far it came, and the violation that it found."""

    bounds: dict[str, Any]
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
    violation: dict[str, Any] | None = None


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
    """A rule that nothing breaks; `known`: with a reason that stands in the specification."""

    title: str
    known: bool


class Uncontrolled(ModelLine, frozen=True, kw_only=True, tag="uncontrolled"):
    """A negative control that did not end, and why."""

    stopped: str
    seconds: float
