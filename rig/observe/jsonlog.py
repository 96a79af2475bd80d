"""Reads Postgres' jsonlog files as they grow, rotation included, and tells which lines are statements."""

import json
import re
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

MESSAGE = re.compile(
    r"statement: (?P<simple>.*)|execute (?P<fetch>fetch from )?[^:]*: (?P<extended>.*)"
    r"|fastpath function call: (?P<fastpath>.*)",
    re.DOTALL,
)
PARAMETER = re.compile(r"\$(\d+) = (NULL|'(?:[^']|'')*')")
PARAMETERS = re.compile(r"[Pp]arameters: ")  # `Parameters:` since 16, `parameters:` before
PREPARED = "prepare: "  # the detail of a SQL-level EXECUTE: the text that it stands for
FAILURES = frozenset({"ERROR", "FATAL", "PANIC"})


class JsonLog:
    """The `*.json` files of a directory, oldest first; each is read on from where the last reading ended."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self._offsets: dict[Path, int] = {}

    def read(self) -> Iterator[dict[str, Any]]:
        """New lines of client backends. ValueError names the file with a line that is no JSON."""
        for path in sorted(self.directory.glob("*.json"), key=age):
            for line in self._new_lines(path):
                try:
                    entry = json.loads(line)
                except ValueError as error:
                    raise ValueError(f"{path}: a line is not JSON ({error}): {line[:200]!r}") from None
                if entry.get("backend_type") == "client backend":
                    yield entry

    def _new_lines(self, path: Path) -> list[bytes]:
        """Whole lines only: the collector may be in the middle of one."""
        try:
            with path.open("rb") as file:
                offset = self._offsets.get(path, 0)
                if path.stat().st_size < offset:
                    offset = 0  # truncated: a name that rotation uses again
                file.seek(offset)
                chunk = file.read()
        except FileNotFoundError:
            return []
        whole = chunk[: chunk.rfind(b"\n") + 1]
        self._offsets[path] = offset + len(whole)
        return whole.splitlines()


def age(path: Path) -> tuple[float, str]:
    """By last change: names need not sort by time (a file a weekday)."""
    try:
        return path.stat().st_mtime, path.name
    except FileNotFoundError:
        return 0.0, path.name


def time_of(entry: dict[str, Any]) -> float:
    """Epoch seconds of `2026-05-25 18:07:55.123 UTC`; ValueError for another zone: names are ambiguous."""
    text = entry["timestamp"]
    if not text.endswith((" UTC", " GMT")):
        raise ValueError(f"Postgres logs times as {text!r}: set log_timezone = 'UTC'")
    return datetime.fromisoformat(text[:-4]).replace(tzinfo=UTC).timestamp()


def statement_of(entry: dict[str, Any]) -> tuple[str, list[str | None]] | None:
    """The text and the parameters of a line that logs the beginning of a statement; None for other lines.

    The `execute fetch from` lines of a cursor go on with a statement that has been logged.
    """
    if entry["error_severity"] != "LOG":
        return None
    match = MESSAGE.fullmatch(entry.get("message", ""))
    if match is None or match["fetch"]:
        return None
    text = match["simple"] or match["extended"] or match["fastpath"] or ""
    detail = entry.get("detail", "")
    if detail.startswith(PREPARED):
        text = f"{text} /* {detail} */"
    return text, parameters_of(detail)


def failure_of(entry: dict[str, Any]) -> str | None:
    """The statement that a line says has failed; None for other lines."""
    return (entry.get("statement") or None) if entry["error_severity"] in FAILURES else None


def parameters_of(detail: str) -> list[str | None]:
    """Values of `Parameters: $1 = '...', $2 = NULL`, as text, in order."""
    start = PARAMETERS.match(detail)
    if start is None:
        return []
    values = PARAMETER.findall(detail, start.end())
    return [None if text == "NULL" else text[1:-1].replace("''", "'") for _, text in values]
