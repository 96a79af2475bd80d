"""A bare connection to Valkey that reads MONITOR's lines in bulk: a client library takes them one by one."""

import ssl
from typing import Any

import redis

from rig.stores.valkey import OURS, bare_connection, connect

READ_BYTES = 1 << 16


class Wire:
    """A socket on which MONITOR has been asked for. OSError (ConnectionError among them) when it breaks."""

    def __init__(self, connection: Any) -> None:
        self._connection = connection
        self._socket = connection._sock  # past the library, which has read every answer that came before
        self._rest = b""

    @classmethod
    def monitor(cls, url: str, timeout_s: float) -> "Wire":
        """Connect by a URL under our name, by which it is told from a server's, and start MONITOR; ConnectionError."""
        connection = bare_connection(connect(url, f"{OURS}monitor", timeout_s=timeout_s))
        try:
            connection.connect()
            wire = cls(connection)
            wire._ask("MONITOR")
        except redis.RedisError as error:
            connection.disconnect()
            raise ConnectionError(str(error)) from error
        except BaseException:
            connection.disconnect()
            raise
        return wire

    def lines(self, within_s: float) -> list[bytes]:
        """The whole lines that came, without their `+`; none after `within_s` seconds of silence."""
        self._socket.settimeout(within_s)
        try:
            chunk = self._socket.recv(READ_BYTES)
        except (TimeoutError, ssl.SSLWantReadError):
            return []
        if not chunk:
            raise ConnectionError("Valkey closed the MONITOR connection")
        *lines, self._rest = (self._rest + chunk).split(b"\r\n")
        return [line[1:] for line in lines]

    def close(self) -> None:
        self._connection.disconnect()

    def _ask(self, *words: str) -> None:
        """Send a command and take the one line of its answer alone: MONITOR's may follow at once."""
        arguments = [word.encode() for word in words]
        self._socket.sendall(b"*%d\r\n" % len(arguments) + b"".join(b"$%d\r\n%s\r\n" % (len(a), a) for a in arguments))
        while b"\r\n" not in self._rest:
            chunk = self._socket.recv(READ_BYTES)
            if not chunk:
                raise ConnectionError(f"Valkey closed the connection on {words[0]}")
            self._rest += chunk
        reply, _, self._rest = self._rest.partition(b"\r\n")
        if not reply.startswith(b"+"):
            raise ConnectionError(f"Valkey refused {words[0]}: {reply.decode(errors='replace')}")
