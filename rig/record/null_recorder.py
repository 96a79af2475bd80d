"""A recorder for what keeps no run."""

from rig.record.lines.base import Line
from rig.record.writer import RecordWriter


class NullRecorder(RecordWriter):
    """A recorder that keeps nothing: a benchmark prints what it found."""

    def about(self, **fields: object) -> None: ...

    def mask(self, secret: str, placeholder: str) -> None: ...

    def write(self, kind: str, /, t: float | None = None, **fields: object) -> None: ...

    def add(self, line: Line) -> None: ...
