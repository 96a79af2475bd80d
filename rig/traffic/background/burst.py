"""Requests that reach the server at the same moment (last-byte synchronisation); threads would send them in turn."""

import select
import socket
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from urllib.parse import urlsplit

import h11

from rig.stack.http import tls
from rig.traffic.actors.client import TIMEOUT_S, Client
from rig.traffic.actors.exchange import Exchange
from rig.traffic.request_bytes import request_bytes


@dataclass(frozen=True)
class Burst:
    """Exchanges in the clients' order. `early`: answers that arrived before the last request was complete."""

    exchanges: list[Exchange]
    early: int


def burst(clients: Sequence[Client], action: str, url: str, when_sent: Callable[[], None] = lambda: None) -> Burst:
    """One GET by each client, on connections of their own that are opened first; answers are waited for 8 s in all.

    Each request is sent but for its last byte, and then all the last bytes in one go. `when_sent` is called once
    they are on their way: what keeps the server from answering is let go there, so that none is answered too early.
    Raises OSError when a connection can't be opened: then nothing was sent.
    """
    target = urlsplit(url)
    request = request_bytes("GET", url, close=True)
    connections: list[socket.socket] = []
    try:
        for _ in clients:
            connections.append(connect(target.scheme, target.hostname or "", target.port))
        for connection in connections:
            connection.sendall(request[:-1])
        started, clock = time.time(), time.perf_counter()
        for connection in connections:
            connection.sendall(request[-1:])
        early = len(select.select(connections, [], [], 0)[0])
        when_sent()
        exchanges = []
        for client, connection in zip(clients, connections, strict=True):
            answer = read_answer(connection, clock + TIMEOUT_S)
            ended = started + time.perf_counter() - clock
            exchanges.append(client.exchange(action, "GET", url, answer=answer, started=started, ended=ended))
    finally:
        for connection in connections:
            connection.close()
    return Burst(exchanges, early)


def connect(scheme: str, host: str, port: int | None) -> socket.socket:
    """A connection that sends each byte at once."""
    plain = socket.create_connection((host, port or (443 if scheme == "https" else 80)), TIMEOUT_S)
    plain.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return tls().wrap_socket(plain, server_hostname=host) if scheme == "https" else plain


def read_answer(connection: socket.socket, deadline: float) -> tuple[int, bytes] | str:
    """Status and content, or what went wrong instead. `deadline` is of the performance counter."""
    protocol = h11.Connection(h11.CLIENT)
    protocol.send(h11.Request(method="GET", target="/", headers=[("Host", "as-sent")]))
    protocol.send(h11.EndOfMessage())
    status, content = 0, b""
    try:
        while True:
            match protocol.next_event():
                case h11.NEED_DATA:
                    connection.settimeout(max(0.001, deadline - time.perf_counter()))
                    protocol.receive_data(connection.recv(65536))
                case h11.Response() as response:
                    status = response.status_code
                case h11.Data() as data:
                    content += data.data
                case h11.EndOfMessage():
                    return status, content
    except (OSError, h11.RemoteProtocolError) as problem:
        return f"{type(problem).__name__}: {problem}".rstrip(": ")
