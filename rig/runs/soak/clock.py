"""The time of a soak: it goes on evenly when the machine's clock is set, and counts the time for which it slept."""

import time
from collections.abc import Callable

from rig.record.lines.soak import SoakEvent

JUMP_S = 2.0


def boot_s() -> float:
    """Seconds since the boot, with the time of sleep where the system tells it (Linux)."""
    if hasattr(time, "CLOCK_BOOTTIME"):
        return time.clock_gettime(time.CLOCK_BOOTTIME)
    return time.monotonic()


class SteadyClock:
    """`now` is in epoch seconds by the machine's clock at the begin; later jumps of that clock do not change it."""

    def __init__(
        self,
        wall: Callable[[], float] = time.time,
        awake: Callable[[], float] = time.monotonic,
        boot: Callable[[], float] = boot_s,
    ) -> None:
        self._wall, self._awake, self._boot = wall, awake, boot
        self._begin = wall() - boot()
        self._last = wall(), awake(), boot()

    def now(self) -> float:
        return self._begin + self._boot()

    def events(self) -> list[SoakEvent]:
        """What happened to the clock since the last call: it was set, or the machine slept."""
        wall, awake, boot = self._wall(), self._awake(), self._boot()
        passed_wall, passed_awake, passed_boot = (
            now - then for now, then in zip((wall, awake, boot), self._last, strict=True)
        )
        self._last = wall, awake, boot
        found = []
        if (slept_s := passed_boot - passed_awake) > JUMP_S:
            text = f"the machine slept for {slept_s:.0f} s"
            found.append(SoakEvent(t=self.now(), name="sleep", scope="run", text=text, seconds=slept_s))
        if abs(jump_s := passed_wall - passed_boot) > JUMP_S:
            text = f"the machine's clock was set {'forward' if jump_s > 0 else 'back'} by {abs(jump_s):.0f} s"
            found.append(SoakEvent(t=self.now(), name="clock", scope="clock", text=text))
        return found
