"""The checklist under each class of fault: a table of sections and classes, each cell a verdict that leads to its report."""

import html
import time
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from rich import box
from rich.console import Console
from rich.table import Table

from rig.config import Settings
from rig.errors import UsageError
from rig.record import Verdict, exit_code, overall
from rig.record.sections import SECTIONS
from rig.record.verdict import EXIT_INTERRUPTED
from rig.report import words
from rig.report.formats.markdown import fenced
from rig.runs.checklist.repeat import random_seeds
from rig.runs.checklist.run import only_words, run_once, select_items
from rig.runs.common.replay import replay_command
from rig.runs.common.session import draw_random_seed


@dataclass(frozen=True)
class Under:
    """One class, by name: the fault that stands for it, and what it changes as it must (box → why).

    `stays`: it is in force while the boxes are answered; else each scenario begins after it has healed.
    """

    name: str
    fault: str
    stays: bool = False
    changes: Mapping[str, str] = field(default_factory=dict)


SEEDED = {"I-06": "the fault asks for a seed, and the box wants none since the start"}
CLASSES: Mapping[str, Under] = {
    under.name: under
    for under in (
        Under("reachability", "refused", changes=SEEDED),
        Under("silence", "hung", changes=SEEDED),
        Under("slowness", "slow within patience", stays=True),
        Under("cuts", "all connections cut", changes=SEEDED),
        Under("refusing", "read-only"),
        Under("wrong", "flushdb", changes=SEEDED),
        Under("partial", "subscribers killed"),
        Under("truth", "postgres connections cut"),
        Under("server", "server frozen"),
    )
}
MARKS = {
    Verdict.PASSED: "✓", Verdict.FAILED: "✗", Verdict.BROKEN: "!", Verdict.INCONCLUSIVE: "?", Verdict.SKIPPED: "-",
}  # fmt: skip


@dataclass(frozen=True)
class Cell:
    """One section under one class: its verdict without the declared boxes, what fell, and what was declared."""

    verdict: Verdict | None  # None: no box of it was run
    boxes: int
    fallen: tuple[str, ...]
    declared: tuple[str, ...]


def run(settings: Settings, only: list[str], classes: Sequence[str]) -> int:
    """The worst cell's exit code, 130 after Ctrl-C. UsageError for a class or box that is none."""
    chosen = list(classes) or list(CLASSES)
    for name in chosen:
        if name not in CLASSES:
            raise UsageError(f"--class {name!r} is none of {', '.join(CLASSES)}")
    select_items(only)
    first = draw_random_seed(settings.random_seed)
    seeds = random_seeds(first, len(chosen))
    words = ["rig", "chaos", "matrix", *(word for name in classes for word in ("--class", name)), *only_words(only)]
    command = replay_command(words, settings, first)
    columns: dict[str, dict[str, Any]] = {}
    interrupted = False
    for name, seed in zip(chosen, seeds, strict=True):
        print(f"\n{name}: the checklist under {CLASSES[name].fault!r}, ", end="")
        try:
            results, interrupted = run_once(settings, only, seed, under=CLASSES[name])
        except KeyboardInterrupt:
            interrupted = True
            break
        columns[name] = results
        if interrupted:
            break
    if columns:
        cells = {name: cells_of(results, CLASSES[name].changes) for name, results in columns.items()}
        kept = write(settings.reports, columns, cells, command)
        show(columns, cells, Console())
        print(f"replay       {command}\nmatrix       {kept}")
    if interrupted:
        return EXIT_INTERRUPTED
    every = [cell.verdict for column in cells.values() for cell in column.values() if cell.verdict is not None]
    return exit_code(overall(every), skipped=every.count(Verdict.SKIPPED), strict=settings.strict)


