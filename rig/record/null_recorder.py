"""A recorder for commands that keep no run."""

from rig.record.lines.base import Line
from rig.record.writer import RecordWriter


class NullRecorder(RecordWriter):
    """A recorder that keeps nothing: a benchmark only prints its figures."""

    def about(self, scenario: str, variant: str) -> None: ...

    def mask(self, secret: str, placeholder: str) -> None: ...

    def add(self, line: Line) -> None: ...
