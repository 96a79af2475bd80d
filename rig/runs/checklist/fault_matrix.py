"""The checklist under each class of fault: a table of sections and classes, each cell a verdict that leads to its report."""

import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from rich import box
from rich.console import Console
from rich.table import Table
from typer import echo

from rig.checks.checklist.fault_conditions import CLASSES
from rig.config import Settings
from rig.errors import unknown
from rig.record import Verdict, exit_code, overall
from rig.record.sections import SECTIONS
from rig.record.verdict import EXIT_INTERRUPTED
from rig.report.fault_matrix import Cell, as_html, as_markdown, asked, mark
from rig.runs.checklist.run import run_once
from rig.runs.checklist.selection import only_words, select_items
from rig.runs.common.replay import replay_command
from rig.runs.common.seeds import draw_random_seed, random_seeds
from rig.terminal import console, print_result


def run(settings: Settings, only: list[str], classes: Sequence[str]) -> int:
    """The worst cell's exit code, 130 after Ctrl-C. UsageError for a class or box that is none."""
    chosen = list(classes) or list(CLASSES)
    for name in chosen:
        if name not in CLASSES:
            raise unknown("class of faults", name, CLASSES)
    select_items(only)
    first = draw_random_seed(settings.random_seed)
    seeds = random_seeds(first, len(chosen))
    words = ["rig", "chaos", "matrix", *(word for name in classes for word in ("--class", name)), *only_words(only)]
    command = replay_command(words, settings, first)
    columns: dict[str, dict[str, Any]] = {}
    interrupted = False
    for name, seed in zip(chosen, seeds, strict=True):
        echo(f"\n{name}: the checklist under {CLASSES[name].fault!r}, ", nl=False)
        try:
            finished = run_once(settings, only, seed, under=CLASSES[name])
        except KeyboardInterrupt:
            interrupted = True
            break
        kept_in = {"directory": str(finished.directory.path)}
        columns[name] = {**finished.results, **kept_in, "condition": asdict(CLASSES[name])}
        if interrupted := finished.interrupted:
            break
    if columns:
        cells = {name: cells_of(results, results["condition"]["changes"]) for name, results in columns.items()}
        kept = write(settings.reports, columns, cells, command)
        show(columns, cells, console())
        echo(f"replay       {command}\nmatrix       {kept}")
    if interrupted:
        return EXIT_INTERRUPTED
    every = [cell.verdict for column in cells.values() for cell in column.values() if cell.verdict is not None]
    print_result(overall(every), kept)
    return exit_code(overall(every), skipped=every.count(Verdict.SKIPPED), strict=settings.strict)


def cells_of(results: Mapping[str, Any], changes: Mapping[str, str]) -> dict[str, Cell]:
    """By section. A declared box that passes all the same is told as declared, and judged as nothing."""
    cells = {}
    for section in SECTIONS:
        items = [item for item in results["items"] if item["section"] == section]
        judged = [item for item in items if item["id"] not in changes]
        fallen = [item["id"] for item in judged if item["verdict"] not in (Verdict.PASSED, Verdict.SKIPPED)]
        verdict = overall(Verdict(item["verdict"]) for item in judged) if judged else None
        declared = [item["id"] for item in items if item["id"] in changes]
        cells[section] = Cell(verdict, len(judged), tuple(fallen), tuple(declared))
    return cells


def show(columns: Mapping[str, Any], cells: Mapping[str, Mapping[str, Cell]], console: Console) -> None:
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, show_edge=False, header_style="bright_black")
    table.add_column("section")
    for name in columns:
        table.add_column(name, justify="center")
    for section in asked(cells):
        table.add_row(SECTIONS[section], *(mark(cells[name][section]) for name in columns))
    console.print()
    console.print(table)
    for name, results in columns.items():
        fallen = [id for cell in cells[name].values() for id in cell.fallen]
        declared = [id for cell in cells[name].values() for id in cell.declared]
        outcome = f"fell: {', '.join(fallen)}" if fallen else "all held"
        exceptions = f"; declared: {', '.join(declared)}" if declared else ""
        console.print(f"{name}, random seed {results['random_seed']}: {outcome}{exceptions}")


def write(reports: Path, columns: Mapping[str, Any], cells: Mapping[str, Mapping[str, Cell]], command: str) -> Path:
    """`matrix-<time>.html` and `.md` beside the runs that they lead to; the page's path."""
    stem = reports / f"matrix-{time.strftime('%Y%m%dT%H%M%SZ', time.gmtime())}"
    stem.with_suffix(".md").write_text(as_markdown(columns, cells, command), encoding="utf-8")
    page = stem.with_suffix(".html")
    page.write_text(as_html(columns, cells, command), encoding="utf-8")
    return page
