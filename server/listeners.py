"""A port that uvicorn serves inside the server's own life cycle: without signal handlers, and drained on demand."""

import asyncio
import contextlib
import functools
import socket
from collections.abc import Iterator

from starlette.types import ASGIApp
from uvicorn import Config, Server

from server.connection_limit import ConnectionLimit
from server.connections import KEEP_ALIVE_S, Connection

BACKLOG = 2048


def bind(host: str, port: int) -> socket.socket:
    """A bound socket that does not listen yet. Raises OSError."""
    family, _, _, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
    bound = socket.socket(family, socket.SOCK_STREAM)
    try:
        bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        bound.bind(address)
    except OSError:
        bound.close()
        raise
    bound.setblocking(False)
    return bound


class _QuietServer(Server):
    """uvicorn's server without its signal handlers: two of them in one process would fight over them."""

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


class Port:
    """One listener: `start` returns once it accepts, `stop` once all requests in flight are answered."""

    def __init__(self, app: ASGIApp, limit: ConnectionLimit) -> None:
        self._server = _QuietServer(
            Config(
                app,
                # uvicorn only calls it, but its annotation allows classes alone.
                http=functools.partial(Connection, limit),  # type: ignore[arg-type]
                ws="none",
                lifespan="off",
                interface="asgi3",
                log_config=None,
                access_log=False,
                server_header=False,
                proxy_headers=False,
                timeout_keep_alive=KEEP_ALIVE_S,
                backlog=BACKLOG,
            )
        )
        self._socket: socket.socket | None = None
        self._task: asyncio.Task[None] | None = None

    async def start(self, bound: socket.socket) -> None:
        self._socket = bound
        self._task = asyncio.create_task(self._server.serve(sockets=[bound]))
        while not self._server.started:
            if self._task.done():
                self._task.result()
            await asyncio.sleep(0.001)

    async def stop(self, drain_s: float) -> None:
        """Refuse new connections, wait for answers in flight up to the drain time; nothing if not started."""
        if self._task is None:
            return
        # uvicorn passes it to asyncio.wait_for, which takes a float as well.
        self._server.config.timeout_graceful_shutdown = drain_s  # type: ignore[assignment]
        self._server.should_exit = True
        await asyncio.wait({self._task}, timeout=drain_s + 0.5)
