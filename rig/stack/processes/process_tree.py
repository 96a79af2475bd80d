"""Which processes stand below which, by /proc. Standard library only, as the supervisor."""

import contextlib
import ctypes
import os
from pathlib import Path

PR_SET_CHILD_SUBREAPER = 36  # from linux/prctl.h


def parents() -> dict[int, tuple[int, int]]:
    """Process id → (parent id, session id) of every process; empty where there is no /proc."""
    processes: dict[int, tuple[int, int]] = {}
    with contextlib.suppress(OSError):
        for entry in os.listdir("/proc"):
            if entry.isdigit():
                with contextlib.suppress(OSError, IndexError, ValueError):
                    # The command's name may hold spaces and brackets: fields count from the last one.
                    fields = Path("/proc", entry, "stat").read_bytes().rpartition(b")")[2].split()
                    processes[int(entry)] = (int(fields[1]), int(fields[3]))
    return processes


def descendants(root: int, table: dict[int, tuple[int, int]]) -> set[int]:
    """All processes below `root`. Being a subreaper, we are the ancestor of orphaned ones too."""
    below: set[int] = set()
    fresh = {root}
    while fresh:
        fresh = {pid for pid, (parent, _) in table.items() if parent in fresh} - below
        below |= fresh
    return below


def adopt_orphans() -> None:
    """Become the parent of orphaned descendants; elsewhere than on Linux only groups can be ended."""
    with contextlib.suppress(OSError, AttributeError):
        ctypes.CDLL(None, use_errno=True).prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
