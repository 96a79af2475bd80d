"""A recorder for what keeps no run."""

from rig.record.lines.base import Line


class NullRecorder:
    """A recorder that keeps nothing: a benchmark prints what it found."""

    def write(self, kind: str, **facts: object) -> None: ...

    def add(self, line: Line) -> None: ...

    def mask(self, secret: str | None, placeholder: str) -> None: ...
