"""Writes the record of a soak, and waits while the disk is full: what was sampled is kept in memory, up to a limit."""

import shutil
import threading
import time
from collections import deque

from rig.record import RecordWriter
from rig.record.lines.base import Line
from rig.record.lines.soak import SoakEvent
from rig.record.writer import Recorder

FREE_MIN_MB = 64.0  # below it nothing is written: a line that is cut in half could not be read again
WAITING_MAX = 50_000  # lines in memory, about a day of samples


class DiskFull(Exception):
    """The disk was full for so long that the run must end, or lines would be lost."""


class Keeper(RecordWriter):
    """A recorder that holds lines back while the disk is nearly full. DiskFull when it holds too many."""

    def __init__(self, recorder: Recorder) -> None:
        self._recorder = recorder
        self._waiting: deque[Line] = deque()
        self._lock = threading.Lock()
        self._since: float | None = None

    def about(self, scenario: str, variant: str) -> None:
        self._recorder.about(scenario, variant)

    def mask(self, secret: str, placeholder: str) -> None:
        self._recorder.mask(secret, placeholder)

    def add(self, line: Line) -> None:
        with self._lock:
            self._waiting.append(line)
            self._write()
            if len(self._waiting) > WAITING_MAX:
                raise DiskFull(f"the disk of {self._recorder.path.parent} has been full for too long: free some space")

    def _write(self) -> None:
        if not self._has_room():
            self._since = self._since or time.time()
            return
        if self._since is not None:
            seconds = time.time() - self._since
            text = f"the disk of {self._recorder.path.parent} was full for {seconds:.0f} s; what was sampled was kept"
            self._waiting.append(SoakEvent(t=self._since, name="disk", scope="disk", text=text, seconds=seconds))
            self._since = None
        while self._waiting:
            self._recorder.add(self._waiting[0])
            self._waiting.popleft()

    def _has_room(self) -> bool:
        return shutil.disk_usage(self._recorder.path.parent).free >= FREE_MIN_MB * 1e6
