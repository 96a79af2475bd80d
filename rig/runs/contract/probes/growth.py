"""The same requests again and again at one instance, and what it has open, holds and takes meanwhile."""

import http.client
import json
import socket
import time
import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from statistics import median
from typing import Any
from urllib.parse import urlsplit

import psutil

from rig.environment.testbed import Testbed
from rig.record.observations import numbers
from rig.runs.contract.probes.people import some_customer, some_mitra
from rig.runs.contract.probing import probe
from rig.service.steps import ACTIONS
from rig.stack.sut.managed import ServerInstance
from rig.traffic import Customer, Mitra

REQUESTS, SECONDS = 20_000, 60.0
MOMENT, MOMENT_S = 100, 0.5  # requests between two looks; on a slow machine seconds, so that there are enough looks
ANSWER_S = 10.0
REFUSED = 5  # requests for a chat that has ended
RARE = 5  # every so many rounds there is a chat, and a toggle, as well
WRONG_MAX, WRONG_END = 20, 500  # wrong answers that are named, and those after which no more is asked
CHAT_S = 1800
TIMED = ("ping", "beacon")
NO_PATH = "/api/no-such-path"


@dataclass
class Asker:
    """Sends requests over one kept connection per listener, or a new one, and counts what was answered otherwise."""

    server: ServerInstance
    count: int = 0
    wrong: list[str] = field(default_factory=list)
    wrong_count: int = 0
    times_ms: list[float] = field(default_factory=list)
    latency_ms: float = 0.0  # the median before the last look
    _kept: dict[str, http.client.HTTPConnection] = field(default_factory=dict)

    def ask(
        self, action: str, token: str | None = None, *, expected: int = 200, body: Any = None, new: bool = False,
        path: str | None = None, **places: str,
    ) -> Any:  # fmt: skip
        """The body of the answer as JSON, None for another one. `new`: over a connection of its own."""
        declared = ACTIONS.get(action)
        method, told = (declared.method, declared.path) if declared else ("GET", NO_PATH)
        base = self.server.internal_url if told.startswith("/internal") else self.server.public_url
        began = time.perf_counter()
        status, content = self._send(base, method, (path or told).format(**places), token, body, new)
        if action in TIMED and not new:
            self.times_ms.append((time.perf_counter() - began) * 1000)
        self.count += 1
        if status != expected:
            self.wrong_count += 1
            if len(self.wrong) < WRONG_MAX:
                self.wrong.append(f"request {self.count}, {action}: {status}, expected {expected}")
        try:
            return json.loads(content) if content else None
        except ValueError:
            return None

    def _send(
        self, base: str, method: str, path: str, token: str | None, body: Any, new: bool
    ) -> tuple[int | str, bytes]:
        headers = {"Authorization": f"Bearer {token}"} if token else {}
        content = None if body is None else json.dumps(body).encode()
        if content is not None:
            headers["Content-Type"] = "application/json"
        connection = connected(base) if new else self._kept.setdefault(base, connected(base))
        try:
            connection.request(method, path, content, headers)
            answer = connection.getresponse()
            return answer.status, answer.read()
        except (http.client.HTTPException, OSError) as error:
            connection.close()
            self._kept.pop(base, None)
            return type(error).__name__, b""
        finally:
            if new:
                connection.close()

    def close(self) -> None:
        for connection in self._kept.values():
            connection.close()


def connected(base: str) -> http.client.HTTPConnection:
    """A connection that is opened by its first request."""
    url = urlsplit(base)
    return http.client.HTTPConnection(url.hostname or "127.0.0.1", url.port, timeout=ANSWER_S)


@probe("repeated requests", "growth")
def repeated_requests(testbed: Testbed) -> numbers.RepeatedRequests:
    """Until REQUESTS were answered, or SECONDS are over."""
    testbed.empty_stores()
    server = testbed.server()
    asker = Asker(server)
    mitra, other = some_mitra(testbed, "again"), some_mitra(testbed, "too")
    customers = some_customer(testbed, "again"), some_customer(testbed, "stranger")
    ports = store_ports(testbed, server)
    moments: list[numbers.Moment] = []
    began = time.monotonic()
    try:
        looked, looked_at = 0, began
        for one in requests(asker, mitra, other, customers):
            one()
            if asker.count - looked >= MOMENT or time.monotonic() - looked_at > MOMENT_S:
                moments.append(moment(asker, ports))
                looked, looked_at = asker.count, time.monotonic()
            over = asker.count >= REQUESTS or asker.wrong_count >= WRONG_END
            if over or time.monotonic() - began > SECONDS:
                break
    finally:
        asker.close()
    return numbers.RepeatedRequests(
        requests=asker.count, seconds=round(time.monotonic() - began, 1), wrong=asker.wrong, wrong_count=asker.wrong_count,
        moments=moments,
    )  # fmt: skip


