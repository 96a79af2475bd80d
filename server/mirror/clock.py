"""The time by Valkey's clock, which all instances share, computed without a request to Valkey.

It is the process's monotonic clock plus an offset to Valkey's. Steps of this host's wall clock do not affect it; a step of
Valkey's clock is noticed at the next reading.
"""

import time

from server.log import log

STEP_MS = 1000  # two readings a second apart differ by far less, unless a clock was set


class SharedClock:
    """The time that all instances share: that of Valkey."""

    def __init__(self) -> None:
        # The wall clock serves until the first reading.
        self._ahead_ms = time.time_ns() // 1_000_000 - steady_ms()
        self._known = False
        self.steps = 0
        self._stepped_at: float | None = None

    def now_ms(self) -> int:
        return steady_ms() + self._ahead_ms

    def update(self, valkey_ms: int, asked_ms: int) -> None:
        """Valkey's clock showed `valkey_ms` at some moment since `asked_ms` of the monotonic clock.

        That gives two bounds for the offset. An offset between them is kept; a slow reply gives wide bounds, but no wrong ones.
        """
        least, most = valkey_ms - steady_ms(), valkey_ms - asked_ms
        before, self._ahead_ms = self._ahead_ms, min(max(self._ahead_ms, least), most)
        stepped_ms = self._ahead_ms - before
        if self._known and abs(stepped_ms) > STEP_MS:
            self.steps += 1
            self._stepped_at = time.monotonic()
            log(
                f"[valkey-mirror] Valkey's clock was set by {stepped_ms / 1000:+.1f} s: nobody is taken offline for a while"
            )
        self._known = True

    def stepped_within(self, seconds: float) -> bool:
        """Whether heartbeats of the last `seconds` may have been written by a wrong clock."""
        return self._stepped_at is not None and time.monotonic() - self._stepped_at < seconds


def steady_ms() -> int:
    return time.monotonic_ns() // 1_000_000
