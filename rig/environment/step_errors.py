"""What a step of a scenario raises when it could not do its work, and whom that blames."""

from rig.checks.framework import CATCH_ALL
from rig.record.lines.checklist import StepError


class Unmet(AssertionError):
    """A step's own precondition did not come about: what hangs on it is inconclusive, nobody is blamed."""


class Broke(AssertionError):
    """The server broke a promise in a step that only prepares: `owner` fails by it, what hangs on the step stays open."""

    def __init__(self, message: str, owner: str = CATCH_ALL) -> None:
        super().__init__(message)
        self.owner = owner


def blamed(exception: Exception) -> StepError | None:
    """What a step's own exception says of the boxes after it, and whom it charges; None for any other exception."""
    if isinstance(exception, Broke):
        return StepError("inconclusive", str(exception), owner=exception.owner)
    return StepError("inconclusive", str(exception)) if isinstance(exception, Unmet) else None
