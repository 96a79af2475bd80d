"""A pooler for Postgres in a few lines: each client logs in for itself, then sessions are shared, or not."""

import asyncio
import struct
from contextlib import suppress
from threading import Thread
from urllib.parse import urlsplit, urlunsplit

SSL_REQUEST = 80877103
ASKS_CLIENT = (3, 5, 10, 11)  # kinds of authentication message that wait for a reply
Link = tuple[asyncio.StreamReader, asyncio.StreamWriter]


class Pooler:
    """Relays `url` on a port of its own. Shared: a session is a client's for one transaction."""

    def __init__(self, url: str, *, shared: bool) -> None:
        self._to, self._shared = urlsplit(url), shared
        self._idle: list[Link] = []
        self._loop = asyncio.new_event_loop()
        self._thread = Thread(target=self._loop.run_forever, daemon=True)
        self._thread.start()
        self._server = asyncio.run_coroutine_threadsafe(self._listen(), self._loop).result(5)
        user = self._to.netloc.rpartition("@")[0]
        self.url = urlunsplit(self._to._replace(netloc=f"{user}@127.0.0.1:{self._server.sockets[0].getsockname()[1]}"))

    def close(self) -> None:
        asyncio.run_coroutine_threadsafe(self._end(), self._loop).result(5)
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(5)
        self._loop.close()

    async def _listen(self) -> asyncio.Server:
        return await asyncio.start_server(self._serve, "127.0.0.1", 0)

    async def _end(self) -> None:
        self._server.close()
        clients = [task for task in asyncio.all_tasks() if task is not asyncio.current_task()]
        for task in clients:
            task.cancel()
        await asyncio.gather(*clients, return_exceptions=True)
        for _, writer in self._idle:
            writer.close()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        held: list[Link] = []  # the client's session, while it has one
        answers: asyncio.Task[None] | None = None
        with suppress(OSError, asyncio.IncompleteReadError, asyncio.CancelledError):
            held.append(await self._log_in(reader, writer))
            if self._shared:
                self._idle.append(held.pop())
            while (message := await _read(reader))[:1] != b"X":
                if not held:
                    held.append(self._idle.pop())
                    answers = None
                answers = answers or asyncio.create_task(self._answer(held, writer))
                held[0][1].write(message)
        if answers is not None:
            answers.cancel()
        writer.close()
        for session in held:
            session[1].close()

    async def _answer(self, held: list[Link], writer: asyncio.StreamWriter) -> None:
        """Relay what the session says, until its transaction is over if it is shared."""
        with suppress(OSError, asyncio.IncompleteReadError):
            while True:
                message = await _read(held[0][0])
                over = self._shared and message[:1] == b"Z" and message[5:] == b"I"
                if over:
                    self._idle.append(held.pop())
                writer.write(message)
                if over:
                    return

    async def _log_in(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> Link:
        start = await _packet(reader)
        if struct.unpack("!I", start[4:8])[0] == SSL_REQUEST:
            writer.write(b"N")
            start = await _packet(reader)
        session = await asyncio.open_connection(self._to.hostname, self._to.port)
        session[1].write(start)
        while True:
            message = await _read(session[0])
            if message[:1] == b"K":
                message = message[:5] + struct.pack("!I", 77) + message[9:]  # a process id of its own, as poolers do
            writer.write(message)
            if message[:1] == b"R" and struct.unpack("!I", message[5:9])[0] in ASKS_CLIENT:
                session[1].write(await _read(reader))
            if message[:1] == b"Z":
                return session


async def _read(reader: asyncio.StreamReader) -> bytes:
    return await reader.readexactly(1) + await _packet(reader)


async def _packet(reader: asyncio.StreamReader) -> bytes:
    head = await reader.readexactly(4)
    return head + await reader.readexactly(struct.unpack("!I", head)[0] - 4)