def cells_of(results: Mapping[str, Any], changes: Mapping[str, str]) -> dict[str, Cell]:
    """By section. A declared box that passes all the same is told as declared, and judged as nothing."""
    found = {}
    for section in SECTIONS:
        items = [item for item in results["items"] if item["section"] == section]
        judged = [item for item in items if item["id"] not in changes]
        fallen = [item["id"] for item in judged if item["verdict"] not in (Verdict.PASSED, Verdict.SKIPPED)]
        verdict = overall(Verdict(item["verdict"]) for item in judged) if judged else None
        declared = [item["id"] for item in items if item["id"] in changes]
        found[section] = Cell(verdict, len(judged), tuple(fallen), tuple(declared))
    return found


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
        told = f"fell: {', '.join(fallen)}" if fallen else "all held"
        apart = f"; declared: {', '.join(declared)}" if declared else ""
        console.print(f"{name}, random seed {results['random_seed']}: {told}{apart}")


def asked(cells: Mapping[str, Mapping[str, Cell]]) -> list[str]:
    """Sections of which any box was run."""
    return [s for s in SECTIONS if any(column[s].verdict or column[s].declared for column in cells.values())]


def mark(cell: Cell) -> str:
    if cell.verdict is None:
        return "declared" if cell.declared else ""
    return MARKS[cell.verdict] + (f" ({len(cell.declared)} declared)" if cell.declared else "")


def write(reports: Path, columns: Mapping[str, Any], cells: Mapping[str, Mapping[str, Cell]], command: str) -> Path:
    """`matrix-<time>.html` and `.md` beside the runs that they lead to; the page's path."""
    stem = reports / f"matrix-{time.strftime('%Y%m%dT%H%M%SZ', time.gmtime())}"
    stem.with_suffix(".md").write_text(as_markdown(columns, cells, command), encoding="utf-8")
    page = stem.with_suffix(".html")
    page.write_text(as_html(columns, cells, command), encoding="utf-8")
    return page


def as_markdown(columns: Mapping[str, Any], cells: Mapping[str, Mapping[str, Cell]], command: str) -> str:
    """`command` runs all of it again."""
    lines = [
        "# The checklist under each class of fault",
        "",
        fenced(command),
        "",
        "| section | " + " | ".join(columns) + " |",
        "|---" * (len(columns) + 1) + "|",
    ]
    for section in asked(cells):
        row = [f"[{mark(cells[name][section]) or '.'}]({link(columns[name])})" for name in columns]
        lines.append(f"| {SECTIONS[section]} | " + " | ".join(row) + " |")
    lines += ["", *(f"- {line}" for line in sentences(columns, cells))]
    return "\n".join(lines) + "\n"


def sentences(columns: Mapping[str, Any], cells: Mapping[str, Mapping[str, Cell]]) -> Iterable[str]:
    """What stands below the table: each class's fault, random seed and what fell, then each declared change."""
    for name, results in columns.items():
        under = CLASSES[name]
        how = "in force all the while" if under.stays else "struck and healed before each scenario"
        verdicts = {item["id"]: item["verdict"] for item in results["items"]}
        fallen = ", ".join(
            id if verdicts[id] == Verdict.FAILED else f"{id} ({verdicts[id]})"
            for cell in cells[name].values()
            for id in cell.fallen
        )
        yield f"{name}: {under.fault}, {how}; random seed {results['random_seed']}; fell: {fallen or 'nothing'}"
        for id, why in under.changes.items():
            if any(id in cell.declared for cell in cells[name].values()):
                yield f"{name}, declared: {id}: {why}"
    told = {words.judged_line(results.get("judged") or {}) for results in columns.values()}
    yield from (f"judged: {line}" for line in sorted(told) if line)


def link(results: Mapping[str, Any]) -> str:
    return f"{Path(results['directory']).name}/report.html"


