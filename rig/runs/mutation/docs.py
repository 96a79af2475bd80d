"""Keeps docs/sabotage.md: a row for each broken server with what its last run proved; rows not run again stay."""

import re
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path

from rig.paths import shipped
from rig.report.formats import files
from rig.report.formats.markdown import code, escape
from rig.runs.mutation.catalogue import Entry
from rig.runs.mutation.outcome import Outcome, Proof

DOCS = shipped("docs", "sabotage.md")
BEGIN, END = "<!-- written by `rig prove --write-docs` -->", "<!-- end of what is written -->"
ROW = re.compile(r"^\| `(?P<name>[^`]+)` \| .* \| (?P<proved>[^|]*) \|$", re.MULTILINE)
HEAD = "| broken server | defect | must fell | proved |\n| --- | --- | --- | --- |"


def write_docs(catalogue: Sequence[Entry], outcomes: Sequence[Outcome], path: Path = DOCS) -> Path:
    """Write the table anew between its marks. ValueError when the page has lost them."""
    page = path.read_text()
    before, begin, rest = page.partition(BEGIN)
    table, end, after = rest.partition(END)
    if not begin or not end:
        raise ValueError(f"{path} has lost its marks {BEGIN} and {END}")
    proved = {
        **proved_rows(table),
        **{outcome.entry.name: told(outcome) for outcome in outcomes if outcome.proof is not Proof.NOT_RUN},
    }
    files.write(path, f"{before}{BEGIN}\n\n{table_of(catalogue, proved)}\n\n{END}{after}")
    return path


def proved_rows(table: str) -> dict[str, str]:
    """By entry: what the table says of its last run."""
    return {match["name"]: match["proved"] for match in ROW.finditer(table)}


def told(outcome: Outcome) -> str:
    return f"{outcome.proof} {datetime.now(UTC):%Y-%m-%d}, {outcome.seconds:.0f} s"


def table_of(catalogue: Sequence[Entry], proved: Mapping[str, str]) -> str:
    """The whole table; an entry that never ran says so."""
    return "\n".join([HEAD, *(row_of(entry, proved.get(entry.name, str(Proof.NOT_RUN))) for entry in catalogue)])


def row_of(entry: Entry, proved: str) -> str:
    return f"| {code(entry.name)} | {escape(entry.sentence)} | {' '.join(entry.fails)} | {proved} |"
