"""Shows a run while it goes: how many boxes have had an answer, from the record that is being written."""

import json
import sys
from pathlib import Path
from typing import Any

from typer import echo

from rig.environment.running_stacks import the_stack
from rig.record import RunDirectory


class Progress:
    """Reads what was appended since the last look; draws a line on a terminal, prints nothing elsewhere."""

    def __init__(self, directory: RunDirectory, total: int) -> None:
        self._directory, self._total = directory, total
        self._offsets: dict[Path, int] = {}
        self._answered: set[str] = set()
        self.kept = False  # a stack waits for Ctrl-C
        self._bar: Any = None
        self._task: Any = None

    def __enter__(self) -> "Progress":
        if sys.stdout.isatty():
            from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeElapsedColumn
            from rich.progress import Progress as Bar

            columns = (TextColumn("boxes"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
            self._bar = Bar(*columns, TextColumn("[dim]{task.description}"), transient=True)
            self._task = self._bar.add_task("starting", total=self._total)
            self._bar.start()
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
        if self._bar:
            text = line["scenario"].partition(": ")[2]
            self._bar.update(self._task, completed=len(self._answered), description=text[:60])

    def _tell_kept(self, line: dict[str, Any]) -> None:
        self.kept = True
        if self._bar:
            self._bar.stop()
        stack = the_stack(str(line["pid"]))
        echo(f"kept after a failure: Postgres {stack['postgres']['url']}  Valkey {stack['valkey']['url']}")
        for name, server in stack["servers"].items():
            echo(
                f"  backend {name}: public {server['public_url']}  internal {server['internal_url']}  log {server['log']}"
            )
        echo("`rig sql` and `rig vk` look into it; Ctrl-C ends it")

    def __exit__(self, *_: object) -> None:
        if self._bar:
            self._bar.stop()
