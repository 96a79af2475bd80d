"""Annotations of a GitHub workflow: what did not pass, shown beside the scenario that tests it."""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from rig import caller
from rig.paths import CHECKOUT
from rig.record import Verdict
from rig.report import text, trim

SHOWN_MAX = 10  # GitHub shows no more errors of one step
ANNOTATED = (Verdict.FAILED, Verdict.BROKEN, Verdict.INCONCLUSIVE)  # in this order
FEATURES = "features"


def annotations(results: Mapping[str, Any], checkout: Path | None = CHECKOUT) -> list[str]:
    """A line `::error ...` for each item that did not pass, the failed ones first. None where no workflow runs."""
    if caller.given().get("GITHUB_ACTIONS") != "true":
        return []
    items = sorted(
        (item for item in results["items"] if item["verdict"] in ANNOTATED),
        key=lambda item: ANNOTATED.index(item["verdict"]),
    )
    lines = [annotation(item, checkout) for item in items[:SHOWN_MAX]]
    if len(items) > SHOWN_MAX:
        more = len(items) - SHOWN_MAX
        lines.append(
            f"::notice title=More items::{more} more {'item' if more == 1 else 'items'} did not pass: see the report"
        )
    return lines


def annotation(item: Mapping[str, Any], checkout: Path | None) -> str:
    """One line. It names the file and line of the scenario where both are known."""
    place = next(places(item, checkout), None)
    properties = {"file": place[0], "line": str(place[1])} if place else {}
    properties["title"] = f"{item['id']} {item['verdict']}: {text.flat(item['title'])}"
    named = ",".join(f"{name}={escaped(value, ':,')}" for name, value in properties.items())
    return f"::error {named}::{escaped(trim.message(item['message']))}"


def places(item: Mapping[str, Any], checkout: Path | None) -> Iterator[tuple[str, int]]:
    """File and line of the scenarios that did not pass, the worst answer first; of a mutant, of its declaration."""
    if item.get("where"):
        file, _, line = str(item["where"]).rpartition(":")
        yield file, int(line)
    answers = sorted(item["answers"], key=lambda answer: answer["verdict"] != item["verdict"])
    for answer in answers:
        feature, _, scenario = answer["scenario"].partition(": ")
        if checkout is None or not (checkout / FEATURES / feature).is_file():
            continue
        text = (checkout / FEATURES / feature).read_text(encoding="utf-8")
        for number, step in enumerate(text.splitlines(), 1):
            if step.strip() in (f"Scenario: {scenario}", f"Scenario Outline: {scenario}"):
                yield f"{FEATURES}/{feature}", number


def escaped(value: str, more: str = "") -> str:
    """As a workflow command wants it: no line breaks, and in a property none of `more`."""
    for letter in f"%\r\n{more}":
        value = value.replace(letter, f"%{ord(letter):02X}")
    return value
