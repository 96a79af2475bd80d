"""Requests from one event loop: at planned moments, or one after the other on each connection.

At planned moments late answers delay nobody, and latency counts from the plan; one after the other there are as many as the
server takes.
"""

import asyncio
import itertools
import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import cast
from urllib.parse import urlsplit

import httptools

from rig.traffic.actors.client import TIMEOUT_S
from rig.traffic.request_bytes import request_bytes


@dataclass(frozen=True)
class Shot:
    """One request: when it was to be sent and when its answer was there (seconds of the monotonic clock), and its status.

    `status` is 0 when no answer came.
    """

    planned: float
    ended: float
    status: int

    @property
    def seconds(self) -> float:
        return self.ended - self.planned


class _Connection(asyncio.Protocol):
    """One request at a time on a connection that is kept alive."""

    def __init__(self) -> None:
        self.transport: asyncio.Transport | None = None
        self.waiting: asyncio.Future[int] | None = None
        self._parser = httptools.HttpResponseParser(self)

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast(asyncio.Transport, transport)  # uvloop's is one by its methods alone

    def data_received(self, data: bytes) -> None:
        self._parser.feed_data(data)

    def on_message_complete(self) -> None:
        if self.waiting is not None and not self.waiting.done():
            self.waiting.set_result(self._parser.get_status_code())

    def connection_lost(self, error: Exception | None) -> None:
        if self.waiting is not None and not self.waiting.done():
            self.waiting.set_exception(error or ConnectionResetError("closed by the server"))

    def send(self, request: bytes) -> asyncio.Future[int]:
        """The status of its answer, once that is there."""
        assert self.transport is not None, "it is connected before anybody sends"
        self.waiting = asyncio.get_running_loop().create_future()
        self.transport.write(request)
        return self.waiting

    def close(self) -> None:
        if self.transport is not None:
            self.transport.close()

    @property
    def usable(self) -> bool:
        return self.transport is not None and not self.transport.is_closing()


async def _connected(url: str) -> _Connection:
    """A new connection to where that URL leads; OSError."""
    target = urlsplit(url)
    loop = asyncio.get_running_loop()
    _, connection = await loop.create_connection(_Connection, target.hostname or "", target.port or 80)
    return connection


async def saturate(url: str, requests: Sequence[bytes], connections: int, seconds: float) -> float:
    """Answers a second with so many connections, each of which sends the next request when it has its answer.

    ValueError when one is answered with another status than 200, OSError when a connection breaks off.
    """
    answered = 0
    until = time.monotonic() + seconds

    async def one(first: int) -> None:
        nonlocal answered
        connection = await _connected(url)
        turn = first
        while time.monotonic() < until:
            if (status := await connection.send(requests[turn % len(requests)])) != 200:
                raise ValueError(f"{url} answered {status}")
            answered += 1
            turn += connections
        connection.close()

    async with asyncio.TaskGroup() as group:
        for number in range(connections):
            group.create_task(one(number))
    return answered / seconds


async def fire(url: str, moments: Iterable[float], requests: Sequence[bytes] = ()) -> list[Shot]:
    """A request at each of these moments (seconds of the monotonic clock, in order); all of them, by their plan.

    `requests` go by turns; without any it is a GET of the url.
    """
    turns = itertools.cycle(requests or [request_bytes("GET", url)])
    idle: list[_Connection] = []
    shots: list[Shot] = []

    async def one(planned: float, request: bytes) -> None:
        status = 0
        connection = None
        try:
            async with asyncio.timeout(TIMEOUT_S):
                while idle and not (connection := idle.pop()).usable:
                    connection = None
                if connection is None:
                    connection = await _connected(url)
                status = await connection.send(request)
            idle.append(connection)
        except (OSError, TimeoutError, httptools.HttpParserError):
            if connection is not None and connection.transport is not None:
                connection.transport.abort()
        shots.append(Shot(planned, time.monotonic(), status))

    async with asyncio.TaskGroup() as group:
        for planned in moments:
            await asyncio.sleep(max(0.0, planned - time.monotonic()))
            group.create_task(one(planned, next(turns)))
    for connection in idle:
        connection.close()
    return sorted(shots, key=lambda shot: shot.planned)
