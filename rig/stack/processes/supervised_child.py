"""A process that the supervisor started, and the log that it keeps of it. Standard library only, as the supervisor."""

import os
import subprocess
import threading
import time
from pathlib import Path
from typing import IO, Any

READ_BYTES = 1 << 16
LINE_BYTES_MAX = 1 << 20


class Child:
    """A process that we started: its log's pump, its last signal and, once reaped, its exit code."""

    def __init__(self, name: str, popen: subprocess.Popen[bytes], last_signal: int, log: Path | None) -> None:
        self.name = name
        self.popen = popen
        self.pid = popen.pid
        self.last_signal = last_signal
        self.started = time.time()
        self.exited: float | None = None
        self.exit_code: int | None = None
        self.pump: threading.Thread | None = None
        self.read = threading.Event()  # whether anybody reads what it prints
        self.read.set()
        if log is not None:
            assert popen.stdout is not None, "with a log its output is a pipe"
            self.pump = threading.Thread(target=stamp_lines, args=(popen.stdout, log, self.read), daemon=True)
            self.pump.start()

    def reaped(self, status: int) -> None:
        self.exit_code = os.waitstatus_to_exitcode(status)
        self.exited = time.time()
        self.popen.returncode = self.exit_code  # or Popen would look for a process that is gone

    def state(self) -> dict[str, Any]:
        return {
            "pid": self.pid, "exit_code": self.exit_code, "started": self.started, "exited": self.exited,
            "read": self.read.is_set(),
        }  # fmt: skip


def stamp_lines(source: IO[bytes], log: Path, read: threading.Event) -> None:
    """Copy lines to the log, each behind the epoch second of its arrival, until all writers have gone.

    While `read` is not set they stay in the pipe, but for what a call that waits already may still take.
    """
    with source, log.open("ab", buffering=0) as file:
        rest = b""
        while read.wait() and (chunk := os.read(source.fileno(), READ_BYTES)):
            stamp = b"%.6f " % time.time()
            *lines, rest = (rest + chunk).split(b"\n")
            if len(rest) > LINE_BYTES_MAX:
                lines, rest = [*lines, rest], b""
            if lines:
                file.write(b"".join(stamp + line + b"\n" for line in lines))
        if rest:
            file.write(b"%.6f " % time.time() + rest + b"\n")
