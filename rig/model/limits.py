"""How long an exploration may take and how much memory it may hold: over this it ends in order, incomplete."""

import os
import resource
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

GIGABYTE = 1_000_000_000


@dataclass
class Limits:
    """When an exploration ends without being complete."""

    states: int
    until: float
    seconds: float
    memory_bytes: int
    stop: Callable[[], str] = lambda: ""  # why to end now, in words; "" to go on

    def reached(self) -> str:
        """Which of the limits of time and memory is reached, or why to stop, in words; "" for none."""
        if why := self.stop():
            return why
        if time.monotonic() > self.until:
            return f"it took longer than {self.seconds:g} s"
        if memory_in_use() > self.memory_bytes:
            return f"it needed more than {self.memory_bytes / GIGABYTE:g} GB of memory"
        return ""


def memory_in_use() -> int:
    """The bytes of memory that this process holds; its peak where the system does not tell the present figure."""
    try:
        return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")
    except OSError:
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
