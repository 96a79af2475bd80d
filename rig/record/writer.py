"""Writes the record of a run: one JSON line per observation or event, with secrets masked."""

import datetime
import decimal
import json
import threading
import uuid
from pathlib import Path
from typing import Protocol

import msgspec

from rig.record.directory import RunDirectory
from rig.record.lines import decoded
from rig.record.lines.base import Line, ScenarioLine

# Values of these types are written as text, by `str`.
AS_TEXT = (datetime.datetime, datetime.date, datetime.time, datetime.timedelta, uuid.UUID, decimal.Decimal)


class RecordWriter(Protocol):
    """What takes the lines of a run: a `Recorder`, or a `NullRecorder` if no run is kept."""

    def about(self, scenario: str, variant: str) -> None:
        """The scenario and variant that the following lines belong to."""

    def mask(self, secret: str, placeholder: str) -> None:
        """From now on write `placeholder` in place of `secret`."""

    def add(self, line: Line) -> None:
        """Append one line."""


class Recorder(RecordWriter):
    """Appends lines to `record-<writer>.jsonl`. A process has one recorder, which its threads may share.

    Each line is flushed when it is written, so that a killed run keeps all of them.
    """

    def __init__(self, directory: RunDirectory, writer: str = "main") -> None:
        self.directory = directory
        self.path: Path = directory.path / f"record-{writer}.jsonl"
        self._file = self.path.open("a", encoding="utf-8", buffering=1)
        self._lock = threading.Lock()
        self._secrets: dict[str, str] = {}
        self._scenario, self._variant = "", ""

    def about(self, scenario: str, variant: str) -> None:
        """The scenario and variant that the following lines belong to, unless they name one themselves."""
        self._scenario, self._variant = scenario, variant

    def mask(self, secret: str, placeholder: str) -> None:
        """From now on write `placeholder` (for example `$TOKEN`) in place of `secret`."""
        if len(secret) >= 6:  # a shorter one could occur in other text
            with self._lock:
                self._secrets[json.dumps(secret)[1:-1]] = placeholder

    def masked(self, text: str) -> str:
        for secret, placeholder in list(self._secrets.items()):
            if secret in text:
                text = text.replace(secret, placeholder)
        return text

    def add(self, line: Line) -> None:
        """Append one line. ValueError if a value is not of the type that its class declares."""
        if isinstance(line, ScenarioLine) and not line.scenario:
            line = msgspec.structs.replace(line, scenario=self._scenario, variant=self._variant)
        text = json.dumps(msgspec.to_builtins(line, builtin_types=AS_TEXT), default=str)
        try:
            decoded(text)
        except ValueError as error:
            raise ValueError(f"no line of a record: {error}: {text[:200]}") from None
        with self._lock:
            self._file.write(self.masked(text) + "\n")

    def close(self) -> None:
        with self._lock:
            self._file.close()

    def __enter__(self) -> "Recorder":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()
