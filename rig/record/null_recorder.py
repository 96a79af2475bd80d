"""A recorder for what keeps no run."""

from typing import Any


class NullRecorder:
    """A recorder that keeps nothing: a benchmark prints what it found."""

    def write(self, kind: str, **facts: Any) -> None: ...

    def mask(self, secret: str | None, placeholder: str) -> None: ...
