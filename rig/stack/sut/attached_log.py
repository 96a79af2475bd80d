"""Follows the log file of a server that runs already, and stamps each line when it is read: its own times have any form."""

import threading
import time
from pathlib import Path
from typing import BinaryIO

from rig.stores.growing import Growing

LOOK_EVERY_S = 0.005
BEFORE = b"%.6f " % 0.0


class AttachedLog:
    """A thread that copies new lines to `stamped`, up before the constructor returns.

    Lines that were there before get the stamp 0: when they came nobody can say. Nothing is lost by a rotation.
    """

    def __init__(self, source: Path, stamped: Path) -> None:
        self.source, self.stamped = source, stamped
        self._stopping = threading.Event()
        self._growing = Growing(source)
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
                if last_look:
                    break
        self._growing.close()

    def _copy(self, copy: BinaryIO, stamp: bytes) -> None:
        copy.write(b"".join(stamp + line + b"\n" for line in self._growing.lines()))
