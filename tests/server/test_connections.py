"""Clients who send too much, too little or nothing: each is bounded, and nobody else notices."""

import asyncio
import contextlib
import socket
import threading
import time
from collections.abc import Callable, Iterator

import httpx
import pytest
import uvloop

from server.connection_limit import ConnectionLimit
from server.listeners import Port, bind

BEACON = "/public/bestie-availability"
OTP = "/api/client/auth/otp/request"
GROWTH_BYTES_MAX = 50 * 1024 * 1024


@pytest.fixture(params=["public", "internal"])
def listener(request, house) -> tuple[tuple[str, int], str]:
    """Address of a listener, and a route there that needs nothing."""
    seat = house.server.seat
    port, path = {"public": (seat.public_port, BEACON), "internal": (seat.internal_port, "/healthz")}[request.param]
    return ("127.0.0.1", port), path


@pytest.fixture
def speak() -> Iterator[Callable[..., socket.socket]]:
    """Opens connections, each with what is to be sent on it; closes them at the end."""
    with contextlib.ExitStack() as opened:

        def make(address: tuple[str, int], data: bytes = b"") -> socket.socket:
            connection = opened.enter_context(socket.create_connection(address, timeout=20))
            connection.sendall(data)
            return connection

        yield make


def answer(connection: socket.socket) -> tuple[int, bytes]:
    """Status and body of the next answer, which has a length; (0, b"") where the connection was closed instead."""
    received = b""
    try:
        while b"\r\n\r\n" not in received:
            if not (data := connection.recv(1)):
                return 0, b""
            received += data
        head = received.lower()
        length = int(head.partition(b"content-length:")[2].split(b"\r\n")[0])
        body = b""
        while len(body) < length:
            body += connection.recv(length - len(body))
    except ConnectionError:
        return 0, b""
    return int(head.split()[1]), body


def closed_after_s(connection: socket.socket, send: bytes = b"") -> float:
    """Seconds until the server has closed it; `send` is sent byte by byte meanwhile, over and over."""
    began = time.monotonic()
    connection.settimeout(0.3)
    while time.monotonic() - began < 20:
        try:
            if send:
                connection.sendall(send)
            if not connection.recv(65536):
                break
        except TimeoutError:
            continue
        except OSError:
            break
    return time.monotonic() - began


# Upgrade


@pytest.mark.parametrize("protocol", ["h2c", "websocket", "TLS/1.2, anything"])
@pytest.mark.parametrize("framing", ["length", "chunks"])
def test_an_upgrade_is_ignored_and_the_request_served(house, speak, protocol, framing) -> None:
    """A request that offers another protocol is served as HTTP/1.1, its body too, and so are the next ones."""
    body = b'{"phone": "+6281234567890"}'
    sent = {
        "length": b"Content-Length: %d\r\n\r\n%b" % (len(body), body),
        "chunks": b"Transfer-Encoding: chunked\r\n\r\n5\r\n%b\r\n%x\r\n%b\r\n0\r\n\r\n"
        % (body[:5], len(body) - 5, body[5:]),
    }[framing]
    request = (
        f"POST {OTP} HTTP/1.1\r\nHost: a\r\nConnection: Upgrade, HTTP2-Settings\r\n"
        f"Upgrade: {protocol}\r\nHTTP2-Settings: AAMAAABkAAQAoAAAAAIAAAAA\r\n"
    ).encode() + sent
    logged = house.server.log.read_bytes()
    connection = speak(("127.0.0.1", house.server.seat.public_port), request + request)
    assert [answer(connection)[0] for _ in range(2)] == [200, 200]
    for part in (request[:90], request[90:-20], request[-20:-3], request[-3:]):
        connection.sendall(part)
        time.sleep(0.05)
    assert answer(connection)[0] == 200
    connection.sendall(f"GET {BEACON} HTTP/1.1\r\nHost: a\r\n\r\n".encode())
    assert answer(connection)[0] == 200
    assert house.server.log.read_bytes() == logged


def test_an_upgrade_is_ignored_on_each_listener_without_a_body(listener, speak) -> None:
    """A GET that offers a websocket gets its answer, on either listener."""
    address, path = listener
    request = f"GET {path} HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n".encode()
    connection = speak(address, request + request)
    assert [answer(connection)[0] for _ in range(2)] == [200, 200]


