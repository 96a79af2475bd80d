"""Reads Postgres' jsonlog files as they grow, rotation included, and tells which lines are statements."""

import json
import re
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from rig.stores.growing import Growing, version

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
    """The `*.json` files of a directory, oldest first; each is read on from where the last reading ended, renamed or not."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self._files: dict[Path, Growing] = {}
        self._copies: set[tuple[int, ...]] = set()  # of files that are read under other names

    def read(self) -> Iterator[dict[str, Any]]:
        """New lines of client backends. ValueError names the file with a line that is no entry, after all others are read.

        Names that are not UTF-8 come with replacement characters: Postgres logs bytes as a client sent them.
        """
        wrong = ""
        for path in sorted({*self._files, *self.directory.glob("*.json")}, key=age):
            for line in self._new_lines(path):
                try:
                    entry = json.loads(line.decode("utf-8", errors="replace"))
                except ValueError as error:
                    wrong = wrong or f"{path}: a line is not JSON ({error}): {line[:200]!r}"
                    continue
                if not isinstance(entry, dict):
                    wrong = wrong or f"{path}: a line is no entry of a log: {line[:200]!r}"
                elif entry.get("backend_type") == "client backend":
                    yield entry
        if wrong:
            raise ValueError(wrong)

    def _new_lines(self, path: Path) -> Iterator[bytes]:
        if path not in self._files:
            if self._read_elsewhere(path):
                return
            self._files[path] = Growing(path, may_come=True)
        yield from (line for line in self._files[path].lines() if line.strip())

    def _read_elsewhere(self, path: Path) -> bool:
        """Whether it is a file that had another name when it was opened, or the copy of one."""
        try:
            stat = path.stat()
        except FileNotFoundError:
            return False
        if any(file.holds(stat) for file in self._files.values()):
            return True
        if any(file.copied(path) for file in self._files.values()):
            self._copies.add(version(stat))  # once what it was copied from is truncated, they are no longer alike
        return version(stat) in self._copies


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
