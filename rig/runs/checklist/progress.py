"""Shows a run while it goes: how many boxes have had an answer, from the record that is being written."""

import json
from pathlib import Path
from typing import Any, Self

from rig.record import RunDirectory
from rig.runs.common.kept import tell_kept
from rig.runs.common.progress_bar import ProgressBar

SHOWN_MAX = 60  # columns of the progress bar's text


class Progress:
    """Reads what was appended to the record since the last look, and shows it on a terminal."""

    def __init__(self, directory: RunDirectory, total: int) -> None:
        self._directory = directory
        self._offsets: dict[Path, int] = {}
        self._answered: set[str] = set()
        self.kept = False  # a stack waits for Ctrl-C
        self._bar = ProgressBar("items", total)

    def __enter__(self) -> Self:
        self._bar.__enter__()
        return self

    def look(self) -> None:
        for path in self._directory.records():
            with path.open("rb") as file:
                file.seek(self._offsets.get(path, 0))
                lines = file.read().split(b"\n")
            self._offsets[path] = self._offsets.get(path, 0) + sum(len(line) + 1 for line in lines[:-1])
            for line in lines[:-1]:
                if b'"kind": "observation"' in line:
                    self._show(json.loads(line))
                elif b'"kind": "kept"' in line:
                    self._tell_kept(json.loads(line))

    def _show(self, line: dict[str, Any]) -> None:
        self._answered.add(line["item"])
        self._bar.show(line["scenario"].partition(": ")[2][:SHOWN_MAX], completed=len(self._answered))

    def _tell_kept(self, line: dict[str, Any]) -> None:
        self.kept = True
        self._bar.stop()
        tell_kept(int(line["pid"]))

    def __exit__(self, *_: object) -> None:
        self._bar.stop()
