"""Ports for a run, each held against other rigs on this machine until it is given back or this process ends.

They come from below the range that outgoing connections use: a disabled proxy frees its port, and an outgoing
socket that got the same number would keep it from ever being enabled again. A port is held by a lock on its
byte of one file, so that the system itself lets go when we die and nothing is left to tidy.
"""

import fcntl
import os
import random
import socket
import threading
from pathlib import Path

from rig.paths import cache_directory
from rig.stack.errors import StackError

LOWEST = 15000
DEFAULT_EPHEMERAL = 32768
RANGE_FILE = Path("/proc/sys/net/ipv4/ip_local_port_range")


def candidates() -> range:
    """The ports to choose from: 15000, or lower where need be, up to where outgoing connections begin."""
    try:
        first_outgoing = int(RANGE_FILE.read_text().split()[0])
    except (OSError, ValueError, IndexError):
        first_outgoing = DEFAULT_EPHEMERAL
    return range(min(LOWEST, max(1024, first_outgoing - 15000)), first_outgoing)


def is_free(port: int, *, lingering_ok: bool = False) -> bool:
    """Whether a server could listen on 127.0.0.1:port now; `lingering_ok`: one that sets SO_REUSEADDR."""
    with socket.socket() as probe:
        if lingering_ok:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True


class Ports:
    """The ports that this process holds. One a process: locks of a process do not exclude each other."""

    def __init__(self) -> None:
        self._held: set[int] = set()
        self._mutex = threading.Lock()
        self._file: int | None = None
        self._owner = 0

    def take(self) -> int:
        """A free port, ours until `give_back` or the end of this process."""
        choice = candidates()
        with self._mutex:
            file = self._open()
            start = random.SystemRandom().randrange(len(choice))
            for offset in range(len(choice)):
                port = choice[(start + offset) % len(choice)]
                if port not in self._held and is_free(port) and self._lock(file, port):
                    self._held.add(port)
                    return port
        raise StackError(f"no free port on 127.0.0.1 from {choice.start} to {choice.stop - 1}")

    def give_back(self, port: int) -> None:
        with self._mutex:
            if port in self._held:
                self._held.remove(port)
                fcntl.lockf(self._open(), fcntl.LOCK_UN, 1, port)

    def _open(self) -> int:
        """The lock file, opened once and never closed: closing any descriptor of it drops all our locks."""
        if self._file is None or self._owner != os.getpid():  # a fork inherits no lock
            self._file = os.open(cache_directory() / "ports.lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
            self._owner = os.getpid()
            self._held.clear()
        return self._file

    @staticmethod
    def _lock(file: int, port: int) -> bool:
        try:
            fcntl.lockf(file, fcntl.LOCK_EX | fcntl.LOCK_NB, 1, port)
        except OSError:
            return False
        return True


def held_by_a_rig() -> bool:
    """Whether some process of this user holds a port; this one does not count, as its own locks never exclude it."""
    with (cache_directory() / "ports.lock").open("a+b") as file:
        try:
            fcntl.lockf(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            return True
    return False


PORTS = Ports()
