"""Relays before the two stores that tell another version than the store's own; all else passes as it is."""

import re
import socket
import struct
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from threading import Thread

BYTES = 65536
LISTEN = ("127.0.0.1", 0)


class Relay:
    """Listens on a port of its own and passes everything on to `host:port`. Subclasses change what comes back."""

    def __init__(self, host: str, port: int) -> None:
        self._behind = (host, port)
        self._listener = socket.create_server(LISTEN)
        self.address = f"127.0.0.1:{self._listener.getsockname()[1]}"
        Thread(target=self._accept, name="relay", daemon=True).start()

    def greet(self, client: socket.socket, store: socket.socket) -> None:
        """What is done before bytes pass in both directions."""

    def replies(self, store: socket.socket) -> Iterator[bytes]:
        """What the client gets, until the store ends the connection."""
        while data := store.recv(BYTES):
            yield data

    def close(self) -> None:
        with suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()

    def _accept(self) -> None:
        while True:
            try:
                client, _ = self._listener.accept()
            except OSError:
                return
            Thread(target=self._serve, args=(client,), name="relay connection", daemon=True).start()

    def _serve(self, client: socket.socket) -> None:
        with suppress(OSError), client, socket.create_connection(self._behind) as store:
            self.greet(client, store)
            Thread(target=pass_on, args=(client, store), name="relay upward", daemon=True).start()
            for data in self.replies(store):
                client.sendall(data)
            client.shutdown(socket.SHUT_RDWR)


def pass_on(source: socket.socket, sink: socket.socket) -> None:
    with suppress(OSError):
        while data := source.recv(BYTES):
            sink.sendall(data)
    with suppress(OSError):
        sink.shutdown(socket.SHUT_WR)


class ValkeyRelay(Relay):
    """Valkey, or Redis where `product` says so, that tells this version in INFO and HELLO.

    In INFO each value keeps its length, so that the reply's stays right: the version is filled up with zeros, and the
    fields by which Valkey is told from Redis get names that nobody reads.
    """

    def __init__(self, host: str, port: int, product: str, version: str) -> None:
        self._product, self._version = product.encode(), version.encode()
        super().__init__(host, port)

    def replies(self, store: socket.socket) -> Iterator[bytes]:
        for data in super().replies(store):
            whole = data
            while not whole.endswith(b"\r\n") and (more := store.recv(BYTES)):  # each reply ends so
                whole += more
            yield self.told(whole)

    def told(self, reply: bytes) -> bytes:
        """The reply with our version in the place of the store's."""
        field = b"valkey_version" if self._product == b"valkey" else b"redis_version"
        if self._product == b"redis":
            reply = reply.replace(b"\r\nvalkey_version:", b"\r\nformer_version:")
            reply = reply.replace(b"\r\nserver_name:", b"\r\nformer_name:")
            reply = reply.replace(b"$6\r\nserver\r\n$6\r\nvalkey\r\n", b"$6\r\nserver\r\n$5\r\nredis\r\n")
        reply = re.sub(rb"\r\n%b:([\d.]+)" % field, lambda found: self._line(field, found[1]), reply)
        bulk = b"$7\r\nversion\r\n$%d\r\n%b\r\n" % (len(self._version), self._version)
        return re.sub(rb"\$7\r\nversion\r\n\$\d+\r\n[\d.]+\r\n", lambda _: bulk, reply)

    def _line(self, field: bytes, own: bytes) -> bytes:
        return b"\r\n%b:%b" % (field, self._version.ljust(len(own), b"0"))


class PostgresRelay(Relay):
    """Postgres that tells this version at the sign-in, in SHOW and in version()."""

    REFUSED = (80877103, 80877104)  # requests for TLS and for GSS, as the first message of a client

    def __init__(self, host: str, port: int, version: str) -> None:
        self._version = version
        super().__init__(host, port)

    def greet(self, client: socket.socket, store: socket.socket) -> None:
        """Decline encryption, through which no version could be changed, and pass the first message on."""
        while True:
            head = exactly(client, 8)
            size, code = struct.unpack("!II", head)
            if code not in self.REFUSED:
                store.sendall(head + exactly(client, size - 8))
                return
            client.sendall(b"N")

    def replies(self, store: socket.socket) -> Iterator[bytes]:
        own = ""
        while head := exactly(store, 5):
            kind, size = struct.unpack("!cI", head)
            body = exactly(store, size - 4)
            if kind == b"S" and body.startswith(b"server_version\0"):
                own = body.split(b"\0")[1].decode()
                body = b"server_version\0" + self._version.encode() + b"\0"
            elif kind == b"D" and own:
                body = self._row(body, own)
            yield kind + struct.pack("!I", len(body) + 4) + body

    def _row(self, body: bytes, own: str) -> bytes:
        """A row in which each value that tells the store's version tells ours."""
        count = struct.unpack_from("!H", body)[0]
        at, told = 2, [struct.pack("!H", count)]
        for _ in range(count):
            size = struct.unpack_from("!i", body, at)[0]
            at += 4
            value = body[at : at + max(size, 0)]
            at += max(size, 0)
            if size >= 0:
                value = self._value(value, own)
            told.append(struct.pack("!i", size if size < 0 else len(value)) + value)
        return b"".join(told)

    def _value(self, value: bytes, own: str) -> bytes:
        plain = own.split()[0]
        if value in (own.encode(), plain.encode()):
            return self._version.encode()
        if value == str(number_of(plain)).encode():
            return str(number_of(self._version)).encode()
        if value == struct.pack("!i", number_of(plain)):
            return struct.pack("!i", number_of(self._version))
        return value.replace(f"PostgreSQL {plain}".encode(), f"PostgreSQL {self._version}".encode())


def number_of(version: str) -> int:
    """`server_version_num` of a version: 140000 of `14.0`. 0 for one in another form, such as a beta's."""
    major, _, minor = version.partition(".")
    return int(major) * 10_000 + int(minor or 0) if major.isdigit() and (minor or "0").isdigit() else 0


def exactly(source: socket.socket, size: int) -> bytes:
    """So many bytes; none where the connection ends before. ConnectionError where it ends in the middle."""
    found = b""
    while len(found) < size:
        data = source.recv(size - len(found))
        if not data:
            if found:
                raise ConnectionError(f"the connection ended after {len(found)} of {size} bytes")
            return b""
        found += data
    return found


@contextmanager
def closing(relay: Relay) -> Iterator[Relay]:
    """The relay, closed with the block."""
    try:
        yield relay
    finally:
        relay.close()
