"""A run while it goes: a bar with what runs now on a terminal, a line now and then in a pipe or a file."""

import time
from typing import Self

from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from typer import echo

from rig.terminal import drawn

TOLD_EVERY_S = 10.0  # a log of continuous integration shows by it that the run goes on


class ProgressBar:
    """`what` names the things that are counted up to `total`. Nothing of the bar stays on the screen."""

    def __init__(self, what: str, total: int) -> None:
        columns = (TextColumn(what), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
        self._bar = Progress(*columns, TextColumn("[dim]{task.description}"), transient=True)
        self._task = self._bar.add_task("starting", total=total)
        self._what, self._total, self._completed = what, total, 0
        self._told_at = time.monotonic()
        self.drawn = drawn()

    def __enter__(self) -> Self:
        if self.drawn:
            self._bar.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def stop(self) -> None:
        if self.drawn:
            self._bar.stop()

    def show(self, description: str | None = None, *, advance: int | None = None, completed: int | None = None) -> None:
        """What runs now, and how much has ended. Where no bar is drawn, a line every TOLD_EVERY_S."""
        self._completed = self._completed + (advance or 0) if completed is None else completed
        if self.drawn:
            self._bar.update(self._task, advance=advance, completed=completed, description=description)
        elif time.monotonic() - self._told_at >= TOLD_EVERY_S:
            self._told_at = time.monotonic()
            echo(f"  {self._what}: {self._completed} of {self._total}{f' ({description})' if description else ''}")

    def print(self, text: str) -> None:
        """A line that stays, above the bar."""
        if self.drawn:
            self._bar.console.print(text, highlight=False, markup=False)
        else:
            echo(text)
