"""Results of a run of broken servers, as JSON, as a table on the terminal and as Markdown."""

import shlex
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text

from rig.record import Verdict, exit_code, overall
from rig.record.sections import RUN_SECTIONS, SECTIONS
from rig.report import words
from rig.report.formats.markdown import code, escape
from rig.report.formats.terminal import COLOURS
from rig.runs.mutation.outcome import Outcome, Proof

MESSAGE_MAX = 240  # the whole is in the entry's own report


def results_of(meta: Mapping[str, Any], outcomes: Sequence[Outcome], ended: float, interrupted: bool) -> dict[str, Any]:
    """The content of `results.json`: what all runs have in common, and each entry as an item with its proof."""
    verdict = overall(outcome.verdict for outcome in outcomes)
    counts = {name: sum(outcome.verdict is name for outcome in outcomes) for name in Verdict}
    return {
        **meta,
        "verdict": verdict,
        "exit_code": exit_code(verdict),
        "counts": counts,
        "interrupted": interrupted,
        "ended": ended,
        "seconds": round(ended - meta["started"], 3),
        "unnamed": {item: [outcome.entry.name for outcome in those] for item, those in unnamed(outcomes).items()},
        "items": [item_of(outcome, meta) for outcome in outcomes],
    }


def item_of(outcome: Outcome, meta: Mapping[str, Any]) -> dict[str, Any]:
    entry = outcome.entry
    words = ["rig", "prove", entry.name, *["--cross"] * meta["cross"], "--random-seed", str(meta["random_seed"])]
    return {
        "id": entry.name, "title": entry.sentence, "verdict": outcome.verdict, "proof": outcome.proof,
        "message": outcome.message, "seconds": outcome.seconds, "expected": list(entry.fails),
        "failed": list(outcome.failed), "unnamed": list(outcome.unnamed), "attempts": outcome.attempts,
        "where": entry.where, "reports": list(outcome.reports), "answers": [], "replay": shlex.join(words),
    }  # fmt: skip


def unnamed(outcomes: Iterable[Outcome]) -> dict[str, list[Outcome]]:
    """By item: the broken servers whose entry does not name it, though it failed."""
    by_item: dict[str, list[Outcome]] = {}
    for outcome in outcomes:
        for item in outcome.unnamed:
            by_item.setdefault(item, []).append(outcome)
    return dict(sorted(by_item.items()))


def plain_line(outcome: Outcome) -> str:
    """One line per entry, for a log: proof, name, time, failed items, message."""
    again = ", at the second attempt" if outcome.attempts > 1 else ""
    fell = ", ".join(outcome.failed) or "nothing"
    wrong = f"  {shortened(outcome.message)}" if outcome.message else ""
    return f"{outcome.proof:<12} {outcome.entry.name} ({outcome.seconds:.1f} s{again}): fell {fell}{wrong}"


def shortened(message: str) -> str:
    return message if len(message) <= MESSAGE_MAX else message[: MESSAGE_MAX - 1] + "…"


def print_outcomes(results: Mapping[str, Any], console: Console) -> None:
    """A row an entry, what is wrong beneath the table, and the verdict."""
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, show_edge=False, header_style="bright_black")
    for name in ("entry", "expected", "failed by", "time", "verdict"):
        table.add_column(name, justify="right" if name == "time" else "left", no_wrap=name in ("time", "verdict"))
    for item in results["items"]:
        again = " (2nd)" if item["attempts"] > 1 else ""
        proof = Text(f"{item['proof']}{again}", style=COLOURS[item["verdict"]])
        took = f"{item['seconds']:.1f} s" if item["seconds"] else "-"
        table.add_row(item["id"], " ".join(item["expected"]), " ".join(item["failed"]) or "-", took, proof)
    console.print(table)
    for item in results["items"]:
        if item["message"]:
            line = Text.assemble((f"{item['id']}: ", "bold"), shortened(item["message"]))
            console.print()
            console.print(line)
    console.print()
    console.print(Text(headline(results), style=f"bold {COLOURS[results['verdict']]}"))


def headline(results: Mapping[str, Any]) -> str:
    """One sentence: how many were caught, and what became of the others."""
    proofs = [item["proof"] for item in results["items"]]
    others = ", ".join(f"{proofs.count(proof)} {proof}" for proof in Proof if proof != "caught" and proof in proofs)
    again = sum(item["attempts"] > 1 for item in results["items"])
    summary = f"{proofs.count(Proof.CAUGHT)} of {len(proofs)} broken servers caught"
    summary += f"; {others}" if others else ""
    summary += f"; {again} repeated once, as the first run was inconclusive or broken" if again else ""
    return summary + ("; interrupted" if results["interrupted"] else "")


def markdown(results: Mapping[str, Any]) -> str:
    """`summary.md`: the verdict, what is wrong, a row an entry with its own report; across everything, the matrix."""
    parts = [
        f"# {escape(headline(results))}",
        f"`{results['command']}` took {results['seconds']:.0f} s.",
    ]
    parts += [escape(told)] if (told := words.judged_line(results.get("judged") or {})) else []
    if results["unnamed"]:
        rows = [f"- **{item}** fell under {names(under)}" for item, under in results["unnamed"].items()]
        parts += ["## Boxes that fell without being named: defects of the box, or of the entry", "\n".join(rows)]
    wrong = [f"- {code(item['id'])}: {escape(item['message'])}" for item in results["items"] if item["message"]]
    if wrong:
        parts += ["## What is wrong", "\n".join(wrong)]
    parts += [
        "## Broken servers",
        "\n".join(
            [
                "| entry | defect | expected | failed by | time | verdict |",
                "| --- | --- | --- | --- | ---: | --- |",
                *map(row, results["items"]),
            ]
        ),
    ]
    if results["cross"] and any(item["failed"] for item in results["items"]):
        parts += ["## What fell, by section (in bold what no entry names)", matrix(results["items"])]
    return "\n\n".join(parts) + "\n"


def names(entries: Iterable[str]) -> str:
    return ", ".join(map(code, entries))


def row(item: Mapping[str, Any]) -> str:
    links = " ".join(f"[report]({path})" for path in item["reports"])
    again = ", at the second attempt" if item["attempts"] > 1 else ""
    cells = [
        code(item["id"]), escape(item["title"]), " ".join(item["expected"]), " ".join(item["failed"]) or "-",
        f"{item['seconds']:.1f} s", f"{item['proof']}{again} {links}".strip(),
    ]  # fmt: skip
    return f"| {' | '.join(cells)} |"


def matrix(items: Sequence[Mapping[str, Any]]) -> str:
    """A row an entry, a column a section in which anything fell; in a cell the numbers of what did."""
    fallen = {section_of(box) for item in items for box in item["failed"]}
    known = [section for section in (*SECTIONS, *RUN_SECTIONS) if section in fallen]
    columns = [*known, *sorted(fallen - {*known})]  # those of the contract come last
    lines = [f"| entry | {' | '.join(columns)} |", f"| --- |{' --- |' * len(columns)}"]
    for item in items:
        cells = []
        for section in columns:
            there = [box for box in item["failed"] if section_of(box) == section]
            cells.append(" ".join(f"**{number(box)}**" if box in item["unnamed"] else number(box) for box in there))
        lines.append(f"| {code(item['id'])} | {' | '.join(cells)} |")
    return "\n".join(lines)


def section_of(item: str) -> str:
    return item.rsplit("-", 1)[0]


def number(item: str) -> str:
    return item.rsplit("-", 1)[1]
