"""A run while it goes: a bar with what runs now on a terminal, only printed lines elsewhere."""

from typing import Self

from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from typer import echo

from rig.terminal import drawn


class ProgressBar:
    """`what` names the things that are counted up to `total`. Nothing of it stays on the screen."""

    def __init__(self, what: str, total: int) -> None:
        columns = (TextColumn(what), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
        self._bar = Progress(*columns, TextColumn("[dim]{task.description}"), transient=True)
        self._task = self._bar.add_task("starting", total=total)
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
        """What runs now, and how much has ended."""
        if self.drawn:
            self._bar.update(self._task, advance=advance, completed=completed, description=description)

    def print(self, text: str) -> None:
        """A line that stays, above the bar."""
        if self.drawn:
            self._bar.console.print(text, highlight=False, markup=False)
        else:
            echo(text)
