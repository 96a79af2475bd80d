"""The refusal of an observer that this stack leaves no way to observe by: what needs it is skipped, by name."""

from rig.stores import Lacks


class CannotObserve(Lacks):
    """A capability is missing (a right, a module, a setting); the message names it and says what would give it."""
