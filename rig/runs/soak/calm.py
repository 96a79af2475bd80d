"""Whether the run itself disturbs the servers at the moment, or has just done so."""

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

SETTLE_S = 8.0  # the 5 s that the contract allows for a recovery, and a margin


class Calm:
    """Safe to use from several threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._going_on = 0
        self._settled_at = 0.0

    @contextmanager
    def disturbed(self) -> Iterator[None]:
        """The block disturbs the servers, and SETTLE_S after it do not count either."""
        with self._lock:
            self._going_on += 1
        try:
            yield
        finally:
            with self._lock:
                self._going_on -= 1
                self._settled_at = time.monotonic() + SETTLE_S

    def since(self, moment: float) -> bool:
        """Whether nothing was disturbed from this moment (`time.monotonic`) until now."""
        with self._lock:
            return not self._going_on and self._settled_at <= moment
