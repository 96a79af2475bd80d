"""Measures how late this process is scheduled, so that its own delays are not charged to the server."""

import threading
import time
from collections import deque

from rig.stores.closing import Closing

TICK_S = 0.01
KEPT_FROM_S = 0.005  # smaller lags are the scheduler's normal grain
KEPT_MAX = 100_000


class LagSentinel(Closing):
    """A thread that wakes every 10 ms and records how late it was."""

    def __init__(self) -> None:
        self._late: deque[tuple[float, float]] = deque(maxlen=KEPT_MAX)  # (when it woke, seconds late)
        self._woke = time.time()
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._tick, name="lag-sentinel", daemon=True)
        self._thread.start()

    def worst(self, t0: float, t1: float | None = None) -> float:
        """The longest delay, in seconds, that overlaps `[t0, t1]` (epoch seconds), one still going on too."""
        end = time.time() if t1 is None else t1
        now = time.time()
        delays = [late for woke, late in list(self._late) if woke >= t0 and woke - late <= end]
        pending = now - self._woke - TICK_S
        if pending > KEPT_FROM_S and now - pending <= end:
            delays.append(pending)
        return max(delays, default=0.0)

    def close(self) -> None:
        self._stopping.set()
        self._thread.join(1.0)

    def _tick(self) -> None:
        last = time.monotonic()
        while not self._stopping.wait(TICK_S):
            now = time.monotonic()
            late = now - last - TICK_S
            self._woke = time.time()
            if late > KEPT_FROM_S:
                self._late.append((self._woke, late))
            last = now
