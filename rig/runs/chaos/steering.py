"""Steers a random campaign to steps of the protocol that were not taken yet: which faults lead to which step."""

import json
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from rig.checks.protocol.item import COVERAGE, ITEM
from rig.checks.protocol.steps import STEPS
from rig.errors import unknown

UNTAKEN = "untaken"
# A step that is not named here comes without a fault, in each campaign.
LEADS: Mapping[str, tuple[str, ...]] = {
    "a change is fenced off": ("slow within patience", "server frozen"),
    "a change is refused": ("writes forbidden", "out of memory", "read-only"),
    "a change is noted for a seed": ("flushdb", "clients killed"),
    "a seed leaves a newer change alone": ("flushdb", "slow within patience"),
    "a ping meets a mark": ("postgres slow", "mitra locked"),
    "a ping deletes the mark that it met": ("postgres connections cut", "server killed"),
    "a ping is answered from Postgres": ("refused", "one instance cut off"),
    "a second look finds a ping or a change": ("slow within patience", "postgres slow"),
}


def steps_towards(words: Sequence[str], reports: Path) -> list[str]:
    """The steps that these words name; `untaken` stands for those that no campaign below `reports` has taken.

    UsageError for a word that names no step to which a fault leads.
    """
    found: dict[str, None] = {}
    for word in words:
        if word == UNTAKEN:
            taken = taken_steps(reports)
            found.update(dict.fromkeys(step for step in LEADS if step not in taken))
        elif word in LEADS:
            found[word] = None
        else:
            raise unknown("step", word, [UNTAKEN, *LEADS])
    return list(found)


def taken_steps(reports: Path) -> set[str]:
    """The steps that the saved campaigns in this directory have taken."""
    return {step for counts in coverages(reports) for step, number in counts.items() if number and step in STEPS}


def coverages(reports: Path) -> Iterator[Mapping[str, int]]:
    """How often each saved campaign has taken each step. A run that cannot be read is left out."""
    for path in sorted(reports.glob("chaos-*/results.json")):
        try:
            results: Any = json.loads(path.read_text())
        except (OSError, ValueError):
            continue
        for item in results.get("items", ()):
            for answer in item["answers"] if item["id"] == ITEM else ():
                yield from (piece["counts"] for piece in answer["evidence"] if piece.get("title") == COVERAGE)
