"""Reads a saved run back: its meta data and all lines of all writers, in the order of their times."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import NotRequired, TypedDict, cast

from rig.record.directory import RunDirectory
from rig.record.lines import decoded
from rig.record.lines.base import Line
from rig.record.run_lines import L, Lines
from rig.record.upgrade import readable_version


class Meta(TypedDict):
    """What run.json says, as far as the code reads it again; docs/record.md names more."""

    kind: str
    started: float
    random_seed: int
    record_version: NotRequired[int]
    level: NotRequired[str]
    strict: NotRequired[bool]
    campaign: NotRequired[dict[str, object]]
    cross: NotRequired[bool]
    goodbye_s: NotRequired[float]
    token_s: NotRequired[int]
    soak: NotRequired[dict[str, object]]  # of a soak: what it was asked for
    pairs: NotRequired[dict[str, int]]  # of a contract run: how many were planned, by what they vary


@dataclass(frozen=True)
class Run:
    """A saved run: `meta` is the content of run.json, `lines` are all lines of its record."""

    directory: RunDirectory
    meta: Meta
    lines: Lines

    @classmethod
    def load(cls, directory: RunDirectory) -> "Run":
        """Read it. ValueError names the file and the line that cannot be read.

        The last line of a file is ignored if it is incomplete, as a killed run leaves it.
        """
        try:
            meta = json.loads(directory.meta.read_text())
        except ValueError as error:
            raise ValueError(f"{directory.meta.name} is not JSON: {error}") from None
        if not isinstance(meta, dict) or "kind" not in meta:
            raise ValueError(f"{directory.meta.name} is not that of a run")
        version = readable_version(meta)
        known = cast(Meta, meta)
        return cls(directory, known, Lines(line for path in directory.records() for line in lines_of(path, version)))

    def of(self, kind: type[L]) -> list[L]:
        """The lines of one kind, in the order of their times."""
        return self.lines.of(kind)


def lines_of(path: Path, version: int) -> Iterator[Line]:
    """The complete lines of one file of a record. ValueError names the file and the line that is none."""
    text = path.read_text(encoding="utf-8", errors="replace")
    complete = text[: text.rfind("\n") + 1]
    for number, line in enumerate(complete.splitlines(), start=1):
        try:
            yield decoded(line)
        except ValueError as error:
            raise ValueError(f"{path.name}:{number} {why_not(line, version, error)}") from None


def why_not(line: str, version: int, error: ValueError) -> str:
    """Why this text is no line of a record, for an error message."""
    try:
        plain: object = json.loads(line)
    except ValueError as broken:
        return f"is not JSON: {broken}"
    if not isinstance(plain, dict) or not {"t", "kind"} <= plain.keys():
        return "is no record line: it has no `t` and `kind`"
    return f"is no line of record version {version}: {error}"
