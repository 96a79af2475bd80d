"""summary.md: the run in a page of Markdown for a CI summary or a pull request, troubles first."""

import html
import re
from collections.abc import Sequence
from dataclasses import replace

from rig.report import text, trim, words
from rig.report.page import Item, Page, Section
from rig.report.table import Cell, Table

SPECIAL = re.compile(r"([\\`*_{}\[\]<>#|~&])")


def markdown(page: Page) -> str:
    """The document as text."""
    parts = [
        f"# {words.MARKS[page.verdict]} {page.verdict.capitalize()} — {escape(page.title)}",
        escape(page.headline),
    ]
    if page.message and page.message != page.headline:
        parts.append(said(page.message))
    if page.total:
        parts.append(f"**{words.tally(page.counts)}**" + (f" ({page.promises})" if page.promises else ""))
    parts += _replay(page)
    parts.append("## What weakens this verdict")
    reasons = "\n".join(f"- {said(reason)}" for reason in page.weakens)
    parts.append(reasons or "Nothing known.")
    parts += _load(page)
    parts += _time(page)
    parts += _model(page)
    if page.troubles:
        parts.append("## What did not pass")
        parts += [_trouble(items[0]) if len(items) == 1 else _cause(items, page) for items in page.causes]
    parts += _walks(page)
    if page.skips:
        parts.append("## What was skipped")
        parts.append(
            "\n".join(f"- {said(reason)}: {', '.join(map(escape, ids))}" for reason, ids in page.skips.items())
        )
    if page.sections:
        parts += ["## Sections", EVIDENCE, _table(page)]
        parts += [_section(section, page) for section in page.sections]
    if page.facts:
        parts += ["## The run", "\n".join(f"- {name}: {code(value)}" for name, value in page.facts)]
    return "\n\n".join(parts) + "\n"


def escape(words_: str) -> str:
    """Text on one line that Markdown and the HTML behind it leave as it is."""
    return _escaped(" ".join(words_.split()))


def code(words_: str) -> str:
    """A code span that may itself hold backticks."""
    one_line = " ".join(words_.split())
    fence = "`" * (max((len(run) for run in re.findall("`+", one_line)), default=0) + 1)
    space = " " if "`" in one_line else ""
    return f"{fence}{space}{one_line}{space}{fence}"


def sentence(title: str) -> str:
    """A sentence of the checklist with its inline marks kept and all else escaped."""
    return "".join(DRAWN[kind](part) for kind, part in text.spans(title.replace("\n", " ")))


def said(message: str) -> str:
    """A message of the rig, cut, on one line, with its code kept and all else escaped."""
    return "".join(DRAWN[kind](part) for kind, part in text.code_spans(" ".join(trim.message(message).split())))


def _escaped(part: str) -> str:
    """Escapes a part of a line, whose spaces at the ends count."""
    return SPECIAL.sub(r"\\\1", part)


def _strong(part: str) -> str:
    return f"**{_escaped(part)}**"


DRAWN = {"text": _escaped, "code": code, "strong": _strong}


WALKS_MAX = 5  # the HTML has them all


def _walks(page: Page) -> list[str]:
    """Walks that broke a sentence: the scenario, and lines for a shell."""
    parts = ["## Walks that broke a sentence"] if page.walks else []
    for walk in page.walks[:WALKS_MAX]:
        parts += [f"### {escape(walk.sentence)}: {escape(walk.name)}, {words.plural(walk.requests, 'request')}"]
        parts += [fenced("\n".join(walk.scenario), "gherkin"), fenced("\n".join(walk.shell))]
    return parts


def _replay(page: Page) -> list[str]:
    return ["Run it again:", fenced(page.command)] if page.command else []


def fenced(command: str, language: str = "sh") -> str:
    """A command as a block for a shell, or a text in another language."""
    fence = "`" * max(3, max((len(run) for run in re.findall("`+", command)), default=0) + 1)
    return f"{fence}{language}\n{command}\n{fence}"


