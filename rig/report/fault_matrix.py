"""The checklist under each class of fault, as a page of HTML and of Markdown: sections by classes, a verdict per cell."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rig.record import RunDirectory, Verdict, overall
from rig.record.sections import SECTIONS
from rig.report import text, words
from rig.report.build import facts_of
from rig.report.formats import html
from rig.report.formats.markdown import fenced
from rig.report.place import NOWHERE, place_of

MARKS = {
    Verdict.PASSED: "✓", Verdict.FAILED: "✗", Verdict.BROKEN: "!", Verdict.INCONCLUSIVE: "?", Verdict.SKIPPED: "-",
}  # fmt: skip


@dataclass(frozen=True)
class Cell:
    """One section under one class: its verdict without the declared items, the items that did not pass, and the declared ones."""

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
    """The lines below the table: each class's fault, random seed and what did not pass, then each declared change."""
    for name, results in columns.items():
        under = results["condition"]
        verdicts = {item["id"]: item["verdict"] for item in results["items"]}
        fallen = ", ".join(
            id if verdicts[id] == Verdict.FAILED else f"{id} ({verdicts[id]})"
            for cell in cells[name].values()
            for id in cell.fallen
        )
        yield (
            f"{name}: {under['fault']}, {how(under)}; random seed {results['random_seed']};"
            f" did not pass: {fallen or 'nothing'}"
        )
        for id, why in under["changes"].items():
            if any(id in cell.declared for cell in cells[name].values()):
                yield f"{name}, declared: {id}: {why}"
    told = {words.judged_line(results.get("judged") or {}) for results in columns.values()}
    yield from (f"judged: {line}" for line in sorted(told) if line)


def how(under: Mapping[str, Any]) -> str:
    return "active during each scenario" if under["persistent"] else "injected and removed before each scenario"


def link(results: Mapping[str, Any]) -> str:
    return f"{Path(results['directory']).name}/report.html"


def as_html(
    columns: Mapping[str, Any], cells: Mapping[str, Mapping[str, Cell]], command: str, *, linked: bool = True
) -> str:
    """One page that opens offline. Each cell leads to the report of its run; `linked` is False where these are not beside it."""
    every = [cell.verdict for column in cells.values() for cell in column.values() if cell.verdict]
    verdict = overall(every)
    first: Mapping[str, Any] = next(iter(columns.values()), {})
    return (
        html.environment()
        .get_template("matrix.html.j2")
        .render(
            verdict=verdict,
            headline=_headline(every, verdict),
            counts=words.count(every),
            facts=facts_of(first),
            command=command,
            classes=[_class(name, results, cells[name], linked) for name, results in columns.items()],
            rows=[_row(section, columns, cells, linked) for section in asked(cells)],
            meanings=words.MEANINGS,
            style=html.style("matrix.css"),
            place=NOWHERE,
            **html.head(verdict),
        )
    )


def _headline(every: Sequence[Verdict], verdict: Verdict) -> str:
    number = every.count(verdict)
    if verdict is Verdict.PASSED:
        return f"The checklist held under each class of fault: {words.plural(number, 'cell')}, none of them failed."
    said = verdict if verdict is Verdict.FAILED else f"{'is' if number == 1 else 'are'} {verdict}"
    return f"{number} of {words.plural(len(every), 'cell')} {said}."


def _row(
    section: str, columns: Mapping[str, Any], cells: Mapping[str, Mapping[str, Cell]], linked: bool
) -> dict[str, Any]:
    """The cells of one section, each with the words that a screen reader says."""
    shown = []
    for name, results in columns.items():
        cell = cells[name][section]
        told = f"{name}: {cell.verdict or 'not judged'}, {words.plural(cell.items, 'item')}"
        told += f", {len(cell.declared)} declared" if cell.declared else ""
        to = f"{link(results)}#section-{section}" if linked else ""
        shown.append({"verdict": cell.verdict, "told": told, "declared": len(cell.declared), "link": to})
    return {"name": SECTIONS[section], "cells": shown}


def _class(name: str, results: Mapping[str, Any], cells: Mapping[str, Cell], linked: bool) -> dict[str, Any]:
    """One class: its fault, how to judge its run again, what did not pass, what is declared."""
    under = results["condition"]
    items = {item["id"]: item for item in results["items"]}
    declared = [id for cell in cells.values() for id in cell.declared]
    place = place_of(RunDirectory(Path(results["directory"])))
    return {
        "name": name,
        "fault": under["fault"],
        "how": how(under),
        "random_seed": results["random_seed"],
        "report": link(results) if linked else "",
        "recheck": f"rig recheck {place.run_name}{place.options}" if linked else "",
        "fallen": [
            {
                "id": id,
                "verdict": items[id]["verdict"],
                "message": items[id].get("message", ""),
                "anchor": text.anchor(id),
            }
            for cell in cells.values()
            for id in cell.fallen
        ],
        "declared": [(id, why) for id, why in under["changes"].items() if id in declared],
    }