def test_bad_json_behind_an_upgrade_is_judged_as_without_it(house) -> None:
    """The body behind an Upgrade is read: a wrong one is refused, and a large one, too."""
    headers = {"connection": "Upgrade", "upgrade": "h2c"}
    house.refused(400, "BAD_JSON", "POST", OTP, headers=headers, content=b"{")
    house.refused(413, "PAYLOAD_TOO_LARGE", "POST", OTP, headers=headers, content=b" " * 70_000)
    value = house.operator("PUT", "/internal/config/stale_after_seconds", headers=headers, json={"value": 90})
    assert value.json() == {"key": "stale_after_seconds", "value": 90}


# Heads


def head(path: str, size: int, headers: int) -> bytes:
    """A whole head of that many bytes, with that many headers beside Host."""
    start = f"GET {path} HTTP/1.1\r\nHost: a\r\n".encode()
    each, more = divmod(size - len(start) - 2, headers)
    lines = [b"X-%05d: " % n for n in range(headers)]
    filled = [line + b"a" * (each - len(line) - 2) + b"\r\n" for line in lines]
    filled[-1] = filled[-1][:-2] + b"a" * more + b"\r\n"
    whole = start + b"".join(filled) + b"\r\n"
    assert len(whole) == size
    return whole


@pytest.mark.parametrize("headers", [1, 100])
def test_a_head_of_6_kib_is_served(listener, speak, headers) -> None:
    """Up to 6 KiB, request line included: in one header or in many, in one piece or in several, again and again."""
    address, path = listener
    whole = head(path, 6 * 1024, headers)
    connection = speak(address, whole + whole)
    assert [answer(connection)[0] for _ in range(2)] == [200, 200]
    for start in range(0, len(whole), 1000):
        connection.sendall(whole[start : start + 1000])
        time.sleep(0.01)
    assert answer(connection)[0] == 200
    long = f"GET {path}?{'a' * 6000} HTTP/1.1\r\nHost: a\r\n\r\n".encode()
    connection.sendall(long)
    assert answer(connection)[0] == 200


@pytest.mark.parametrize("headers", [1, 500])
@pytest.mark.parametrize("before", [b"", b"GET /healthz HTTP/1.1\r\nHost: a\r\n\r\n"], ids=["alone", "second"])
def test_a_head_over_64_kib_is_refused(listener, speak, headers, before) -> None:
    """A whole head that is too large is answered 431 or its connection closed, also right behind another request."""
    address, path = listener
    connection = speak(address, before + head(path, 64 * 1024 + 1, headers))
    last = 0
    while status := answer(connection)[0]:
        last = status
    assert last == 431 or (before and last in (0, 200, 404))


@pytest.mark.parametrize("kind", ["one header", "small headers", "request line", "trailers"])
def test_an_endless_head_costs_nobody_anything(house, listener, speak, kind) -> None:
    """A head without end is refused before it is in memory, and others are answered while it comes."""
    address, path = listener
    begin, piece = {
        "one header": (f"GET {path} HTTP/1.1\r\nX-A: ", b"a" * 65536),
        "small headers": (f"GET {path} HTTP/1.1\r\n", b"X-A: b\r\n" * 8192),
        "request line": ("GET /", b"a" * 65536),
        "trailers": (f"GET {path} HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n", b"X-A: b\r\n" * 8192),
    }[kind]
    before = resident_bytes(house.server.pid)
    connection = speak(address, begin.encode())
    sent = 0
    with contextlib.suppress(OSError):
        while sent < 120 * 1024 * 1024:
            connection.sendall(piece)
            sent += len(piece)
            if sent % (1024 * 1024) == 0:
                assert house.call("GET", BEACON).status_code == 200
    assert sent < 20 * 1024 * 1024
    assert resident_bytes(house.server.pid) - before < GROWTH_BYTES_MAX


def resident_bytes(pid: int) -> int:
    with open(f"/proc/{pid}/statm") as file:
        return int(file.read().split()[1]) * 4096