def _trouble(item: Item) -> str:
    parts = [f"### {words.MARKS[item.verdict]} {escape(item.id)} {item.verdict}", sentence(item.title)]
    if item.message:
        parts.append("> " + said(item.message))
    if item.replay:
        parts.append(fenced(item.replay))
    return "\n\n".join(parts)


def _cause(items: Sequence[Item], page: Page) -> str:
    """What several have in common, once."""
    verdict = items[0].verdict
    head = f"### {words.MARKS[verdict]} {words.plural(len(items), *page.noun)} {verdict}"
    return "\n\n".join([head, ", ".join(escape(item.id) for item in items), "> " + said(items[0].message)])


# The summary has no room for the evidence. It must say where that is, and what its last column means.
EVIDENCE = "The run directory also has `report.html`, with the evidence for each row. The column `time` tells how long it was observed."
SHORT = ("claims", "thresholds", "accounting", "percentiles")  # the tables of a load that a summary has room for


def _load(page: Page) -> list[str]:
    """The tables of a load run that come first."""
    tables = [page.load.table(name) for name in SHORT] if page.load else []
    return [part for table in tables if table for part in (f"## {table.title}", said(table.caption), _rows(table))]


def _time(page: Page) -> list[str]:
    """Where the time went, without the scenarios: these are in the HTML."""
    if page.time is None:
        return []
    rows = [f"| {escape(part.name)} | {text.seconds(part.seconds)} | {part.percent} % |" for part in page.time.parts]
    workers = f", {page.time.workers} workers side by side" if page.time.workers > 1 else ""
    head = [f"| Part{workers} | time | share |", "| --- | ---: | ---: |"]
    return ["## Where the time went", "\n".join([*head, *rows])]


def _model(page: Page) -> list[str]:
    """What was explored, and of the negative control what is not as it should be."""
    parts: list[str] = []
    for table in page.model.tables if page.model else ():
        rows = [row for row in table.rows if table.id != "control" or row[3].text != "killed"]
        if rows:
            parts += [f"## {table.title}", said(table.caption), _rows(replace(table, rows=tuple(rows)))]
    return parts


def _rows(table: Table) -> str:
    head = [escape(column.removeprefix("#")) for column in table.columns]
    rule = ["---:" if column.startswith("#") else "---" for column in table.columns]
    rows = [head, rule, *([_plain(cell) for cell in row] for row in table.rows)]
    return "\n".join(f"| {' | '.join(row)} |" for row in rows)


def _plain(cell: Cell) -> str:
    mark = f"{words.MARKS[cell.verdict]} " if cell.verdict else ""
    drawn = re.sub(r"(?<!\\)\|", r"\\|", code(cell.text)) if cell.code else escape(cell.text)
    return f"{mark}{drawn}" + (f" ({escape(cell.note)})" if cell.note else "")


def _table(page: Page) -> str:
    shown = [verdict for verdict, number in page.counts.items() if number]
    head = ["Section", *(verdict.value for verdict in shown), "time"]
    rows = [head, ["---", *("---:" for _ in shown), "---:"]]
    for section in page.sections:
        name = escape(section.name)
        counts = section.counts
        rows.append([name, *(str(counts[verdict] or "") for verdict in shown), text.seconds(section.seconds)])
    return "\n".join(f"| {' | '.join(row)} |" for row in rows)


def _cell(title: str) -> str:
    """A sentence in a table, where a bar inside a code span must be escaped as well."""
    return re.sub(r"(?<!\\)\|", r"\|", sentence(title))


def _section(section: Section, page: Page) -> str:
    # Markdown is not read inside a summary tag: HTML's own escapes hold there.
    name = html.escape(section.name)
    rows = [f"| {page.noun[0]} | verdict | what must hold | time |", "| --- | --- | --- | ---: |"]
    for item in section.items:
        verdict = f"{words.MARKS[item.verdict]} {item.verdict}"
        rows.append(f"| {escape(item.id)} | {verdict} | {_cell(item.title)} | {text.seconds(item.seconds)} |")
    body = "\n".join(rows)
    return f"<details><summary>{name}: {words.tally(section.counts)}</summary>\n\n{body}\n\n</details>"
