"""Sends requests at planned moments over shared connections, by events of the loop: no thread and no greenlet a request.

It needs gevent, so it lives in Locust's process alone; `open_loop.py` does the same by asyncio, for benchmarks. One
process of it holds a hundred thousand mitras.
"""

import _socket  # the system's own: gevent's would switch to another greenlet, and nothing here may wait
import errno
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

import gevent
import httptools
from gevent import get_hub
from gevent.socket import getaddrinfo

from rig.traffic.request_bytes import request_bytes

TIMEOUT_S = 8.0  # the contract's 5 s and a margin, so that an answer that breaks the bound is still seen
LOOK_EVERY_S = 0.5
CONNECTIONS_MAX = 512  # to one listener; what finds none waits its turn, and its latency counts from the plan
RECEIVE_BYTES = 65536
READABLE, WRITABLE = 1, 2

Finish = Callable[["Job", int, bytes, str | None], None]


@dataclass(slots=True)
class Job:
    """One request: its bytes, when it was to be sent and when it was (monotonic seconds), and what it counts as."""

    request: bytes
    planned: float
    slot: Any
    finish: Finish
    sent: float = 0.0
    retried: bool = False


class Pool:
    """Connections to one listener, kept alive. What is sent is finished once: by status and body, or an error (status 0)."""

    def __init__(self, url: str) -> None:
        target = urlsplit(url)
        if target.scheme != "http":
            raise ValueError(f"{url}: the load goes to plain http alone")
        self._url = url.rstrip("/")
        addresses = getaddrinfo(target.hostname, target.port or 80, 0, _socket.SOCK_STREAM)
        self.family, self.address = addresses[0][0], addresses[0][4]
        self.idle: list[_Connection] = []
        self.open: set[_Connection] = set()
        self.waiting: deque[Job] = deque()
        self.closed = False
        self._keeper = gevent.spawn(self._give_up_late)

    def head(self, method: str, path: str, token: str | None = None, body: bytes | None = None) -> bytes:
        """A request to this listener."""
        return request_bytes(method, self._url + path, token, body)

    def send(self, job: Job) -> None:
        """Now, or as soon as a connection is free."""
        if self.idle:
            self.idle.pop().carry(job)
        elif len(self.open) < CONNECTIONS_MAX:
            _Connection(self).carry(job)
        else:
            self.waiting.append(job)

    @property
    def under_way(self) -> list[Job]:
        return [one.job for one in self.open if one.job is not None]

    def close(self) -> None:
        """Drop everything; what was under way or waiting is not finished."""
        self.closed = True
        self._keeper.kill(block=False)
        for connection in list(self.open):
            connection.job = None
            connection.drop()

    def free(self, connection: "_Connection") -> None:
        if self.waiting:
            connection.carry(self.waiting.popleft())
        else:
            self.idle.append(connection)

    def lost(self, connection: "_Connection", why: str) -> None:
        """A connection ended. Its request is sent again where the server had closed an idle one just before."""
        job, connection.job = connection.job, None
        unseen = connection.answered and not connection.begun
        if job is not None and unseen and not job.retried and not self.closed:
            job.retried = True
            self.send(job)
        elif job is not None:
            job.finish(job, 0, b"", why)
        if self.waiting and not self.closed and len(self.open) < CONNECTIONS_MAX:
            _Connection(self).carry(self.waiting.popleft())

    def _give_up_late(self) -> None:
        while True:
            gevent.sleep(LOOK_EVERY_S)
            now = time.monotonic()
            for connection in list(self.open):
                if connection.job is not None and now - connection.job.sent > TIMEOUT_S:
                    connection.job.retried = True
                    connection.drop(f"no answer within {TIMEOUT_S:g} s")


class _Connection:
    """A socket with at most one request on it. Everything happens in callbacks of the loop, which must not wait."""

    __slots__ = ("answered", "begun", "body", "job", "parser", "pool", "ready", "socket", "watcher")

    def __init__(self, pool: Pool) -> None:
        self.pool = pool
        self.job: Job | None = None
        self.answered = 0
        self.begun = self.ready = False
        self.body: list[bytes] = []
        self.parser = httptools.HttpResponseParser(self)
        self.socket = _socket.socket(pool.family, _socket.SOCK_STREAM)
        self.socket.setblocking(False)
        self.socket.setsockopt(_socket.IPPROTO_TCP, _socket.TCP_NODELAY, 1)
        pool.open.add(self)
        self.socket.connect_ex(pool.address)  # its outcome shows when it can be written to
        self.watcher = get_hub().loop.io(self.socket.fileno(), WRITABLE)
        self.watcher.start(self._connected)

    def carry(self, job: Job) -> None:
        self.job, self.begun = job, False
        job.sent = time.monotonic()
        if self.ready:
            self._write(job.request)

    def _connected(self) -> None:
        problem = self.socket.getsockopt(_socket.SOL_SOCKET, _socket.SO_ERROR)
        if problem:
            self.drop(f"ConnectError: {errno.errorcode.get(problem, problem)}")
            return
        self.ready = True
        self.watcher.stop()
        self.watcher.close()
        self.watcher = get_hub().loop.io(self.socket.fileno(), READABLE)
        self.watcher.start(self._readable)
        if self.job is not None:
            self._write(self.job.request)

    def _write(self, request: bytes) -> None:
        try:
            if self.socket.send(request) < len(request):  # our requests are far smaller than any buffer
                self.drop("the request was taken in part only")
        except OSError as problem:
            self.drop(f"WriteError: {problem}")

    def _readable(self) -> None:
        try:
            data = self.socket.recv(RECEIVE_BYTES)
        except BlockingIOError:
            return
        except OSError as problem:
            self.drop(f"ReadError: {problem}")
            return
        if not data:
            self.drop("the connection was closed without an answer")
            return
        self.begun = True
        try:
            self.parser.feed_data(data)
        except httptools.HttpParserError as problem:
            self.drop(f"no HTTP answer: {problem}")

    def on_body(self, piece: bytes) -> None:
        self.body.append(piece)

    def on_message_complete(self) -> None:
        job, self.job = self.job, None
        body, self.body = b"".join(self.body), []
        self.answered += 1
        if job is None:
            return
        job.finish(job, self.parser.get_status_code(), body, None)
        if not self.parser.should_keep_alive():
            self.drop()
        elif not self.pool.closed:
            self.pool.free(self)

    def drop(self, why: str = "") -> None:
        """Close it, once; its request, if any, is lost for this reason."""
        if self not in self.pool.open:
            return
        self.pool.open.discard(self)
        if self in self.pool.idle:
            self.pool.idle.remove(self)
        self.watcher.stop()
        self.watcher.close()
        self.socket.close()
        self.pool.lost(self, why)
