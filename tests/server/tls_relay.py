"""Stores behind TLS, with certificates made on the spot."""

import socket
import ssl
import subprocess
from contextlib import suppress
from pathlib import Path
from threading import Thread
from urllib.parse import urlsplit


def make_certificate(directory: Path, name: str) -> tuple[Path, Path]:
    """Certificate and key of 127.0.0.1, its own authority."""
    certificate, key = directory / f"{name}.pem", directory / f"{name}.key"
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2",
         "-subj", f"/CN={name}", "-addext", "subjectAltName=IP:127.0.0.1", "-keyout", key, "-out", certificate],
        check=True, capture_output=True, timeout=30,
    )  # fmt: skip
    return certificate, key


class TlsRelay:
    """Relays a Valkey on a port of its own, with this certificate."""

    scheme = "rediss"

    def __init__(self, url: str, certificate: Path, key: Path) -> None:
        self._to = urlsplit(url)
        self.use(certificate, key)
        self._server = socket.create_server(("127.0.0.1", 0))
        user = self._to.netloc.rpartition("@")[0]
        self.url = f"{self.scheme}://{user}@127.0.0.1:{self._server.getsockname()[1]}{self._to.path}"
        self._links: list[socket.socket] = []
        Thread(target=self._accept, daemon=True).start()

    def use(self, certificate: Path, key: Path) -> None:
        """The certificate of connections from now on."""
        self._context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self._context.load_cert_chain(certificate, key)

    def close(self) -> None:
        self._server.shutdown(socket.SHUT_RDWR)
        self._server.close()
        self.cut()

    def cut(self) -> None:
        """End every connection."""
        for link in self._links:
            with suppress(OSError):
                link.shutdown(socket.SHUT_RDWR)

    def greet(self, plain: socket.socket) -> None:
        """What comes before TLS."""

    def _accept(self) -> None:
        with suppress(OSError):
            while True:
                near, _ = self._server.accept()
                Thread(target=self._relay, args=(near,), daemon=True).start()

    def _relay(self, plain: socket.socket) -> None:
        with plain, suppress(OSError):
            self.greet(plain)
            self._relay_encrypted(plain)

    def _relay_encrypted(self, plain: socket.socket) -> None:
        with self._context.wrap_socket(plain, server_side=True) as near:
            with socket.create_connection((self._to.hostname, self._to.port)) as far:
                self._links += [near, far]
                down = Thread(target=_pump, args=(far, near), daemon=True)
                down.start()
                _pump(near, far)
                down.join(5)


def _pump(source: socket.socket, sink: socket.socket) -> None:
    with suppress(OSError):
        while data := source.recv(65536):
            sink.sendall(data)
    with suppress(OSError):
        sink.shutdown(socket.SHUT_RDWR)


class PostgresTlsRelay(TlsRelay):
    """The same before a Postgres: there a client asks for TLS first."""

    scheme = "postgresql"

    def greet(self, plain: socket.socket) -> None:
        plain.recv(8, socket.MSG_WAITALL)
        plain.sendall(b"S")
