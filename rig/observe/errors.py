"""The error of an observer that cannot work on this stack; items that need it are skipped."""

from rig.stores import Lacks


class CannotObserve(Lacks):
    """A capability is missing (a right, a module, a setting); the message names it and says what would give it."""
