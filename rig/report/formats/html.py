"""The HTML report: one file that opens offline, with its style, script and charts inside."""

import base64
import hashlib
import os
import sys
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemBytecodeCache, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from rig.record import Verdict
from rig.record.evidence import moment
from rig.report import evidence, growth, model_words, text, trim, words
from rig.report.charts import svg
from rig.report.explain import difference
from rig.report.formats.markup import coded, inline, named
from rig.report.page import Page
from rig.report.place import NOWHERE, Place

TEMPLATES = Path(__file__).parents[1] / "templates"
BYTES_MAX = 2_000_000  # what a browser on a phone still opens at once
# The tab shows the verdict; colours as in style.css.
ICON = (
    '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 16 16">'
    '<circle cx="8" cy="8" r="7.5" fill="{colour}"/>'
    '<path d="{path}" fill="none" stroke="#fff" stroke-width="2" stroke-linecap="round"/></svg>'
)
COLOURS = {
    Verdict.PASSED: "#1b7f4d",
    Verdict.FAILED: "#c2332b",
    Verdict.BROKEN: "#7d44b5",
    Verdict.INCONCLUSIVE: "#96620a",
    Verdict.SKIPPED: "#69707b",
}
# The same marks in the icon, the rows and the map, on a grid of 16.
PATHS = {
    Verdict.PASSED: "M4.6 8.4 7 10.8 11.6 5.6",
    Verdict.FAILED: "M5.4 5.4 10.6 10.6M10.6 5.4 5.4 10.6",
    Verdict.BROKEN: "M8 4.2V8.6M8 11.6V11.7",
    Verdict.INCONCLUSIVE: "M6 6.2C6 3.6 10.2 3.8 10 6.3 9.9 7.7 8 7.7 8 9.1M8 11.8V11.9",
    Verdict.SKIPPED: "M5 8H11",
}


def html(page: Page, results: Mapping[str, Any], place: Place = NOWHERE) -> str:
    """The whole document. Evidence is cut ever shorter until the file is below BYTES_MAX."""
    context = _context(page, results, place)
    template = environment().get_template("report.html.j2")
    document = ""
    for limits in trim.STEPS:
        document = template.render(context, limits=limits)
        if len(document.encode()) < BYTES_MAX:
            break
    return document


@cache
def environment() -> Environment:
    """Everything is escaped unless it is Markup, and a name that the template misspells is an error."""
    made = Environment(
        loader=FileSystemLoader(TEMPLATES),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        bytecode_cache=compiled_templates(),
    )
    made.filters.update(inline=inline, coded=coded, named=named, seconds=text.seconds, clock=text.clock)
    made.globals.update(blocks=evidence.blocks, bar=evidence.bar, tally=words.tally, plural=words.plural)
    made.globals.update(compared=difference.compared)
    made.globals.update(paths=PATHS)
    return made


def compiled_templates() -> FileSystemBytecodeCache | None:
    """Keeps compiled templates beside their sources, as Python does with modules; None if Python may not or cannot."""
    folder = TEMPLATES / "__pycache__"
    try:
        if not sys.dont_write_bytecode:
            folder.mkdir(exist_ok=True)
    except OSError:
        return None
    return FileSystemBytecodeCache(str(folder)) if os.access(folder, os.W_OK) else None


def _context(page: Page, results: Mapping[str, Any], place: Place) -> dict[str, Any]:
    origin = float(results.get("started") or 0)
    spans = svg.phases(results.get("phases") or (), origin)
    dates = bool(results.get("dates"))
    lanes = [*(results.get("lanes") or ()), *violations(results)]
    bands = svg.shaded(spans, results.get("lanes") or (), origin)
    return {
        "page": page,
        "place": place,
        "run_name": text.clean(place.run_name),
        "style": style(*styles(page, results)),
        **head(page.verdict),
        "meanings": model_words.MEANINGS if page.model else words.MEANINGS,
        "phases": spans,
        "timeline": svg.timeline(lanes, spans, origin, dates=dates) if spans and lanes else None,
        "growth": growth.rows(results["growth"]) if results.get("growth") else None,
        "curves": growth.charts(results["growth"]) if results.get("growth") else [],
        "charts": [
            (_caption(series), svg.chart(series, bands, origin, dates=dates)) for series in results.get("series") or ()
        ],
    }


def styles(page: Page, results: Mapping[str, Any]) -> list[str]:
    """The further style files that this page needs."""
    if page.model:
        return ["sequence.css", "model.css"]
    pieces = (
        piece for item in results["items"] for answer in item.get("answers") or () for piece in answer["evidence"]
    )
    return ["sequence.css"] if any(piece.get("kind") == "path" for piece in pieces) else []


def style(*more: str) -> Markup:
    """The style of every page, and further files of the templates behind it."""
    return Markup("".join((TEMPLATES / name).read_text(encoding="utf-8") for name in ("style.css", *more)))


def head(verdict: Verdict) -> dict[str, Any]:
    """What every page needs: the script with its hash, by which the policy allows it, and the icon."""
    script = (TEMPLATES / "script.js").read_text(encoding="utf-8")
    return {
        "script": Markup(script),
        "script_hash": base64.b64encode(hashlib.sha256(script.encode()).digest()).decode(),
        "icon": base64.b64encode(_icon(verdict).encode()).decode(),
    }


def violations(results: Mapping[str, Any]) -> list[dict[str, Any]]:
    """A lane of what broke a promise, each a link to its evidence, at the times of what shows it."""
    marks = []
    for item in results.get("items") or ():
        if words.verdict_of(item["verdict"]) is not Verdict.FAILED:
            continue
        pieces = [piece for answer in item.get("answers") or () for piece in answer.get("evidence") or ()]
        times = [at for piece in pieces if (at := moment(piece)) is not None]
        for at in times or [results.get("ended") or 0.0]:
            marks.append(
                {
                    "t": at,
                    "name": f"{item['id']}: {trim.message(item.get('message', ''))}",
                    "link": text.anchor(item["id"]),
                }
            )
    return [{"name": "violations", "spans": [], "marks": marks}] if marks else []


def _caption(series: Mapping[str, Any]) -> str:
    return ", ".join(text.clean(series[key]) for key in ("name", "unit") if series.get(key))


def _icon(verdict: Verdict) -> str:
    return ICON.format(colour=COLOURS[verdict], path=PATHS[verdict])
