"""How the rig prints: without wrapping or padding in a pipe or a file, and only results where the user wants quiet."""

import re
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, TextIO, cast

from rich.console import Console

WIDE = 1000  # columns of a pipe or a file: no table is wider
RULE_MAX = 100  # columns of a line that separates


class Unpadded:
    """A text stream that drops the spaces at the end of each line: rich pads every cell of a table."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream

    def write(self, text: str) -> int:
        return self._stream.write(re.sub(r" +(?=\n)", "", text))

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)


class Quiet:
    """A standard output that drops everything. `results` is the stream behind it, for verdicts."""

    def __init__(self, results: TextIO) -> None:
        self.results = results

    def write(self, text: str) -> int:
        return len(text)

    def isatty(self) -> bool:
        return False

    def __getattr__(self, name: str) -> Any:
        return getattr(self.results, name)


def drawn() -> bool:
    """Whether a progress bar can be drawn: standard output is a terminal, whatever FORCE_COLOR says."""
    return sys.stdout.isatty()


def console(**more: Any) -> Console:
    """A console for standard output. In a pipe or a file its lines are neither wrapped nor padded."""
    return Console(**more) if drawn() else Console(file=cast(TextIO, Unpadded(sys.stdout)), width=WIDE, **more)


@contextmanager
def results_only() -> Iterator[None]:
    """Drop what is printed on standard output, except for results."""
    before = sys.stdout
    sys.stdout = cast(TextIO, Quiet(before))
    try:
        yield
    finally:
        sys.stdout = before


def results_stream() -> TextIO | None:
    """The stream for results in a quiet run; None in any other run."""
    current: object = sys.stdout
    return current.results if isinstance(current, Quiet) else None


def print_result(verdict: str, report: object = "") -> None:
    """In a quiet run, print its verdict and the path of its report. Any other run prints a whole summary itself."""
    if results_stream() is not None:
        print_always(f"{verdict}  {report}".rstrip())


def print_always(line: str) -> None:
    """Print a line, in a quiet run too."""
    stream = results_stream() or sys.stdout
    stream.write(line + "\n")
    stream.flush()
