"""How the rig prints: without wrapping or padding in a pipe or a file, and only results where the user wants quiet."""

import io
import re
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import IO, Any

from rich.console import Console

WIDE = 1000  # columns of a pipe or a file: no table is wider
RULE_MAX = 100  # columns of a line that separates


class Unpadded(io.TextIOBase):
    """A text stream that drops the spaces at the end of each line: rich pads every cell of a table."""

    def __init__(self, stream: IO[str]) -> None:
        self._stream = stream

    @property
    def encoding(self) -> str:  # type: ignore[override]
        return self._stream.encoding or "utf-8"

    def write(self, text: str) -> int:
        self._stream.write(re.sub(r" +(?=\n)", "", text))
        return len(text)

    def flush(self) -> None:
        self._stream.flush()


class Quiet(io.TextIOBase):
    """A standard output that drops everything. `results` is the stream behind it, for verdicts."""

    encoding = "utf-8"

    def __init__(self, results: IO[str]) -> None:
        self.results = results

    def write(self, text: str) -> int:
        return len(text)


def drawn() -> bool:
    """Whether a progress bar can be drawn: standard output is a terminal, whatever FORCE_COLOR says."""
    return sys.stdout.isatty()


def console(**more: Any) -> Console:
    """A console for standard output. In a pipe or a file its lines are neither wrapped nor padded."""
    return Console(**more) if drawn() else Console(file=Unpadded(sys.stdout), width=WIDE, **more)


@contextmanager
def results_only() -> Iterator[None]:
    """Drop what is printed on standard output, except for results."""
    before = sys.stdout
    sys.stdout = Quiet(before)  # type: ignore[assignment]
    try:
        yield
    finally:
        sys.stdout = before


def print_result(verdict: str, report: object = "") -> None:
    """In a quiet run, print its verdict and the path of its report. Otherwise the run prints a whole summary itself."""
    if isinstance(sys.stdout, Quiet):
        print_anyway(f"{verdict}  {report}".rstrip())


def print_anyway(line: str) -> None:
    """Print a line in a quiet run too."""
    stream = sys.stdout.results if isinstance(sys.stdout, Quiet) else sys.stdout
    stream.write(line + "\n")
    stream.flush()
