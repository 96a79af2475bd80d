"""What the run of a broken server proves: whether just those checks fell that its catalogue entry names."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from rig.checks.framework import CATCH_ALL
from rig.checks.protocol.item import ITEM as PROTOCOL
from rig.record import Verdict
from rig.runs.mutation.catalogue import Entry


class Proof(StrEnum):
    """What a broken server's run says of the checks."""

    CAUGHT = "caught"  # all that it names fell, and nothing else
    SURVIVED = "survived"  # nothing fell
    UNDER_CAUGHT = "under-caught"  # a part of what it names fell
    MIS_CAUGHT = "mis-caught"  # only others fell than it names
    OVER_CAUGHT = "over-caught"  # others fell as well
    BROKEN = "broken"  # the rig or its stack failed
    INCONCLUSIVE = "inconclusive"  # what should have fallen was not judged
    NOT_RUN = "not run"  # the run was interrupted before


# What each says in the words of all other runs: `failed` blames the checks here.
VERDICTS = {
    Proof.CAUGHT: Verdict.PASSED,
    Proof.BROKEN: Verdict.BROKEN,
    Proof.INCONCLUSIVE: Verdict.INCONCLUSIVE,
    Proof.NOT_RUN: Verdict.INCONCLUSIVE,
}
# The verdicts that falling is: where an action of the rig took no effect, nobody may be blamed.
FALLS_AS = {"server": (Verdict.FAILED,), "rig": (Verdict.INCONCLUSIVE, Verdict.BROKEN)}


@dataclass(frozen=True)
class Outcome:
    """An entry with what became of it. `reports` are paths relative to the run's directory."""

    entry: Entry
    proof: Proof
    failed: tuple[str, ...] = ()
    message: str = ""
    seconds: float = 0.0
    attempts: int = 1
    reports: tuple[str, ...] = ()
    told: Mapping[str, str] = field(default_factory=dict)  # what each check said that fell

    @property
    def verdict(self) -> Verdict:
        return VERDICTS.get(self.proof, Verdict.FAILED)

    @property
    def unnamed(self) -> tuple[str, ...]:
        """What fell without being named."""
        return tuple(item for item in self.failed if item not in self.entry.fails)


def judge_entry(entry: Entry, items: Iterable[Mapping[str, Any]]) -> tuple[Proof, str, dict[str, str]]:
    """From the items of its runs' results: the proof, what is wrong with it, and what each fallen check said."""
    items = list(items)
    fallen = {item["id"]: item["message"] for item in items if item["verdict"] in FALLS_AS[entry.breaks]}
    blamed = [item["id"] for item in items if item["verdict"] == Verdict.FAILED and entry.breaks == "rig"]
    # CONTRACT tells what boxes that need not fall have met on their way: it is no check that took one for another. Nor is
    # PROTOCOL: a server whose outcome is wrong has broken a step of the protocol as well.
    others = [item for item in fallen if item not in (CATCH_ALL, PROTOCOL) or entry.breaks == "rig"]
    unnamed = [] if entry.also else [item for item in others if item not in entry.fails]
    missed = [item for item in entry.fails if item not in fallen]
    verdicts = {item["id"]: Verdict(item["verdict"]) for item in items}
    unjudged = {
        item: verdicts.get(item, Verdict.INCONCLUSIVE)
        for item in missed
        if verdicts.get(item) not in (Verdict.PASSED, Verdict.SKIPPED, Verdict.FAILED)
    }
    reasons = [f"{item} fell, which it does not name: {fallen[item]}" for item in unnamed]
    reasons += [f"{item} blames the server" for item in blamed]
    reasons += [f"{item} did not fall: {unjudged.get(item, verdicts.get(item))}" for item in missed]
    if not missed and not unnamed:
        proof = Proof.CAUGHT
    elif unnamed or blamed:
        proof = Proof.OVER_CAUGHT if len(missed) < len(entry.fails) else Proof.MIS_CAUGHT
    elif unjudged and len(unjudged) == len(missed):
        proof = Proof.BROKEN if Verdict.BROKEN in unjudged.values() else Proof.INCONCLUSIVE
    else:
        proof = Proof.UNDER_CAUGHT if fallen else Proof.SURVIVED
    return proof, "; ".join(reasons), fallen
