"""Heads of requests that are too long or never complete, and connections on which nothing is sent."""

import select
import socket
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from threading import Event
from urllib.parse import urlsplit

import httpx

from rig.contract import BEACON, PING
from rig.environment.testbed import Testbed
from rig.record.observations.contract import heads
from rig.record.observations.edges import Sent
from rig.runs.contract.probes.people import some_mitra
from rig.runs.contract.probing import probe
from rig.stack.http import http_client
from rig.stack.sut.managed import ServerInstance

KIB = 1024
OVER_64_KIB, OVER_2_MIB = 65 * KIB, 2 * 1024 * KIB + 64 * KIB
LINE_BYTES = 4 * KIB  # of one header, where the head has many
ANSWER_S = 6.0  # longer than an answer may take, so that a late one is seen as late
SILENT = 320
EVERY_S, ROUNDS = 30.0, 2
CLOSED_S = 16.0  # a head that is not complete must be closed after 15 s
LOOK_EVERY_S = 0.05
DRIP_EVERY_S = 1.0


@probe("heads that are too long", "edges")
def long_heads(testbed: Testbed) -> heads.LongHeads:
    """Heads of over 64 KiB and over 2 MiB in one header, in many, and in the request line; others ask meanwhile."""
    server = testbed.server()
    over_64_kib = [sent_head(server, what, OVER_64_KIB) for what in KINDS]
    over = Event()
    with ThreadPoolExecutor(1) as pool:
        asking = pool.submit(asked_until, over, server)
        try:
            over_2_mib = [sent_head(server, what, OVER_2_MIB) for what in KINDS]
        finally:
            over.set()
        return heads.LongHeads(over_64_kib=over_64_kib, over_2_mib=over_2_mib, others=asking.result())


def asked_until(over: Event, server: ServerInstance) -> list[Sent]:
    """The answers to polls of the beacon, one after the other until it is over, and to one more."""
    answers = []
    with http_client(ANSWER_S) as http:
        while True:
            last = over.is_set()
            began = time.perf_counter()
            try:
                status, error = http.get(server.public_url.rstrip("/") + BEACON).status_code, None
            except httpx.HTTPError as problem:
                status, error = None, type(problem).__name__
            answers.append(Sent(status, error, round(time.perf_counter() - began, 3)))
            if last:
                return answers
            time.sleep(LOOK_EVERY_S)


def one_header(size: int) -> Iterator[bytes]:
    yield b"GET %b HTTP/1.1\r\nHost: rig\r\nX-Filler: " % BEACON.encode()
    yield b"x" * size


