"""Errors of scenario steps, and which items they decide."""

from rig.checks.framework import CATCH_ALL
from rig.record.lines.checklist import StepError


class Unmet(AssertionError):
    """A precondition of the step did not hold: items that depend on the step are inconclusive."""


class Broke(AssertionError):
    """The server broke a promise in a preparing step: the item `owner` fails, items that depend on the step are inconclusive."""

    def __init__(self, message: str, owner: str = CATCH_ALL) -> None:
        super().__init__(message)
        self.owner = owner


def blamed(exception: Exception) -> StepError | None:
    """The verdict that such an exception gives to later items, and the item that it fails; None for other exceptions."""
    if isinstance(exception, Broke):
        return StepError("inconclusive", str(exception), owner=exception.owner)
    return StepError("inconclusive", str(exception)) if isinstance(exception, Unmet) else None
