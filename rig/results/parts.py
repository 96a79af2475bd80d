"""Puts the items of a verification's parts (campaigns, a load) among its own, under ids that do not clash."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import cast

from rig.checks.framework import CATCH_ALL
from rig.record import Verdict
from rig.record.lines.common import Plan, PlannedPart
from rig.results.entries import item_entry
from rig.results.forms import Answer, Item

CHAOS = "chaos"
PartResults = Mapping[str, object]  # the content of a part's results.json


@dataclass
class Parts:
    """What all parts add to the results of the verification."""

    items: list[Item] = field(default_factory=list)
    told: list[dict[str, object]] = field(default_factory=list)  # a row per part, for words and links of the report
    weakens: list[str] = field(default_factory=list)
    people: dict[str, dict[str, str]] = field(default_factory=dict)


def parts_of(plan: Plan, judged: Mapping[str, PartResults], broken: str | None, unanswered: str) -> Parts:
    """All parts of the plan. `judged`: the results of those that have a record.

    `broken`: what stopped the rig itself; `unanswered`: why else a part has no record.
    """
    found = Parts()
    for part in plan.parts:
        results = judged.get(part.name)
        own = list(items_of(part, results, broken, unanswered))
        found.items += own
        found.told.append({"name": part.name, "of": part.of, "title": part.title, "items": len(own)})
        if results is not None:
            found.weakens += [f"{part.name}: {text}" for text in cast(Sequence[str], results["weakens"])]
            found.people |= cast(dict[str, dict[str, str]], results["people"])
    return found


def items_of(part: PlannedPart, results: PartResults | None, broken: str | None, unanswered: str) -> Iterator[Item]:
    """Each planned item of a part, and `CONTRACT` if it was charged there. An item without an answer is inconclusive."""
    entries = cast(Sequence[Item], results["items"]) if results is not None else ()
    by_id = {item["id"]: item for item in entries}
    for id in (*part.items, *({CATCH_ALL} & by_id.keys())):
        item = by_id.get(id) or item_entry(id, [], part.replay, broken, unanswered)
        yield renamed(part, item)


def renamed(part: PlannedPart, item: Item) -> Item:
    """The item under its id in the verification. A claim is judged in one part only, so it keeps its id."""
    own: Item = {**item, "part": part.name, "answers": [without_evidence(answer) for answer in item["answers"]]}
    if part.of != CHAOS and item["id"] != CATCH_ALL:
        return own
    return {**own, "id": f"{part.name}/{item['id']}", "section": part.name, "section_title": part.title}


def without_evidence(answer: Answer) -> Answer:
    """An answer that passed has its evidence in the report of its part: all of them together would be too large."""
    return {**answer, "evidence": []} if answer["verdict"] == Verdict.PASSED else answer
