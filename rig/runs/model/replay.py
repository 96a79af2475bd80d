"""Prints a saved violation step by step: the state before and after each, the broken invariant last."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text

from rig import terminal
from rig.config import Settings
from rig.errors import UsageError
from rig.report import text
from rig.report.charts.sequence import broken, moves
from rig.runs.model.summary import told_bounds

NEEDED = {"spec", "bounds", "without", "invariant", "message", "initial", "steps"}


def run(settings: Settings, file: Path, console: Console | None = None) -> int:
    """Exit code 0 once it is printed; UsageError for what is no saved violation. `file` may be below the reports."""
    below = settings.reports / file
    show(read(below if below.is_file() and not file.exists() else file), console or terminal.console(highlight=False))
    return 0


def read(file: Path) -> dict[str, Any]:
    """A violation as `rig model` has saved it."""
    try:
        violation: object = json.loads(file.read_text(encoding="utf-8"))
    except OSError as error:
        raise UsageError(f"--replay {file}: {error.strerror}") from None
    except ValueError as error:
        raise UsageError(f"--replay {file} is not JSON: {error}") from None
    if not isinstance(violation, dict) or not violation.keys() >= NEEDED:
        missing = ", ".join(sorted(NEEDED - violation.keys() if isinstance(violation, dict) else NEEDED))
        raise UsageError(f"--replay {file} is no violation that `rig model` has saved: it lacks {missing}")
    return violation


def show(violation: Mapping[str, Any], console: Console) -> None:
    """All of it. What no step changes is told once, at the top."""
    console.print(Text(f"{violation['spec']}: {violation.get('title', '')}", "bold"))
    console.print(Text(f"within {told_bounds(violation['bounds'])}"))
    if violation["without"]:
        console.print(Text(f"without the rules: {'; '.join(violation['without'])}", "yellow"))
    before = dict(violation["initial"])
    states = [before, *(dict(step["state"]) for step in violation["steps"])]
    still = [label for label in before if len({state.get(label) for state in states}) == 1]
    unchanged = "; ".join(f"{label}: {before[label]}" for label in still)
    console.print(Text(f"never changes: {text.clean(unchanged)}", "bright_black"))
    for move, state in zip(moves(violation), states[1:], strict=True):
        console.print()
        style = "bold red" if move.last else "yellow" if move.kind == "fault" else "bold"
        way = f"  [{move.way}]" if move.way else ""
        console.print(Text.assemble((f"{move.number}. {move.told}", style), (way, "bright_black")), soft_wrap=True)
        console.print(_table([label for label in before if label not in still], before, state))
        before = state
    console.print()
    console.print(Text(broken(violation), "bold red"), soft_wrap=True)


def _table(labels: list[str], before: Mapping[str, str], after: Mapping[str, str]) -> Table:
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, show_edge=False, header_style="bright_black")
    for name in ("", "state", "before", "after"):
        table.add_column(name)
    for label in labels:
        was, became = before.get(label, "none"), after.get(label, "none")
        changed = was != became
        style = "bold" if changed else "bright_black"
        cells = (">" if changed else "", label, was, became if changed else "same")
        table.add_row(*(Text(text.clean(cell), style) for cell in cells))
    return table