STYLE = """
:root { color-scheme: light dark; --paper: #fdfdfc; --ink: #1a1c20; --soft: #555b65; --rule: #e2e3e0;
  --passed: #1b7f4d; --failed: #c2332b; --broken: #7d44b5; --inconclusive: #96620a; --skipped: #69707b; }
@media (prefers-color-scheme: dark) { :root { --paper: #131518; --ink: #e6e8eb; --soft: #a9b0ba; --rule: #2a2e34;
  --passed: #4fbf87; --failed: #ff7d74; --broken: #c79bf2; --inconclusive: #e3b04b; --skipped: #929aa5; } }
body { margin: 0; background: var(--paper); color: var(--ink);
  font: 15px/1.5 -apple-system, "Segoe UI", Roboto, "Liberation Sans", Arial, sans-serif; }
main { max-width: 1120px; margin: 0 auto; padding: 40px 24px; } .wide { overflow-x: auto; }
table { border-collapse: separate; border-spacing: 0; width: 100%; font-variant-numeric: tabular-nums; }
th, td { padding: 6px 12px; border-bottom: 1px solid var(--rule); text-align: center; white-space: nowrap; }
th { font-size: 12px; font-weight: 600; color: var(--soft); } tbody th { text-align: left; }
/* The sections stay in sight while a narrow screen is scrolled. */
tbody th, thead th:first-child { position: sticky; left: 0; background: var(--paper); }
td a { color: inherit; text-decoration: none; display: block; } td a:hover { text-decoration: underline; }
.passed { color: var(--passed); } .failed { color: var(--failed); } .broken { color: var(--broken); }
.inconclusive { color: var(--inconclusive); } .skipped, .none { color: var(--skipped); }
small { color: var(--soft); display: block; font-size: 11px; line-height: 1.2; } ul { padding-left: 20px; } li { margin: 4px 0; }
@media (max-width: 640px) { main { padding: 24px 16px; } h1 { font-size: 22px; } th, td { padding: 6px 8px; } }
"""


def as_html(
    columns: Mapping[str, Any], cells: Mapping[str, Mapping[str, Cell]], command: str, *, linked: bool = True
) -> str:
    """One page that opens offline: each cell leads to the report of its run, unless it stands without these."""
    heads = "".join(f"<th scope=col>{html.escape(name)}</th>" for name in columns)
    rows = []
    for section in asked(cells):
        found = []
        for name, results in columns.items():
            cell = cells[name][section]
            told = f"{cell.verdict or 'none'}, {cell.boxes} boxes, random seed {results['random_seed']}"
            apart = f"<small> {len(cell.declared)} declared</small>" if cell.declared else ""
            shown = (MARKS[cell.verdict] if cell.verdict else "·") + apart
            tag = f'a href="{html.escape(link(results))}"' if linked else 'span role="img"'
            found.append(
                f'<td class="{cell.verdict or "none"}"><{tag} title="{html.escape(told)}"'
                f' aria-label="{html.escape(told)}">{shown}</{tag.split()[0]}></td>'
            )
        rows.append(f"<tr><th scope=row>{html.escape(SECTIONS[section])}</th>{''.join(found)}</tr>")
    notes = "".join(f"<li>{html.escape(line)}</li>" for line in sentences(columns, cells))
    counts = Counter(cell.verdict for column in cells.values() for cell in column.values() if cell.verdict)
    told = ", ".join(f"{number} {verdict}" for verdict, number in counts.items())
    legend = " · ".join(f'<span class="{verdict}">{sign}</span> {verdict}' for verdict, sign in MARKS.items())
    return (
        '<!doctype html><html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>Checklist under faults</title><style>{STYLE}</style></head><body><main>"
        f"<h1>The checklist under each class of fault</h1><p>{told} of {sum(counts.values())} cells. {legend}</p>"
        f"<p><code>{html.escape(command)}</code></p>"
        f'<div class="wide"><table><thead><tr><th></th>{heads}</tr></thead><tbody>{"".join(rows)}</tbody></table></div>'
        f"<ul>{notes}</ul></main></body></html>\n"
    )
