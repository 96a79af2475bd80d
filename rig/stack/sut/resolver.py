"""A name server of the stack's own, and servers that know their stores by its names: it can be told to fall silent.

A server sees it by another `/etc/resolv.conf`, in a mount namespace of its own: nobody else on the machine does.
"""

import secrets
import shlex
import socket
import struct
import threading
from collections.abc import Mapping
from pathlib import Path
from urllib.parse import urlsplit

from rig.stack.errors import StackError

ZONE = "rig.test"
PROBE = f"probe.{ZONE}"  # the rig's own question
STORES = {"DATABASE_URL": f"postgres.{ZONE}", "VALKEY_URL": f"valkey.{ZONE}"}
FILES = ("resolv.conf", "nsswitch.conf")
PORT = 53  # resolv.conf knows no other
WAKES_EVERY_S = 0.1
TRIES = 20
IPV4 = 1  # the type of a question, as of an answer


class Resolver:
    """Answers 127.0.0.1 to each question for an IPv4 address and nothing to others, or is silent."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self._socket = listening()
        self.address: str = self._socket.getsockname()[0]
        (directory / "resolv.conf").write_text(f"nameserver {self.address}\n")
        (directory / "nsswitch.conf").write_text("hosts: files dns\n")
        self.silent = threading.Event()
        self.in_vain = 0  # questions of servers that got no answer
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._serve, name="resolver", daemon=True)
        self._thread.start()

    def wrapped(self, command: list[str]) -> list[str]:
        """The same command with this resolver; the process that we start becomes it."""
        mounts = "".join(f"mount --bind {shlex.quote(str(self._directory / name))} /etc/{name} && " for name in FILES)
        return ["unshare", "-m", "sh", "-c", f"{mounts}exec {shlex.join(command)}"]

    def named(self, env: Mapping[str, str]) -> dict[str, str]:
        """The same environment with the stores by their names."""
        return {**env, **{key: by_name(env[key], name) for key, name in STORES.items() if key in env}}

    def ask(self, within_s: float) -> bool:
        """Whether it answers the rig."""
        labels = b"".join(bytes([len(label)]) + label.encode() for label in PROBE.split("."))
        question = (
            b"\x00\x07" + struct.pack("!HHHHH", 0x0100, 1, 0, 0, 0) + labels + b"\0" + struct.pack("!HH", IPV4, 1)
        )
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as asking:
            asking.settimeout(within_s)
            asking.sendto(question, (self.address, PORT))
            try:
                return bool(asking.recv(512))
            except OSError:
                return False

    def _serve(self) -> None:
        self._socket.settimeout(WAKES_EVERY_S)
        while not self._over.is_set():
            try:
                question, asker = self._socket.recvfrom(512)
            except TimeoutError:
                continue
            if not self.silent.is_set():
                self._socket.sendto(answer(question), asker)
            elif b"\x05probe" not in question:
                self.in_vain += 1

    def close(self) -> None:
        self._over.set()
        self._thread.join()
        self._socket.close()


def listening() -> socket.socket:
    """On a loopback address that no other stack has taken. StackError where none can be had."""
    error: OSError | None = None
    for _ in range(TRIES):
        bound = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        try:
            bound.bind((f"127.53.{secrets.randbelow(254) + 1}.{secrets.randbelow(254) + 1}", PORT))
            return bound
        except OSError as refusal:
            bound.close()
            error = refusal
    raise StackError(f"no name server can listen at port {PORT} of a loopback address: {error}")


def answer(question: bytes) -> bytes:
    end = question.index(b"\0", 12) + 5
    wanted = struct.unpack("!H", question[end - 4 : end - 2])[0] == IPV4
    head = question[:2] + struct.pack("!HHHHH", 0x8180, 1, int(wanted), 0, 0)
    record = b"\xc0\x0c" + struct.pack("!HHIH", IPV4, 1, 0, 4) + socket.inet_aton("127.0.0.1") if wanted else b""
    return head + question[12:end] + record


def by_name(url: str, name: str) -> str:
    """The same address, by a name; one that is not on this machine stays as it is."""
    host = urlsplit(url).hostname
    return url.replace(f"@{host}:", f"@{name}:") if host == "127.0.0.1" else url
