"""Limits how many client connections the process holds, and decides which to close so that a new client is let in."""

import asyncio
import heapq
import resource
from typing import Protocol

FILES_RESERVED = 128  # descriptors for Postgres, Valkey, the listeners and what the process has open anyway
CONNECTIONS_MAX = 50_000  # an idle one costs about 7 kB
EVICTED_SHARE = 1 / 50  # of all connections, closed together: finding the oldest means a scan of all of them


class Member(Protocol):
    """What the limit needs to know of a connection."""

    transport: asyncio.Transport

    @property
    def is_busy(self) -> bool:
        """Whether a complete request waits for its answer."""

    def eviction_order(self) -> tuple[int, float]:
        """Connections with the smallest value are closed first."""


class ConnectionLimit:
    """All client connections of the process. When the limit is reached, idle ones are closed to let a new one in."""

    def __init__(self, most: int | None = None) -> None:
        self._most = most or connections_max()
        self._all: dict[Member, None] = {}

    def add(self, connection: Member) -> bool:
        """Whether the connection may stay; False if all others are busy."""
        if len(self._all) >= self._most and not self._evict():
            return False
        self._all[connection] = None
        return True

    def remove(self, connection: Member) -> None:
        self._all.pop(connection, None)

    def _evict(self) -> int:
        """Close the connections that are first in order, none of them busy. Returns how many."""
        candidates = [connection for connection in self._all if not connection.is_busy]
        count = max(1, int(len(self._all) * EVICTED_SHARE))
        evicted = heapq.nsmallest(count, candidates, key=lambda connection: connection.eviction_order())
        for connection in evicted:
            self.remove(connection)
            connection.transport.abort()  # an orderly close would keep the descriptor until the client agrees
        return len(evicted)


def connections_max() -> int:
    """How many client connections the process has descriptors for. Raises its own limit as far as it is allowed to."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = CONNECTIONS_MAX + FILES_RESERVED
    if soft != resource.RLIM_INFINITY and soft < wanted:
        soft = wanted if hard == resource.RLIM_INFINITY else min(wanted, hard)
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    files = wanted if soft == resource.RLIM_INFINITY else soft
    return max(16, min(CONNECTIONS_MAX, files - FILES_RESERVED))
