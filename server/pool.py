"""A pool that learns how many connections Postgres gives it: who asks for one too many waits for one that is given back.

asyncpg's own pool hands the refusal to the caller instead, and offers the place that was refused to the next one, too.
"""

import asyncio
import time
from collections import deque
from collections.abc import Awaitable, Callable

from asyncpg import Connection, TooManyConnectionsError

from server.log import log

LEARNED_FOR_S = 5.0  # then one more is tried: the limit may have been raised, or another client gone
KEPT = 2  # connections that a pool never gives up: a seed holds one and asks by another


class Pool:
    """At most `most` connections, made by `connect` when they are needed and kept until they are lost."""

    def __init__(self, connect: Callable[[], Awaitable[Connection]], most: int) -> None:
        self._connect = connect
        self._most = self._limit = most
        self._refused_at = 0.0  # monotonic; when the limit was learned
        self._told = most  # the limit that was logged last
        self.open: set[Connection] = set()
        self._opening = 0
        self._idle: list[Connection] = []
        self._outdated: set[Connection] = set()
        self._waiting: deque[asyncio.Future[Connection | None]] = deque()
        self._closing = False
        self._returned = asyncio.Event()

    async def take(self) -> Connection:
        """A connection that is open as far as anybody knows; first come, first served. Give it back, or drop it.

        Raises what `connect` raises, TooManyConnectionsError only where the pool has none at all.
        """
        while not self._closing:
            while self._idle:
                connection = self._idle.pop()
                if self._usable(connection):
                    return connection
            if len(self.open) + self._opening < self._room():
                try:
                    return await self._one_more()
                except TooManyConnectionsError:
                    if not self.open and not self._opening:
                        raise
                    continue
            given = await self._turn()
            if given is not None and self._usable(given):
                return given
        raise ConnectionError("the pool is closed")

    def give_back(self, connection: Connection) -> None:
        """Hand it to who waits longest, or keep it; a lost one makes room for another."""
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
        """Close a connection and do without it for a while; False if there are too few for that."""
        if len(self.open) <= KEPT:
            return False
        connection = await self.take()
        self._learn(len(self.open) - 1)
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
        self._tell_of_room()

    def _room(self) -> int:
        if self._limit < self._most and time.monotonic() - self._refused_at > LEARNED_FOR_S:
            self._limit = self._most
        return self._limit

    def _learn(self, limit: int) -> None:
        self._limit, self._refused_at = max(limit, 1), time.monotonic()
        if self._opening <= 1 and self._limit != self._told:  # others that are being opened may yet be refused
            self._told = self._limit
            log(f"[postgres] gives the pool {self._limit} connections and no more: requests wait for one of them")

    async def _one_more(self) -> Connection:
        self._opening += 1
        try:
            connection = await self._connect()
            self.open.add(connection)
            return connection
        except BaseException as error:
            if isinstance(error, TooManyConnectionsError):
                self._learn(len(self.open) + self._opening - 1)
            else:
                self._tell_of_room()
            raise
        finally:
            self._opening -= 1

    def _tell_of_room(self) -> None:
        """Who waits longest may open one itself."""
        while self._waiting:
            waiter = self._waiting.popleft()
            if not waiter.done():
                waiter.set_result(None)
                return

    async def _turn(self) -> Connection | None:
        """Wait for a connection, or (None) for room to open one."""
        waiter: asyncio.Future[Connection | None] = asyncio.get_running_loop().create_future()
        self._waiting.append(waiter)
        try:
            return await waiter
        except BaseException:
            if waiter.done() and not waiter.cancelled():  # it came too late for this one
                if (given := waiter.result()) is not None:
                    self.give_back(given)
                else:
                    self._tell_of_room()
            raise
