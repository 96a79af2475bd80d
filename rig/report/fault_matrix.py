"""The checklist under each class of fault, as a page of HTML and of Markdown: sections by classes, a verdict per cell."""

import html
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rig.record import Verdict
from rig.record.sections import SECTIONS
from rig.report import words
from rig.report.formats.markdown import fenced

MARKS = {
    Verdict.PASSED: "✓", Verdict.FAILED: "✗", Verdict.BROKEN: "!", Verdict.INCONCLUSIVE: "?", Verdict.SKIPPED: "-",
}  # fmt: skip


@dataclass(frozen=True)
class Cell:
    """One section under one class: its verdict without the declared items, what fell, and what was declared."""

    verdict: Verdict | None  # None: no item of it was run
    items: int
    fallen: tuple[str, ...]
    declared: tuple[str, ...]


def asked(cells: Mapping[str, Mapping[str, Cell]]) -> list[str]:
    """Sections of which any item was run."""
    return [s for s in SECTIONS if any(column[s].verdict or column[s].declared for column in cells.values())]


def mark(cell: Cell) -> str:
    if cell.verdict is None:
        return "declared" if cell.declared else ""
    return MARKS[cell.verdict] + (f" ({len(cell.declared)} declared)" if cell.declared else "")


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
        under = results["condition"]
        how = "in force all the while" if under["persistent"] else "struck and healed before each scenario"
        verdicts = {item["id"]: item["verdict"] for item in results["items"]}
        fallen = ", ".join(
            id if verdicts[id] == Verdict.FAILED else f"{id} ({verdicts[id]})"
            for cell in cells[name].values()
            for id in cell.fallen
        )
        yield f"{name}: {under['fault']}, {how}; random seed {results['random_seed']}; fell: {fallen or 'nothing'}"
        for id, why in under["changes"].items():
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
            told = f"{cell.verdict or 'none'}, {cell.items} items, random seed {results['random_seed']}"
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
