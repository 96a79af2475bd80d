"""The error of a user who asked for something that cannot be: one line, exit code 4."""


class UsageError(Exception):
    """What was asked for and what could be asked for instead."""
