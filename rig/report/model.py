"""Makes the view of a run of explorations: violations as diagrams, what was explored, what each rule is worth."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from markupsafe import Markup
from rich import box
from rich.console import Console
from rich.table import Table as Printed
from rich.text import Text

from rig.record import Verdict
from rig.report import text
from rig.report.charts import sequence
from rig.report.table import Cell, Table

Line = Mapping[str, Any]
DRAWN_MAX = 20  # violations; the others are in results.json
OUTCOMES = {"killed": Verdict.PASSED, "explained": Verdict.SKIPPED}
STYLES = {
    Verdict.PASSED: "green",
    Verdict.FAILED: "red",
    Verdict.INCONCLUSIVE: "yellow",
    Verdict.SKIPPED: "bright_black",
}


@dataclass(frozen=True)
class Drawn:
    """A violation: its diagram, and the same steps as a list for a narrow window."""

    anchor: str
    title: str
    caption: str
    drawing: Markup
    moves: tuple[sequence.Move, ...]
    broken: str
    file: str


@dataclass(frozen=True)
class Model:
    """What a run of explorations shows beside its items."""

    mutant: str
    violations: tuple[Drawn, ...]
    tables: tuple[Table, ...]


def view(results: Mapping[str, Any]) -> Model | None:
    """The view, or None for a run of another kind."""
    model = results.get("model")
    if not model:
        return None
    drawn = tuple(_drawn(one, number) for number, one in enumerate(model["violations"][:DRAWN_MAX]))
    tables = (_explored(model["explored"]), _control(model["control"]))
    return Model(text.clean(model["mutant"]), drawn, tuple(table for table in tables if table.rows))


def _drawn(violation: Line, number: int) -> Drawn:
    invariant = violation["invariant"]
    without = f"; without {'; '.join(f'“{rule}”' for rule in violation['without'])}" if violation["without"] else ""
    return Drawn(
        anchor=f"violation-{number + 1}",
        title=text.clean(f"{violation['spec']}: {invariant['number']} is broken"),
        caption=text.clean(f"The shortest path within {violation['within']}{without}."),
        drawing=sequence.sequence(violation),
        moves=tuple(sequence.moves(violation)),
        broken=sequence.broken(violation),
        file=text.clean(violation["file"]),
    )


def _explored(lines: Sequence[Line]) -> Table:
    rows = []
    for line in lines:
        verdict = Verdict.FAILED if line["broken"] else Verdict.PASSED if line["complete"] else Verdict.INCONCLUSIVE
        how = f"{line['broken']} broken in {line['steps']} steps" if line["broken"] else ""
        rows.append((
            Cell(text.clean(line["spec"])),
            Cell(text.clean(line["within"]), note=text.clean(f"mutant: {line['mutant']}" if line["mutant"] else "")),
            Cell(how or ("exhausted" if line["complete"] else text.clean(line["stopped"] or "not exhausted")), verdict),
            Cell(text.number(line["states"])),
            Cell(text.number(line["transitions"])),
            Cell(text.number(line["depth"])),
            Cell(text.seconds(line["seconds"])),
        ))  # fmt: skip
    return Table(
        "explored",
        "What was explored",
        "Where it says exhausted, every reachable state was visited. `within` tells how many of each thing may occur.",
        ("specification", "within", "how it ended", "#states", "#transitions", "#depth", "#time"),
        tuple(rows),
    )  # fmt: skip


def _control(lines: Sequence[Line]) -> Table:
    rows = []
    for line in sorted(lines, key=lambda line: (line["spec"], line["what"] != "mutant", line["outcome"] in OUTCOMES)):
        verdict = OUTCOMES.get(line["outcome"], Verdict.INCONCLUSIVE)
        note = line["reason"] if line["outcome"] == "explained" else line["stopped"] if not line["killed_by"] else ""
        wanted = f"names {line['breaks']}" if line["outcome"] == "killed by another invariant" else ""
        rows.append((
            Cell(text.clean(line["spec"])),
            Cell(text.clean(line["what"])),
            Cell(text.clean(line["name"]), note=text.clean(line.get("finding") or "")),
            Cell(text.clean(line["outcome"]), verdict, note=text.clean(note or wanted)),
            Cell(text.clean(line["killed_by"] or "—")),
            Cell(text.number(line["steps"]) if line["killed_by"] else "—"),
            Cell(text.number(line["states"])),
        ))  # fmt: skip
    return Table(
        "control",
        "Negative control",
        "Each mutant, and the protocol without one rule at a time. Each must break an invariant; otherwise the specification "
        "does not cover that rule.",
        ("specification", "what", "taken away", "outcome", "breaks", "#steps", "#states"),
        tuple(rows),
    )


def print_control(results: Mapping[str, Any], console: Console) -> None:
    """On the terminal: the mutants and dropped rules that break nothing, or not what they name."""
    shown = view(results)
    for table in shown.tables if shown else ():
        if table.id == "control":
            rows = [row for row in table.rows if row[3].text != "killed"]
            if rows:
                _print(table, rows, console)


def _print(table: Table, rows: Sequence[Sequence[Cell]], console: Console) -> None:
    printed = Printed(box=box.SIMPLE_HEAD, pad_edge=False, show_edge=False, header_style="bright_black")
    for column in table.columns:
        numbers = column.startswith("#")
        printed.add_column(column.removeprefix("#"), justify="right" if numbers else "left", no_wrap=numbers)
    for row in rows:
        told = [
            Text(cell.text + (f" ({cell.note})" if cell.note else ""), STYLES[cell.verdict] if cell.verdict else "")
            for cell in row
        ]
        printed.add_row(*told)
    console.print(printed)
