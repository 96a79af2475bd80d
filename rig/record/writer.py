"""Writes a run as it goes: one JSON line an observation or event, with secrets masked on the way in."""

import datetime
import decimal
import json
import threading
import time
import uuid
from pathlib import Path
from typing import Protocol

import msgspec

from rig.record.directory import RunDirectory
from rig.record.lines import decoded
from rig.record.lines.base import Line

# What `write` makes text of, by `str`.
AS_TEXT = (datetime.datetime, datetime.date, datetime.time, datetime.timedelta, uuid.UUID, decimal.Decimal)


class RecordWriter(Protocol):
    """What takes the lines of a run: a `Recorder`, or a `NullRecorder` where no run is kept."""

    def about(self, **fields: object) -> None:
        """From now on each line tells these fields too."""

    def mask(self, secret: str, placeholder: str) -> None:
        """From now on `placeholder` is written wherever `secret` stands."""

    def write(self, kind: str, /, t: float | None = None, **fields: object) -> None:
        """Append one line."""

    def add(self, line: Line) -> None:
        """Append one line."""


class Recorder(RecordWriter):
    """Appends lines to `record-<writer>.jsonl`; one recorder a process, safe to use from its threads.

    A line is `{"t": epoch seconds, "kind": ..., ...}`. Each is flushed when written, so a killed run
    keeps all that it saw.
    """

    def __init__(self, directory: RunDirectory, writer: str = "main") -> None:
        self.directory = directory
        self.path: Path = directory.path / f"record-{writer}.jsonl"
        self._file = self.path.open("a", encoding="utf-8", buffering=1)
        self._lock = threading.Lock()
        self._secrets: dict[str, str] = {}
        self._about: dict[str, object] = {}

    def about(self, **fields: object) -> None:
        """From now on each line tells these fields too (which scenario it is of), unless it has them of its own."""
        self._about = fields

    def mask(self, secret: str, placeholder: str) -> None:
        """From now on write `placeholder` (say `$TOKEN`) wherever `secret` stands."""
        if len(secret) >= 6:  # shorter ones would mask innocent text
            with self._lock:
                self._secrets[json.dumps(secret)[1:-1]] = placeholder

    def masked(self, text: str) -> str:
        for secret, placeholder in list(self._secrets.items()):
            if secret in text:
                text = text.replace(secret, placeholder)
        return text

    def write(self, kind: str, /, t: float | None = None, **fields: object) -> None:
        """Append one line; `fields` must be plain JSON (dates and uuids are written as text).

        ValueError for a kind or field that no line of a record has (`rig/record/lines`).
        """
        line = json.dumps({"t": time.time() if t is None else t, "kind": kind, **self._about, **fields}, default=str)
        try:
            decoded(line)
        except ValueError as error:
            raise ValueError(f"no line of a record: {error}: {line[:200]}") from None
        with self._lock:
            self._file.write(self.masked(line) + "\n")

    def add(self, line: Line) -> None:
        """Append one line. What the record is `about` is told with it, unless the line says it."""
        told = msgspec.to_builtins(line, builtin_types=AS_TEXT)
        assert isinstance(told, dict)
        self.write(told.pop("kind"), **told)

    def close(self) -> None:
        with self._lock:
            self._file.close()

    def __enter__(self) -> "Recorder":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()
