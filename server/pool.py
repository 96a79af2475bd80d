"""A connection pool that learns how many connections Postgres allows; further callers wait until one is given back.

asyncpg's own pool raises Postgres' refusal to the caller instead, and tries to open the refused connection for the next caller.
"""

import asyncio
import time
from collections import deque
from collections.abc import Awaitable, Callable

from asyncpg import Connection, TooManyConnectionsError

from server.log import log

LEARNED_FOR_S = 5.0  # then another connection is tried: the limit may be higher now, or another client may have left
KEPT = 2  # connections that a pool never gives up: a seed holds one and queries on another


class Pool:
    """At most `most` connections, made by `connect` when they are needed and kept until they are lost."""

    def __init__(self, connect: Callable[[], Awaitable[Connection]], most: int) -> None:
        self._connect = connect
        self._most = self._limit = most
        self._refused_at = 0.0  # monotonic; when the limit was learned
        self._logged_limit = most
        self.open: set[Connection] = set()
        self._opening = 0
        self._idle: list[Connection] = []
        self._outdated: set[Connection] = set()
        self._waiting: deque[asyncio.Future[Connection | None]] = deque()
        self._closing = False
        self._returned = asyncio.Event()

    async def take(self) -> Connection:
        """A connection that is open as far as the pool knows; first come, first served. The caller gives it back, closed or not.

        Raises what `connect` raises; TooManyConnectionsError only if the pool has no connection at all.
        """
        while not self._closing:
            while self._idle:
                connection = self._idle.pop()
                if self._usable(connection):
                    return connection
            if len(self.open) + self._opening < self._current_limit():
                try:
                    return await self._one_more()
                except TooManyConnectionsError:
                    if not self.open and not self._opening:
                        raise
                    continue
            given = await self._wait_for_connection()
            if given is not None and self._usable(given):
                return given
        raise ConnectionError("the pool is closed")

    def give_back(self, connection: Connection) -> None:
        """Pass it to the caller that has waited longest, or keep it; a closed one makes room for a new one."""
        if not self._usable(connection):
            return
        self._returned.set()
        while self._waiting:
            waiter = self._waiting.popleft()
            if not waiter.done():
                waiter.set_result(connection)
                return
        self._idle.append(connection)

    def renew(self) -> None:
        """Replace each connection before its next use."""
        self._outdated = set(self.open)

    async def give_up_one(self) -> bool:
        """Close a connection and lower the limit for LEARNED_FOR_S; False if the pool has too few."""
        if len(self.open) <= KEPT:
            return False
        connection = await self.take()
        self._lower_limit(len(self.open) - 1)
        try:
            await connection.close()
        finally:
            self._drop(connection)
        return True

    async def close(self) -> None:
        """Close every connection, each once it is given back."""
        self._closing = True
        for waiter in self._waiting:
            if not waiter.done():
                waiter.set_result(None)
        while self.open:
            self._returned.clear()
            while self._idle:
                connection = self._idle.pop()
                self.open.discard(connection)
                await connection.close()
            if self.open:
                await self._returned.wait()

    def terminate(self) -> None:
        """Cut every connection."""
        for connection in list(self.open):
            connection.terminate()

    def _usable(self, connection: Connection) -> bool:
        if connection in self._outdated:
            connection.terminate()
        if connection.is_closed():
            self._drop(connection)
            return False
        return True

    def _drop(self, connection: Connection) -> None:
        self.open.discard(connection)
        self._outdated.discard(connection)
        self._returned.set()
        self._wake_one_waiter()

    def _current_limit(self) -> int:
        if self._limit < self._most and time.monotonic() - self._refused_at > LEARNED_FOR_S:
            self._limit = self._most
        return self._limit

    def _lower_limit(self, limit: int) -> None:
        self._limit, self._refused_at = max(limit, 1), time.monotonic()
        if (
            self._opening <= 1 and self._limit != self._logged_limit
        ):  # others that are being opened may still be refused
            self._logged_limit = self._limit
            log(f"[postgres] gives the pool {self._limit} connections and no more: requests wait for one of them")

    async def _one_more(self) -> Connection:
        self._opening += 1
        try:
            connection = await self._connect()
            self.open.add(connection)
            return connection
        except BaseException as error:
            if isinstance(error, TooManyConnectionsError):
                self._lower_limit(len(self.open) + self._opening - 1)
            else:
                self._wake_one_waiter()
            raise
        finally:
            self._opening -= 1

    def _wake_one_waiter(self) -> None:
        """Let the caller that has waited longest open a connection itself."""
        while self._waiting:
            waiter = self._waiting.popleft()
            if not waiter.done():
                waiter.set_result(None)
                return

    async def _wait_for_connection(self) -> Connection | None:
        """Wait for a connection; None means that the caller may open one."""
        waiter: asyncio.Future[Connection | None] = asyncio.get_running_loop().create_future()
        self._waiting.append(waiter)
        try:
            return await waiter
        except BaseException:
            if waiter.done() and not waiter.cancelled():  # the caller was cancelled just after it got something
                if (given := waiter.result()) is not None:
                    self.give_back(given)
                else:
                    self._wake_one_waiter()
            raise
