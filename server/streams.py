"""Standard output and error that never block the server: a thread writes, and lines beyond its buffer are dropped and counted.

Without this a pipe that nobody reads would stop the whole server at the first line that does not fit into the pipe.
"""

import atexit
import io
import os
import select
import sys
import threading
import time
from collections import deque

WAITING_BYTES_MAX = 1024 * 1024
DRAIN_WITHIN_S = 0.5  # at the exit, whose time is limited


class Stream(io.TextIOBase):
    """A text stream whose `write` never waits. Lines keep their order. After dropped lines, one line says how many."""

    def __init__(self, name: str, fd: int, bytes_max: int = WAITING_BYTES_MAX) -> None:
        self._name, self._fd, self._bytes_max = name, fd, bytes_max
        self._changed = threading.Condition(threading.Lock())
        self._waiting: deque[bytes] = deque()
        self._bytes = 0  # of the waiting lines
        self._begun = ""  # an unfinished line
        self._gap = 0  # lines dropped since the last one that was kept
        self._busy = False
        self.dropped = 0
        threading.Thread(target=self._run, name=f"writer of {name}", daemon=True).start()

    def write(self, text: str) -> int:
        with self._changed:
            whole, end, self._begun = (self._begun + text).rpartition("\n")
            if end:
                self._keep((whole + end).encode(errors="backslashreplace"))
        return len(text)

    def writable(self) -> bool:
        return True

    def _keep(self, data: bytes) -> None:
        if self._gap or (self._waiting and self._bytes + len(data) > self._bytes_max):
            self._gap += data.count(b"\n")
            self.dropped += data.count(b"\n")
            return
        self._waiting.append(data)
        self._bytes += len(data)
        self._changed.notify_all()

    def drain(self, within_s: float) -> bool:
        """Wait until everything is written. False if that took longer than `within_s`."""
        with self._changed:
            if self._begun:
                self._begun, rest = "", self._begun
                self._keep(f"{rest}\n".encode(errors="backslashreplace"))
            return self._changed.wait_for(lambda: not (self._waiting or self._busy), within_s)

    def _run(self) -> None:
        while True:
            with self._changed:
                self._busy = False
                self._changed.notify_all()
                self._changed.wait_for(lambda: self._waiting)
                data = b"".join(self._waiting)
                if self._gap:
                    data += f"[log] nobody read {self._name}: {self._gap} lines were dropped\n".encode()
                    self._gap = 0
                self._waiting.clear()
                self._bytes = 0
                self._busy = True
            self._write(memoryview(data))

    def _write(self, data: memoryview) -> None:
        while data:
            try:
                data = data[os.write(self._fd, data) :]
            except BlockingIOError:  # another process that shares the pipe made it non-blocking
                select.select([], [self._fd], [])
            except OSError:  # closed, or the disk is full; later lines may succeed
                with self._changed:
                    self.dropped += bytes(data).count(b"\n")
                return


_installed: list[Stream] = []


def install() -> None:
    """Make `sys.stdout` and `sys.stderr` such streams. Call it before anything is opened."""
    for fd in (0, 1, 2):
        try:
            os.fstat(fd)
        except OSError:
            os.open(os.devnull, os.O_RDWR)  # takes this number, so that no connection gets it and with it our lines
    output = Stream("standard output", 1)
    one_file = os.path.samestat(os.fstat(1), os.fstat(2))  # one stream then keeps the order of both
    error = output if one_file else Stream("standard error", 2)
    sys.stdout, sys.stderr = output, error
    _installed[:] = [output] if one_file else [output, error]
    atexit.register(drain)


def drain() -> None:
    """Wait until all lines are written, for DRAIN_WITHIN_S at most in total."""
    deadline = time.monotonic() + DRAIN_WITHIN_S
    for stream in _installed:
        stream.drain(max(0.0, deadline - time.monotonic()))


def dropped() -> int:
    """How many lines were never written."""
    return sum(stream.dropped for stream in _installed)
