"""Follows the log file of a server that runs already, and stamps each line when it is read: its own times have any form."""

import os
import threading
import time
from pathlib import Path
from typing import BinaryIO

LOOK_EVERY_S = 0.005
BEFORE = b"%.6f " % 0.0


class AttachedLog:
    """A thread that copies new lines to `stamped`, up before the constructor returns.

    Lines that were there before get the stamp 0: when they came nobody can say. A file that is truncated, or
    replaced by another of its name, is read on from the new one's beginning.
    """

    def __init__(self, source: Path, stamped: Path) -> None:
        self.source, self.stamped = source, stamped
        self._stopping = threading.Event()
        self._rest = b""
        self._file = source.open("rb")
        with self.stamped.open("ab") as copy:
            self._copy(copy, BEFORE)
        self._thread = threading.Thread(target=self._follow, name="attached-log", daemon=True)
        self._thread.start()

    def close(self) -> None:
        """The last lines are copied, then the thread ends."""
        self._stopping.set()
        self._thread.join(5.0)

    def _follow(self) -> None:
        with self.stamped.open("ab", buffering=0) as copy:
            while True:
                last_look = self._stopping.wait(LOOK_EVERY_S)
                self._copy(copy, b"%.6f " % time.time())
                self._reopen_if_replaced()
                if last_look:
                    break
        self._file.close()

    def _copy(self, copy: BinaryIO, stamp: bytes) -> None:
        chunk = self._file.read()
        if chunk:
            *lines, self._rest = (self._rest + chunk).split(b"\n")
            copy.write(b"".join(stamp + line + b"\n" for line in lines))

    def _reopen_if_replaced(self) -> None:
        try:
            now, held = self.source.stat(), os.fstat(self._file.fileno())
            if now.st_ino != held.st_ino:
                self._file.close()
                self._file = self.source.open("rb")
            elif now.st_size < self._file.tell():
                self._file.seek(0)
        except FileNotFoundError:
            return  # between the two halves of a rotation
