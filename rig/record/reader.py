"""Reads a saved run back: its meta data and all lines of all writers, in order of time."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from rig.record.directory import RunDirectory
from rig.record.lines import decoded
from rig.record.upgrade import readable_version


@dataclass(frozen=True)
class Run:
    """A saved run as plain data: `meta` is run.json, `lines` every record line sorted by its `t`."""

    directory: RunDirectory
    meta: dict[str, Any]
    lines: list[dict[str, Any]]

    @classmethod
    def load(cls, directory: RunDirectory) -> "Run":
        """ValueError names the file and line that cannot be read; a torn last line (killed run) is left out."""
        try:
            meta = json.loads(directory.meta.read_text())
        except ValueError as error:
            raise ValueError(f"{directory.meta.name} is not JSON: {error}") from None
        if not isinstance(meta, dict) or "kind" not in meta:
            raise ValueError(f"{directory.meta.name} is not that of a run")
        version = readable_version(meta)
        lines: list[dict[str, Any]] = []
        for path in directory.records():
            text = path.read_text(encoding="utf-8", errors="replace")
            complete = text if text.endswith("\n") else text[: text.rfind("\n") + 1]
            for number, line in enumerate(complete.splitlines(), start=1):
                try:
                    read = json.loads(line)
                except ValueError as error:
                    raise ValueError(f"{path.name}:{number} is not JSON: {error}") from None
                if not isinstance(read, dict) or not {"t", "kind"} <= read.keys():
                    raise ValueError(f"{path.name}:{number} is no record line: it has no `t` and `kind`")
                try:
                    decoded(line)
                except ValueError as error:
                    raise ValueError(f"{path.name}:{number} is no line of record version {version}: {error}") from None
                lines.append(read)
        lines.sort(key=lambda line: line["t"])
        return cls(directory, meta, lines)

    def of(self, kind: str) -> Iterator[dict[str, Any]]:
        return (line for line in self.lines if line["kind"] == kind)
