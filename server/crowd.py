"""All connections of the process: how many there may be, and who goes so that a newcomer finds room."""

import asyncio
import heapq
import resource
from typing import Protocol

FILES_FOR_OTHERS = 128  # Postgres, Valkey, the listeners and what the process has open anyway
CONNECTIONS_MAX = 50_000  # a silent one costs about 7 kB
SHED_AT_ONCE = 1 / 50  # of all: to look for the oldest costs a walk through all of them


class Member(Protocol):
    """A connection, as far as it matters here."""

    transport: asyncio.Transport

    @property
    def spared(self) -> bool:
        """Whether a request that is whole waits for its answer."""

    def worth(self) -> tuple[int, float]:
        """What is least goes first."""


class Crowd:
    """All connections of the process. Above the cap the silent go, so that a newcomer finds room."""

    def __init__(self, most: int | None = None) -> None:
        self._most = most or connections_max()
        self._all: dict[Member, None] = {}

    def enter(self, connection: Member) -> bool:
        """Whether there is room for one more."""
        if len(self._all) >= self._most and not self._shed():
            return False
        self._all[connection] = None
        return True

    def leave(self, connection: Member) -> None:
        self._all.pop(connection, None)

    def _shed(self) -> int:
        """Close those of least worth; how many. None of them is in the middle of an answer."""
        waiting = [one for one in self._all if not one.spared]
        leaving = heapq.nsmallest(max(1, int(len(self._all) * SHED_AT_ONCE)), waiting, key=lambda one: one.worth())
        for one in leaving:
            self.leave(one)
            one.transport.abort()  # closing in order would keep its descriptor until the client agrees
        return len(leaving)


def connections_max() -> int:
    """As many as the process may have files open, which is raised to what is allowed, but for those of others."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = CONNECTIONS_MAX + FILES_FOR_OTHERS
    if soft != resource.RLIM_INFINITY and soft < wanted:
        soft = wanted if hard == resource.RLIM_INFINITY else min(wanted, hard)
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    files = wanted if soft == resource.RLIM_INFINITY else soft
    return max(16, min(CONNECTIONS_MAX, files - FILES_FOR_OTHERS))
