"""Very many mitras who ping at an even pace, from one event loop: a ring of them, a shared pool of connections, no task a request."""

import asyncio
import random
import time
from array import array
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import cast
from urllib.parse import urlsplit

import httptools

PING = "/api/mitra/status/heartbeat"
TIMEOUT_S = 8.0
LOOK_EVERY_S = 0.5
CONNECTIONS_MAX = 512


@dataclass
class Tally:
    """What became of the plan: planned = completed + failed + missed + in flight. Times in seconds.

    `raw`: from the sending to the answer; `corrected`: from the planned moment, so that what waited behind a late
    answer counts as late too; `off`: how late the generator itself came to each, whatever the server did.
    """

    planned: int = 0
    completed: int = 0
    failed: int = 0
    missed: int = 0
    in_flight: int = 0
    raw: array = field(default_factory=lambda: array("d"))
    corrected: array = field(default_factory=lambda: array("d"))
    off: array = field(default_factory=lambda: array("d"))

    @property
    def adds_up(self) -> bool:
        return self.planned == self.completed + self.failed + self.missed + self.in_flight


def quantile(values: Sequence[float], share: float) -> float | None:
    """The value below which that share lies; None of nothing."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(len(ordered) * share))] if ordered else None


class _Connection(asyncio.Protocol):
    def __init__(self, fleet: "Fleet") -> None:
        self.fleet = fleet
        self.transport: asyncio.Transport | None = None
        self.planned = self.sent = 0.0
        self.busy = False
        self._parser = httptools.HttpResponseParser(self)

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast(asyncio.Transport, transport)  # uvloop's is one by its methods alone

    def send(self, request: bytes, planned: float) -> None:
        assert self.transport is not None
        self.planned, self.sent, self.busy = planned, time.monotonic(), True
        self.transport.write(request)

    def data_received(self, data: bytes) -> None:
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserError:
            self.give_up()

    def on_message_complete(self) -> None:
        if self.busy:
            self.busy = False
            self.fleet.answered(self, self._parser.get_status_code())

    def connection_lost(self, error: Exception | None) -> None:
        self.fleet.lost(self)

    def give_up(self) -> None:
        if self.transport is not None:
            self.transport.abort()


class Fleet:
    """Mitras by their access tokens; each pings once every `every_s`, at its own place of that span.

    The places are drawn from the random seed, evenly over the span: arrivals never come in a crowd.
    """

    def __init__(
        self, url: str, tokens: Sequence[str], every_s: float, random_seed: int, connections_max: int = CONNECTIONS_MAX
    ) -> None:
        target = urlsplit(url)
        self._host, self._port = target.hostname or "127.0.0.1", target.port or 80
        self._head = (
            f"POST {PING} HTTP/1.1\r\nHost: {target.netloc}\r\nContent-Length: 0\r\nAuthorization: Bearer ".encode()
        )
        self._tokens = [token.encode() for token in tokens]
        random.Random(f"{random_seed}/fleet").shuffle(self._tokens)
        self._gap_s = every_s / len(self._tokens)
        self._connections_max = connections_max
        self._open: set[_Connection] = set()
        self._opening: set[asyncio.Task[None]] = set()
        self._idle: list[_Connection] = []
        self._waiting: deque[tuple[float, bytes]] = deque()  # planned moment, request
        self.tally = Tally()

    async def run(self, seconds: float, drain_s: float = TIMEOUT_S) -> Tally:
        """Ping for so long, wait for the answers under way for `drain_s` at most, and tell what came of it."""
        begin = time.monotonic()
        total = int(seconds / self._gap_s)
        turn = 0
        looked = begin
        while turn < total:
            now = time.monotonic()
            while turn < total and (planned := begin + turn * self._gap_s) <= now:
                self._plan(planned, self._tokens[turn % len(self._tokens)])
                turn += 1
            if now - looked > LOOK_EVERY_S:
                self._give_up_late(now)
                looked = now
            await asyncio.sleep(max(0.0, begin + turn * self._gap_s - time.monotonic()))
        until = time.monotonic() + drain_s
        while time.monotonic() < until and (self._waiting or any(one.busy for one in self._open)):
            self._give_up_late(time.monotonic())
            await asyncio.sleep(0.01)
        self._close()
        return self.tally

    def _plan(self, planned: float, token: bytes) -> None:
        self.tally.planned += 1
        self.tally.off.append(time.monotonic() - planned)
        request = b"%b%b\r\n\r\n" % (self._head, token)
        while self._idle:
            connection = self._idle.pop()
            if connection in self._open:
                connection.send(request, planned)
                return
        self._waiting.append((planned, request))
        if len(self._open) + len(self._opening) < self._connections_max:
            task = asyncio.get_running_loop().create_task(self._connect())
            self._opening.add(task)
            task.add_done_callback(self._opening.discard)

    async def _connect(self) -> None:
        loop = asyncio.get_running_loop()
        try:
            async with asyncio.timeout(TIMEOUT_S):
                _, connection = await loop.create_connection(lambda: _Connection(self), self._host, self._port)
        except (OSError, TimeoutError):
            if self._waiting:  # it could not be sent at all
                self._waiting.popleft()
                self.tally.failed += 1
            return
        self._open.add(connection)
        self._next(connection)

    def _next(self, connection: _Connection) -> None:
        if self._waiting:
            planned, request = self._waiting.popleft()
            connection.send(request, planned)
        else:
            self._idle.append(connection)

    def answered(self, connection: _Connection, status: int) -> None:
        now = time.monotonic()
        if status == 200:
            self.tally.completed += 1
            self.tally.raw.append(now - connection.sent)
            self.tally.corrected.append(now - connection.planned)
        else:
            self.tally.failed += 1
        self._next(connection)

    def lost(self, connection: _Connection) -> None:
        self._open.discard(connection)
        if connection.busy:
            connection.busy = False
            self.tally.failed += 1

    def _give_up_late(self, now: float) -> None:
        for connection in list(self._open):
            if connection.busy and now - connection.sent > TIMEOUT_S:
                connection.give_up()

    def _close(self) -> None:
        self.tally.missed = len(self._waiting)
        self.tally.in_flight = sum(one.busy for one in self._open)
        self._waiting.clear()
        for task in self._opening:
            task.cancel()
        for connection in list(self._open):
            connection.busy = False
            connection.give_up()
