"""A bare connection to Valkey that reads MONITOR's lines in bulk: a client library takes them one by one."""

import socket
import ssl
from urllib.parse import unquote, urlsplit

READ_BYTES = 1 << 16
DEFAULT_PORT = 6379


class Wire:
    """A socket on which MONITOR has been asked for. OSError (ConnectionError among them) when it breaks."""

    def __init__(self, connection: socket.socket) -> None:
        self._socket = connection
        self._rest = b""

    @classmethod
    def monitor(cls, url: str, timeout_s: float) -> "Wire":
        """Connect by a URL (user, password, `rediss`) and start MONITOR; ConnectionError if refused."""
        parts = urlsplit(url)
        host, port = parts.hostname or "127.0.0.1", parts.port or DEFAULT_PORT
        connection = socket.create_connection((host, port), timeout=timeout_s)
        try:
            if parts.scheme == "rediss":
                connection = ssl.create_default_context().wrap_socket(connection, server_hostname=host)
            wire = cls(connection)
            if parts.password:
                user = [unquote(parts.username)] if parts.username else []
                wire._ask("AUTH", *user, unquote(parts.password))
            wire._ask("CLIENT", "SETNAME", "rig-monitor")  # by which it is told from a server's connections
            wire._ask("MONITOR")
        except BaseException:
            connection.close()
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
        self._socket.close()

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
