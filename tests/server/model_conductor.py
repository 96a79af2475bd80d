"""Stops every operation of a real server at each step of the protocol, so that a walk of a specification decides who goes on."""

import asyncio
from collections.abc import AsyncIterator, Coroutine
from contextlib import asynccontextmanager
from contextvars import ContextVar, copy_context
from typing import Any

import asyncpg
from redis.exceptions import TimeoutError as SocketTimeout

from server import db as server_db
from server.db import Database
from server.errors import ServiceUnavailable
from server.mirror.on import MirrorOn

PATIENCE_S = 5.0
ANSWERS = "fallback answers"  # no sync point: the row was read from Postgres, and the answer is about to be given
_OPERATION: ContextVar["Operation | None"] = ContextVar("operation", default=None)


class Stuck(AssertionError):
    """An operation neither came to its next point nor ended."""


class Operation:
    """One thing that an instance does. It stops at every point that it comes to, until it is told to go on."""

    def __init__(self, what: str) -> None:
        self.what = what
        self.at = ""  # the point where it stands
        self.waits = ""  # the point before the lock that it has been let on to, though the lock is held
        self.loses_reply = self.loses_commit = False  # of its next script, of its transaction
        self.script: Any = None  # whose reply was lost: its text, keys and arguments
        self.wires: list[Wire] = []  # its open connections to Postgres, the first one first
        self.task: asyncio.Task[Any]
        self._passing: tuple[str, ...] = ()
        self._gate: asyncio.Future[None] | None = None
        self._moved = asyncio.Event()

    def start(self, call: Coroutine[Any, Any, Any], *passing: str) -> None:
        self._passing = (*passing, ANSWERS)
        context = copy_context()
        context.run(_OPERATION.set, self)
        self.task = asyncio.create_task(call, context=context)
        self.task.add_done_callback(lambda _: self._moved.set())

    @property
    def ended(self) -> bool:
        return self.task.done() and not self.waits

    @property
    def stands(self) -> str:
        """The point where it stands, or the one behind which it waits for a lock."""
        return self.waits or self.at

    @property
    def outcome(self) -> Any:
        """What it returned, or the exception that ended it."""
        if self.task.cancelled():
            return "given up"
        return self.task.exception() or self.task.result()

    async def passes(self, point: str) -> None:
        """Called by the operation itself at every point."""
        if point in self._passing:
            return
        self.at, self._gate = point, asyncio.get_running_loop().create_future()
        self._moved.set()
        await self._gate

    def release(self, *passing: str, answers: bool = False) -> None:
        """Let it go on, past the points `passing`. It stops before its answer from Postgres only if `answers`."""
        self._passing = passing if answers else (*passing, ANSWERS)
        gate, self.at = self._gate, ""
        self._moved.clear()
        if gate is not None and not gate.done():
            gate.set_result(None)

    async def rests(self, within_s: float = PATIENCE_S) -> bool:
        """Whether it has come to its next point, or to its end, in that time."""
        try:
            async with asyncio.timeout(within_s):
                await self._moved.wait()
        except TimeoutError:
            return False
        return True

    def waits_for_lock(self, *passing: str, answers: bool = False) -> None:
        """Let it go on to a lock that is held. The next `goes` comes when it is free."""
        self.waits = self.at
        self.release(*passing, answers=answers)

    async def goes(self, *passing: str, answers: bool = False) -> None:
        if self.waits:
            self.waits = ""
        else:
            self.release(*passing, answers=answers)
        await self.has_come()

    async def has_come(self) -> None:
        if not await self.rests():
            raise Stuck(f"{self.what} has not come to its next point within {PATIENCE_S:g} s")

    async def give_up(self) -> None:
        """Cancel it and wait for its end."""
        self.waits = ""
        while not self.task.done():
            self.task.cancel()
            await asyncio.wait([self.task], timeout=0.1)


async def hook(name: str, facts: dict[str, Any]) -> None:
    """What the server calls at each sync point. What no operation does (a notification, say) passes."""
    operation = _OPERATION.get()
    if operation is not None:
        await operation.passes(name)


