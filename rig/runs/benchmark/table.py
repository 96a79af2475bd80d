"""The table of a benchmark: figures beside their goals."""

from collections.abc import Sequence
from dataclasses import dataclass

from rich import box
from rich.console import Console, JustifyMethod
from rich.table import Table
from typer import echo

from rig.config import Settings
from rig.record.verdict import EXIT_CODES
from rig.report.words import judged_line
from rig.runs.common.provenance import judged
from rig.runs.common.replay import replay_command
from rig.terminal import print_result


@dataclass(frozen=True)
class Figure:
    """One line of the table; `goal` is an upper bound, None where there is none."""

    name: str
    value: float | None
    unit: str
    goal: float | None = None

    @property
    def reached(self) -> bool | None:
        return None if self.goal is None else self.value is not None and self.value <= self.goal


def print_figures(figures: Sequence[Figure], console: Console) -> None:
    """A line each, with its goal and whether it was reached."""
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, show_edge=False, header_style="bright_black")
    columns: tuple[tuple[str, JustifyMethod], ...] = (
        ("", "left"),
        ("measured", "right"),
        ("goal", "right"),
        ("", "left"),
    )
    for name, justify in columns:
        table.add_column(name, justify=justify)
    for figure in figures:
        value = "never" if figure.value is None else f"{plain(figure.value)} {figure.unit}".rstrip()
        goal = "" if figure.goal is None else f"≤ {figure.goal:g} {figure.unit}".rstrip()
        mark = {None: "", True: "✓", False: "✗"}[figure.reached]
        table.add_row(figure.name, value, goal, mark)
    console.print(table)


def plain(value: float) -> str:
    """Four digits where it is small, all before the point where it is large."""
    return f"{value:,.0f}" if abs(value) >= 1000 else f"{value:.4g}"


def ended(code: int, settings: Settings, words: Sequence[str], random_seed: int | None = None) -> int:
    """Print what was measured and the command that does it again; in a quiet run only the verdict. Returns the code."""
    echo(f"tested       {judged_line(judged(settings))}")
    echo(f"replay       {replay_command(words, settings, random_seed)}")
    print_result(next(verdict for verdict, its_code in EXIT_CODES.items() if its_code == code))
    return code