def test_what_stays_unfinished_is_closed(house, listener, speak) -> None:
    """A head that is incomplete 10 s after its first byte is closed within 5 s more, whether it trickles or stops; so is
    a body that nobody waits for. A kept connection may be silent for longer than that."""
    address, path = listener
    whole = f"GET {path} HTTP/1.1\r\nHost: a\r\n".encode()
    kept = speak(address, whole + b"\r\n")
    assert answer(kept)[0] == 200
    begun = {
        "stops": (whole, b""),
        "trickles": (whole, b"a"),
        "a byte": (b"G", b""),
        "line ends": (b"\r\n", b"\r\n"),
        "second head": (whole + b"\r\n" + whole, b""),
        "body stops": (whole + b"Content-Length: 100000\r\n\r\n", b""),
        "body trickles": (whole + b"Content-Length: 100000\r\n\r\n", b"a"),
        "chunks trickle": (whole + b"Transfer-Encoding: chunked\r\n\r\n", b"1\r\na\r\n"),
    }
    took: dict[str, float] = {}

    def wait(name: str, data: bytes, more: bytes) -> None:
        took[name] = closed_after_s(speak(address, data), more)

    waiting = [threading.Thread(target=wait, args=(name, *sent)) for name, sent in begun.items()]
    for thread in waiting:
        thread.start()
    for thread in waiting:
        thread.join()
    assert {name: s for name, s in took.items() if not 10 <= s <= 15} == {}
    kept.sendall(whole + b"\r\n")
    assert answer(kept)[0] == 200


def test_a_body_that_comes_after_its_answer_leaves_the_connection_usable(listener, speak) -> None:
    """A route without a body ignores one, also one that comes late: the connection is kept."""
    address, path = listener
    connection = speak(address, f"GET {path} HTTP/1.1\r\nHost: a\r\nContent-Length: 4\r\n\r\n".encode())
    assert answer(connection)[0] == 200
    connection.sendall(b"abcd" + f"GET {path} HTTP/1.1\r\nHost: a\r\n\r\n".encode())
    assert answer(connection)[0] == 200


