"""Keeps a log line that would come again and again from coming more often than somebody wants to read it."""

import time


class Seldom:
    """Whether it is time again, for as many seconds as a line shall be silent after it was written."""

    def __init__(self, every_s: float) -> None:
        self._every_s = every_s
        self._next = -float("inf")

    def due(self) -> bool:
        """True at most once in that time."""
        now = time.monotonic()
        if now < self._next:
            return False
        self._next = now + self._every_s
        return True

    def wait(self) -> None:
        """From now on it is not due before its time has passed."""
        self._next = time.monotonic() + self._every_s
