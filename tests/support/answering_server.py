"""A real HTTP server for the tests of the clients: it answers what the test says and keeps what it was asked."""

import json
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

TOKENS = {"access_token": "access-1-secret", "refresh_token": "refresh-1-secret", "user": {"id": "u-1"}}


@dataclass
class Asked:
    method: str
    path: str
    authorization: str | None
    body: Any
    client: tuple[str, int]


@dataclass
class Server:
    """What traffic takes for a server. `answer(asked)` gives `(status, reply)`; None hangs up without an answer."""

    public_url: str
    internal_url: str
    jwt_secret: str | None = "a-secret-of-thirty-two-characters!"
    internal_token: str | None = "internal-secret"
    otp_code: str | None = "123456"
    name: str = "a"
    answer: Callable[[Asked], tuple[int, Any] | None] = lambda asked: (200, {})
    asked: list[Asked] = field(default_factory=list)


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    described: Server

    def handle_any(self) -> None:
        length = int(self.headers.get("Content-Length") or 0)
        text = self.rfile.read(length).decode()
        try:
            body = json.loads(text) if text else None
        except ValueError:
            body = text
        asked = Asked(self.command, self.path, self.headers.get("Authorization"), body, self.client_address)
        self.described.asked.append(asked)
        answered = self.described.answer(asked)
        if answered is None:
            self.close_connection = True
            return
        status, reply = answered
        content = b"" if reply is None else reply.encode() if isinstance(reply, str) else json.dumps(reply).encode()
        self.send_response(status)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    do_GET = do_POST = do_PUT = do_PATCH = handle_any

    def log_message(self, *_: object) -> None:
        """Silent: pytest's output is for failures."""


@pytest.fixture
def server() -> Iterator[Server]:
    http = ThreadingHTTPServer(("127.0.0.1", 0), type("Bound", (Handler,), {}))
    url = f"http://127.0.0.1:{http.server_address[1]}"
    described = Server(url, url)
    http.RequestHandlerClass.described = described  # type: ignore[attr-defined]
    http.daemon_threads = True
    http.handle_error = lambda *_: None  # type: ignore[method-assign]  # a client that went away is meant
    thread = threading.Thread(target=http.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    yield described
    http.shutdown()
    http.server_close()
    thread.join()
