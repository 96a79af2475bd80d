"""Limits how often a repeated log line is written."""

import time


class LogThrottle:
    """Allows one line per `every_s` seconds."""

    def __init__(self, every_s: float) -> None:
        self._every_s = every_s
        self._next = -float("inf")

    def due(self) -> bool:
        """Whether the line may be written now; if so, the next one is due `every_s` seconds later."""
        now = time.monotonic()
        if now < self._next:
            return False
        self._next = now + self._every_s
        return True

    def restart(self) -> None:
        """The next line is due `every_s` seconds from now."""
        self._next = time.monotonic() + self._every_s