def many_headers(size: int) -> Iterator[bytes]:
    yield b"GET %b HTTP/1.1\r\nHost: rig" % BEACON.encode()
    for number in range(size // LINE_BYTES + 1):
        yield b"\r\nX-Filler-%d: %b" % (number, b"x" * LINE_BYTES)


def request_line(size: int) -> Iterator[bytes]:
    yield b"GET %b?filler=" % BEACON.encode()
    yield b"x" * size
    yield b" HTTP/1.1\r\nHost: rig"


KINDS = {"one header": one_header, "many headers": many_headers, "the request line": request_line}


def sent_head(server: ServerInstance, what: str, size: int) -> heads.SentHead:
    """Send a complete request with a head of this kind and size, and wait for an answer or the end of the connection."""
    began = time.monotonic()
    with connected(server) as connection:
        try:
            for part in (*KINDS[what](size), b"\r\n\r\n"):
                connection.sendall(part)
        except TimeoutError:
            pass  # the server reads no further; perhaps it has answered
        except OSError:
            return heads.SentHead(what, size, None, True, round(time.monotonic() - began, 3))
        status, closed = first_answer(connection)
    return heads.SentHead(what, size, status, closed, round(time.monotonic() - began, 3))


def first_answer(connection: socket.socket) -> tuple[int | None, bool]:
    """The status of the next answer, None without one, and whether the connection ended instead."""
    try:
        words = connection.recv(64).split()
    except TimeoutError:
        return None, False
    except OSError:
        return None, True
    return (int(words[1]), False) if len(words) > 1 and words[1].isdigit() else (None, True)


def connected(server: ServerInstance) -> socket.socket:
    """A connection to the public listener."""
    address = urlsplit(server.public_url)
    return socket.create_connection((address.hostname or "127.0.0.1", address.port or 80), timeout=ANSWER_S)


@probe("silent connections", "numbers")
def silent_connections(testbed: Testbed) -> heads.SilentConnections:
    """Connections on which nothing is sent, pings beside them on a kept and on a new one, and heads that never complete."""
    testbed.empty_stores()
    server, mitra = testbed.server(), some_mitra(testbed, "pings beside silent connections")
    token = mitra.token or ""
    with ExitStack() as silent, ThreadPoolExecutor(1) as pool, http_client(ANSWER_S) as kept:
        ends = pool.submit(incomplete_heads, server)
        pings = [pinged(kept, "kept", server, token)]
        for _ in range(SILENT):
            silent.enter_context(connected(server))
        for number in range(ROUNDS):
            time.sleep(EVERY_S * bool(number))
            with http_client(ANSWER_S) as new:
                pings += [pinged(kept, "kept", server, token), pinged(new, "new", server, token)]
        return heads.SilentConnections(silent=SILENT, pings=pings, ends=ends.result())


def pinged(http: httpx.Client, connection: str, server: ServerInstance, token: str) -> heads.PingBeside:
    """One ping, repeated once on a new connection where a kept one was closed before a byte of the answer."""
    for again in (False, True):
        began = time.perf_counter()
        try:
            status: int | None = http.post(
                server.public_url.rstrip("/") + PING, headers={"Authorization": f"Bearer {token}"}
            ).status_code
            error = None
        except httpx.HTTPError as problem:
            status, error = None, type(problem).__name__
        if status is not None or again or error not in ("RemoteProtocolError", "ReadError", "WriteError"):
            break
    return heads.PingBeside(connection, status, error, round(time.perf_counter() - began, 3))


HALVES = {
    "stops within a header": b"GET / HTTP/1.1\r\nHost: rig\r\nX-Ha",
    "stops before the last line": b"GET / HTTP/1.1\r\nHost: rig\r\n",
    "goes on by one byte per second": b"GET / HTTP/1.1\r\nX-Slow: ",
}


def incomplete_heads(server: ServerInstance) -> list[heads.IncompleteHead]:
    """When the server ends each connection on which a head is not complete; None where it has not ended in time."""
    ended: dict[str, float] = {}
    with ExitStack() as stack:
        connections = {what: stack.enter_context(connected(server)) for what in HALVES}
        began = time.monotonic()
        for what, half in HALVES.items():
            connections[what].sendall(half)
        *_, slow = HALVES
        next_byte = began + DRIP_EVERY_S
        while len(ended) < len(HALVES) and (now := time.monotonic()) < began + CLOSED_S:
            if now >= next_byte and slow not in ended:
                next_byte += DRIP_EVERY_S
                if not written(connections[slow], b"x"):
                    ended[slow] = now - began
            waiting = [connections[what] for what in HALVES if what not in ended]
            closed = closed_of(waiting)
            ended |= {what: time.monotonic() - began for what in HALVES if connections[what] in closed}
    return [heads.IncompleteHead(what, round(ended[what], 3) if what in ended else None) for what in HALVES]


def written(connection: socket.socket, data: bytes) -> bool:
    try:
        connection.sendall(data)
    except OSError:
        return False
    return True


def closed_of(connections: Sequence[socket.socket]) -> list[socket.socket]:
    """Those that have ended by now; an answer before the end is read and is no end."""
    readable, _, _ = select.select(connections, [], [], LOOK_EVERY_S)
    found = []
    for connection in readable:
        try:
            data = connection.recv(4096)
        except OSError:
            data = b""
        if not data:
            found.append(connection)
    return found