def requests(
    asker: Asker, mitra: Mitra, other: Mitra, customers: tuple[Customer, Customer]
) -> Iterator[Callable[[], Any]]:
    """Without an end: pings and polls above all, wrong requests, new connections, and every few rounds a chat and a toggle.

    The first customer has the chats, the second one is refused.
    """
    customer = customers[0]
    ask, control = asker.ask, asker.server.internal_token
    round_number = 0
    while True:
        round_number += 1
        for _ in range(6):
            yield lambda: ask("ping", mitra.token)
            yield lambda: ask("ping", other.token)
            yield lambda: ask("beacon")
        yield lambda: ask("ping", mitra.token, new=True)
        yield lambda: ask("beacon", new=True)
        yield lambda: ask("status", mitra.token)
        yield lambda: ask("offers", mitra.token)
        yield lambda: ask("dashboard", control)
        yield lambda: ask("available", control)
        yield lambda: ask("ping", expected=401)
        yield lambda: ask("a path that is not there", expected=404, new=True)
        yield lambda: ask("get", customer.token, expected=404, chat=str(uuid.uuid4()))
        yield lambda: ask("dashboard", mitra.token, expected=401)
        yield lambda: ask("status", customer.token, expected=403)
        yield lambda: ask("create", customer.token, expected=400, body={"duration_seconds": 0})
        if round_number % RARE == 0:
            yield from a_chat(asker, mitra, customers)
            yield lambda: ask("offline", other.token)
            yield lambda: ask("online", other.token)


def a_chat(asker: Asker, mitra: Mitra, customers: tuple[Customer, Customer]) -> Iterator[Callable[[], Any]]:
    """From its creation to its end, with what is refused meanwhile and afterwards."""
    customer, stranger = customers
    chat: dict[str, str] = {}

    def create() -> None:
        made = asker.ask("create", customer.token, expected=201, body={"duration_seconds": CHAT_S})
        chat["id"] = str(made.get("id")) if isinstance(made, dict) else ""

    yield create
    yield lambda: asker.ask("pay", customer.token, chat=chat["id"])
    yield lambda: asker.ask("accept", mitra.token, chat=chat["id"])
    yield lambda: asker.ask("get", customer.token, chat=chat["id"])
    yield lambda: asker.ask("get", stranger.token, expected=403, chat=chat["id"])
    yield lambda: asker.ask("accept", mitra.token, expected=409, chat=chat["id"])
    yield lambda: asker.ask("end", customer.token, chat=chat["id"])
    for _ in range(REFUSED):
        yield lambda: asker.ask("end", customer.token, expected=409, chat=chat["id"])


def store_ports(testbed: Testbed, server: ServerInstance) -> set[int]:
    """The ports at which this instance reaches the two stores."""
    urls = (server.seat.valkey_url, testbed.stack.postgres.url, testbed.stack.valkey.url)
    return {port for url in urls if (port := urlsplit(url).port)}


def moment(asker: Asker, ports: set[int]) -> numbers.Moment:
    """What the processes of the instance have open and hold now; zeros where that cannot be read."""
    if asker.times_ms:
        asker.latency_ms = round(median(asker.times_ms), 3)
        asker.times_ms.clear()
    descriptors = connections = rss = 0
    try:
        root = psutil.Process(asker.server.pid or -1)
        for process in (root, *root.children(recursive=True)):
            descriptors += process.num_fds()
            rss += process.memory_info().rss
            for one in process.net_connections("tcp"):
                connections += bool(one.raddr and one.raddr.port in ports and one.family != socket.AF_UNIX)
    except (psutil.Error, ValueError, AttributeError):
        descriptors = connections = rss = 0
    return numbers.Moment(asker.count, descriptors, connections, rss // 1024, asker.latency_ms)