class Wire:
    """A connection as the server sees it. Once `lost`, it fails, though Postgres may not know."""

    def __init__(self, connection: asyncpg.Connection) -> None:
        self.connection = connection
        self.pid = connection.get_server_pid()
        self.lost = False
        self.kept = False  # Postgres goes on with its transaction, whatever the server does

    def _alive(self) -> asyncpg.Connection:
        if self.lost:
            raise asyncpg.ConnectionDoesNotExistError("connection was closed in the middle of operation")
        return self.connection

    async def fetch(self, *args: Any, **more: Any) -> Any:
        return await self._alive().fetch(*args, **more)

    async def fetchrow(self, *args: Any, **more: Any) -> Any:
        return await self._alive().fetchrow(*args, **more)

    async def fetchval(self, *args: Any, **more: Any) -> Any:
        return await self._alive().fetchval(*args, **more)

    async def execute(self, *args: Any, **more: Any) -> Any:
        return await self._alive().execute(*args, **more)


class SteppedDatabase(Database):
    """The server's Postgres with connections that a walk can lose, one by one, and COMMITs whose outcome it decides."""

    def __init__(self, url: str) -> None:
        super().__init__(url)
        self._idle: list[asyncpg.Connection] = []
        self.closing: list[int] = []  # backends that may not know yet that their client is gone

    async def start(self) -> None:
        self._idle.append(await self.connect())

    async def stop(self) -> None:
        for connection in self._idle:
            connection.terminate()

    @asynccontextmanager
    async def acquire(self) -> AsyncIterator[Any]:
        idle = [connection for connection in self._idle if not connection.is_closed()]
        connection = idle.pop() if idle else await self.connect()
        self._idle = idle
        wire, operation = Wire(connection), _OPERATION.get()
        if operation is not None:
            operation.wires.append(wire)
        try:
            yield wire
        except Exception as error:
            closed = wire.lost or connection.is_closed()
            unavailable = server_db._as_unavailable(error, closed=closed)
            if unavailable is None:
                raise
            self.end(wire)
            raise unavailable from error
        except BaseException:
            self.end(wire)
            raise
        finally:
            if operation is not None:
                operation.wires.remove(wire)
            if not (wire.kept or wire.lost or connection.is_closed()):
                self._idle.append(connection)

    def end(self, wire: Wire) -> None:
        """Close the connection, unless Postgres is to go on with its transaction."""
        if not wire.kept and not wire.connection.is_closed():
            self.closing.append(wire.pid)
            wire.connection.terminate()

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator[Any]:
        operation = _OPERATION.get()
        async with self.acquire() as wire:
            transaction = wire.connection.transaction(isolation="read_committed")
            await transaction.start()
            try:
                yield wire
            except Exception as error:
                if server_db._as_unavailable(error, closed=wire.lost or wire.connection.is_closed()) is None:
                    await transaction.rollback()
                raise
            if operation is not None and operation.loses_commit:
                operation.loses_commit = False
                wire.kept = True
                raise ServiceUnavailable("no answer to COMMIT")
            if wire.lost:
                raise asyncpg.ConnectionDoesNotExistError("connection was closed in the middle of operation")
            await transaction.commit()
        if operation is not None:
            await operation.passes(ANSWERS)

    async def fetchrow(self, query: str, *args: Any) -> Any:
        row = await super().fetchrow(query, *args)
        if (operation := _OPERATION.get()) is not None:
            await operation.passes(ANSWERS)
        return row


def lose_replies_on_demand(mirror: MirrorOn) -> None:
    """From now on a script of an operation that `loses_reply` is kept instead of sent, and the server waits in vain."""
    evaluate = mirror._valkey.evaluate

    async def evaluated(script: str, script_keys: Any, *arguments: Any) -> Any:
        operation = _OPERATION.get()
        if operation is not None and operation.loses_reply:
            operation.loses_reply = False
            operation.script = (script, script_keys, arguments)
            raise SocketTimeout("no reply")
        return await evaluate(script, script_keys, *arguments)

    mirror._valkey.evaluate = evaluated  # type: ignore[method-assign]
