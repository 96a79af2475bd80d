"""TLS before an embedded store: a relay of ours, with a certificate of a private authority that the URL names."""

import shutil
import socket
import subprocess
import sys
from pathlib import Path
from typing import NamedTuple

from rig import caller
from rig.stack.errors import StackError
from rig.stack.processes.process import Running, Supervisor
from rig.stack.processes.starting import await_start

PROGRAM = Path(__file__).with_name("tls_relay.py")
READY_S = 10.0
STOP_S = 5.0
OPENSSL_S = 30
DAYS = "2"
CURVE = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes")


class Certificate(NamedTuple):
    """Files: the authority that clients have to trust, and the certificate and key that it gave to 127.0.0.1."""

    authority: Path
    certificate: Path
    key: Path


class TlsFront:
    """Listens on `port` of 127.0.0.1 and passes on to `behind`."""

    def __init__(
        self, supervisor: Supervisor, name: str, logs: Path, port: int, behind: int, files: Certificate
    ) -> None:
        self._supervisor, self._name, self._log = supervisor, name, logs / f"{name}.log"
        self._port, self._behind, self._files = port, behind, files
        self._process: Running | None = None

    def start(self) -> None:
        """Start it and wait until it listens; nothing when it runs. StackError after READY_S."""
        if self._process is not None and self._process.poll() is None:
            return
        words: list[str | Path] = [
            sys.executable,
            PROGRAM,
            str(self._port),
            str(self._behind),
            self._files.certificate,
            self._files.key,
        ]
        self._process = self._supervisor.spawn(self._name, words, env=caller.own(), log=self._log)
        await_start("the TLS relay", self._process, self._log, self._listens, READY_S)

    def _listens(self) -> bool:
        try:
            socket.create_connection(("127.0.0.1", self._port), timeout=1).close()
        except OSError:
            return False
        return True

    def close(self) -> None:
        """End it, and with it every connection through it."""
        if self._process is not None:
            self._process.signal(9)
            self._process.wait(STOP_S)


def make_certificate(directory: Path) -> Certificate:
    """From a new authority. StackError without `openssl`."""
    if shutil.which("openssl") is None:
        raise StackError(
            "--valkey-tls makes certificates by openssl, which is not on PATH: install it, or leave the option out"
        )
    authority, authority_key = directory / "authority.pem", directory / "authority.key"
    certificate, key, request = directory / "store.pem", directory / "store.key", directory / "store.csr"
    names = directory / "names.txt"
    names.write_text("subjectAltName=IP:127.0.0.1,DNS:localhost\n")
    openssl(
        "req", "-x509", *CURVE, "-days", DAYS, "-subj", "/CN=mirror-rig", "-keyout", authority_key, "-out", authority
    )
    openssl("req", *CURVE, "-subj", "/CN=store", "-keyout", key, "-out", request)
    openssl(
        "x509", "-req", "-days", DAYS, "-in", request, "-CA", authority, "-CAkey", authority_key, "-CAcreateserial",
        "-extfile", names, "-out", certificate,
    )  # fmt: skip
    return Certificate(authority, certificate, key)


def openssl(*words: str | Path) -> None:
    done = subprocess.run(
        ["openssl", *map(str, words)], env=caller.own(), capture_output=True, text=True, timeout=OPENSSL_S
    )
    if done.returncode:
        raise StackError(f"openssl {words[0]} failed: {' '.join(done.stderr.split())[-200:]}")