def test_who_takes_no_answers_is_closed(monkeypatch) -> None:
    """A client who asks but does not take the answer keeps neither its connection nor what waits to be sent."""
    monkeypatch.setattr("server.connections.ANSWER_TAKEN_WITHIN_S", 0.3)

    async def large(scope, receive, send) -> None:
        body = b"a" * 20_000_000  # more than the buffers of both kernels hold
        await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"%d" % len(body))]})
        await send({"type": "http.response.body", "body": body})

    async def serve() -> int:
        port, bound = Port(large, ConnectionLimit()), bind("127.0.0.1", 0)
        await port.start(bound)
        with socket.create_connection(bound.getsockname()) as client:
            client.sendall(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n")
            await asyncio.sleep(1)
            taken = await asyncio.to_thread(taken_bytes, client)
        await port.stop(1)
        return taken

    assert 0 < uvloop.run(serve()) < 20_000_000


def taken_bytes(client: socket.socket) -> int:
    client.settimeout(3)
    taken = 0
    with contextlib.suppress(ConnectionError, TimeoutError):
        while data := client.recv(1_000_000):
            taken += len(data)
    return taken


def test_what_is_idle_is_closed_in_the_end(monkeypatch) -> None:
    """A connection is kept so long after its last answer, and as long if it never sent a byte; not shorter, not for ever."""
    monkeypatch.setattr("server.connections.KEEP_ALIVE_S", 0.6)

    async def app(scope, receive, send) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"0")]})
        await send({"type": "http.response.body", "body": b""})

    async def closed_after(address: tuple[str, int], asks_at: tuple[float, ...]) -> float:
        reader, writer = await asyncio.open_connection(*address)
        began = time.monotonic()
        for at in asks_at:
            await asyncio.sleep(began + at - time.monotonic())
            writer.write(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n")
            assert (await reader.readuntil(b"\r\n\r\n")).startswith(b"HTTP/1.1 200")
        with contextlib.suppress(ConnectionError):
            assert await reader.read() == b""
        writer.close()
        return time.monotonic() - began

    async def serve() -> list[float]:
        port, bound = Port(app, ConnectionLimit()), bind("127.0.0.1", 0)
        address = bound.getsockname()
        await port.start(bound)
        silent, asking = closed_after(address, ()), closed_after(address, (0.0, 0.4, 0.8, 1.2))
        took = await asyncio.wait_for(asyncio.gather(silent, asking), 10)
        await port.stop(1)
        return took

    silent_s, asking_s = uvloop.run(serve())
    assert 0.5 < silent_s < 1.2
    assert 1.7 < asking_s < 2.6


# Silent connections


@pytest.fixture
def cramped(stack, house_of):
    """A server that may open only 256 files."""
    server = stack.server("f")
    server.command = ["/bin/sh", "-c", 'ulimit -n 256 && exec "$@"', "sh", *server.command]
    server.start()
    yield house_of(server)
    server.stop()


def test_silent_connections_do_not_keep_others_out(cramped, speak) -> None:
    """320 connections that never send a byte, on each listener, more than the process has room for: pings are answered
    within 1 s, on a connection kept since before and on new ones, on both listeners."""
    seat = cramped.server.seat
    mitra = cramped.mitra(online=True)
    urls = (f"{cramped.server.public_url}{BEACON}", f"{cramped.server.internal_url}/healthz")
    for _ in range(320):
        for port in (seat.public_port, seat.internal_port):
            with contextlib.suppress(OSError):
                speak(("127.0.0.1", port))
    for _ in range(5):
        began = time.monotonic()
        assert cramped.call("POST", "/api/mitra/status/heartbeat", mitra).json() == {"is_online": True}
        for url in urls:
            assert httpx.get(url, timeout=5).status_code == 200
        assert time.monotonic() - began < 3
        time.sleep(0.2)


def test_who_has_asked_keeps_its_connection_among_silent_ones(cramped, speak) -> None:
    """Silent connections, more than there is room for, go before one that has been answered."""
    address = ("127.0.0.1", cramped.server.seat.public_port)
    ask = f"GET {BEACON} HTTP/1.1\r\nHost: x\r\n\r\n".encode()
    kept = speak(address, ask)
    assert answer(kept)[0] == 200
    for _ in range(320):
        with contextlib.suppress(OSError):
            speak(address)
    assert answer(speak(address, ask))[0] == 200  # so all that came before it have been let in, or not
    kept.sendall(ask)
    assert answer(kept)[0] == 200, "the connection that had asked was closed, silent ones were kept"


def test_half_heads_do_not_keep_others_out(cramped, speak) -> None:
    """The same with connections that have begun a head or a body and say no more."""
    mitra = cramped.mitra(online=True)
    address = ("127.0.0.1", cramped.server.seat.public_port)
    for n in range(320):
        begun = b"GET / HTTP/1.1\r\n" if n % 2 else f"POST {OTP} HTTP/1.1\r\nContent-Length: 9\r\n\r\n".encode()
        with contextlib.suppress(OSError):
            speak(address, begun)
        if n % 40 == 0:
            assert cramped.call("POST", "/api/mitra/status/heartbeat", mitra).status_code == 200
            assert httpx.get(f"{cramped.server.public_url}{BEACON}", timeout=5).status_code == 200


class Guest:
    """A connection as the limit sees it."""

    def __init__(self, order: tuple[int, float], busy: bool = False) -> None:
        self._order, self.is_busy, self.gone = order, busy, False
        self.transport = self

    def eviction_order(self) -> tuple[int, float]:
        return self._order

    def abort(self) -> None:
        self.gone = True


def test_the_silent_go_before_the_idle_and_the_oldest_first() -> None:
    """Above the cap a newcomer gets room from who never asked, then from who has been idle longest; never from who waits
    for an answer: if all do, there is no room."""
    limit = ConnectionLimit(4)
    idle, old, young, busy = Guest((2, 1.0)), Guest((0, 2.0)), Guest((0, 3.0)), Guest((0, 0.0), busy=True)
    assert all(limit.add(one) for one in (idle, old, young, busy))
    for gone in (old, young, idle):
        newcomer = Guest((2, 9.0), busy=True)
        assert limit.add(newcomer)
        assert [one.gone for one in (idle, old, young)].count(True) == [old, young, idle].index(gone) + 1
        assert gone.gone
    assert not limit.add(Guest((2, 9.0)))
    assert not busy.gone
    limit.remove(busy)
    assert limit.add(Guest((2, 9.0)))
