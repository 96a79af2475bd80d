"""A way to Postgres on which one COMMIT can be under way for long, or that cuts every connection."""

import socket
from contextlib import suppress
from threading import Event, Thread
from urllib.parse import urlsplit, urlunsplit

HELD_S_MAX = 30.0


class PostgresRelay:
    """Relays one Postgres on a port of its own. With `hold_commit` set, the next COMMIT is held until `release`."""

    def __init__(self, url: str) -> None:
        self._to = urlsplit(url)
        self.hold_commit = self.refuse = False
        self._connections = self._silent = 0  # made so far; the first so many of them are silent for good
        self.held, self.release = Event(), Event()
        self._server = socket.create_server(("127.0.0.1", 0))
        user = self._to.netloc.rpartition("@")[0]
        at = f"127.0.0.1:{self._server.getsockname()[1]}"
        self.url = urlunsplit(self._to._replace(netloc=f"{user}@{at}" if user else at))
        Thread(target=self._accept, daemon=True).start()

    def silence(self) -> None:
        """From now on nothing passes on the connections that are open, and none of them is closed."""
        self._silent = self._connections

    def close(self) -> None:
        self.release.set()
        self.refuse = True
        self._server.shutdown(socket.SHUT_RDWR)
        self._server.close()

    def pass_on(self, data: bytes, upward: bool) -> bytes:
        """What becomes of data on its way."""
        return data

    def _accept(self) -> None:
        while True:
            try:
                near, _ = self._server.accept()
            except OSError:
                return
            if self.refuse:
                near.close()
                continue
            far = socket.create_connection((self._to.hostname, self._to.port))
            number, self._connections = self._connections, self._connections + 1
            Thread(target=self._pump, args=(near, far, True, number), daemon=True).start()
            Thread(target=self._pump, args=(far, near, False, number), daemon=True).start()

    def _pump(self, source: socket.socket, sink: socket.socket, upward: bool, number: int) -> None:
        with suppress(OSError):
            while (data := source.recv(65536)) and not self.refuse:
                if number < self._silent:
                    continue
                if upward and self.hold_commit and b"COMMIT;" in data:
                    self.hold_commit = False
                    self.held.set()
                    self.release.wait(HELD_S_MAX)  # delivered late, in order, before the end of the connection
                sink.sendall(self.pass_on(data, upward))
        with suppress(OSError):
            sink.shutdown(socket.SHUT_WR)
        source.close()
        if not upward:
            sink.close()
