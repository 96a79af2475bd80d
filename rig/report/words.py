"""The words, marks and sentences for each verdict, shared by all outputs."""

from collections.abc import Iterable, Mapping
from typing import Any

from rig.record import Verdict
from rig.record.sections import SECTIONS
from rig.report import model_words

# The order in which a reader needs them; also the order of bars, chips and tables.
ORDER = (Verdict.FAILED, Verdict.BROKEN, Verdict.INCONCLUSIVE, Verdict.PASSED, Verdict.SKIPPED)
MARKS = {
    Verdict.PASSED: "✓",
    Verdict.FAILED: "✗",
    Verdict.INCONCLUSIVE: "?",
    Verdict.BROKEN: "!",
    Verdict.SKIPPED: "–",
}
ASCII_MARKS = {**MARKS, Verdict.PASSED: "+", Verdict.FAILED: "x", Verdict.SKIPPED: "-"}
MEANINGS = {
    Verdict.PASSED: "the server did what was promised",
    Verdict.FAILED: "the server broke a promise",
    Verdict.INCONCLUSIVE: "an assumption did not hold, so nothing is proven either way",
    Verdict.BROKEN: "the rig or its stack failed, so this says nothing about the server",
    Verdict.SKIPPED: "a capability is missing, so it was not tried",
}
NOUNS = {
    "checklist": ("item", "items"),
    "chaos": ("check", "checks"),
    "load": ("claim", "claims"),
    "model": ("statement", "statements"),
    "contract": ("sentence of the contract", "sentences of the contract"),
    "verify": ("item or sentence", "items and sentences"),
}


def nouns_of(results: Mapping[str, Any]) -> tuple[str, str]:
    """What the items of a run are called, one and many."""
    if results.get("parts"):
        return ("item", "items, sentences, invariants and claims")
    return NOUNS.get(results.get("kind", ""), NOUNS["chaos"])


def verdict_of(value: Any) -> Verdict:
    """The verdict that a plain value names; ValueError names the value and the five words there are."""
    try:
        return Verdict(value)
    except ValueError:
        raise ValueError(f"unknown verdict {value!r}; it is one of {', '.join(Verdict)}") from None


def count(verdicts: Iterable[Verdict]) -> dict[Verdict, int]:
    """How many there are of each verdict, in reading order, zeros included."""
    counts = dict.fromkeys(ORDER, 0)
    for verdict in verdicts:
        counts[verdict] += 1
    return counts


def counts_of(results: Mapping[str, Any]) -> dict[Verdict, int]:
    """The counts of a run in reading order: as stated, else as counted from its items."""
    stated = results.get("counts")
    if stated:
        return {verdict: int(stated.get(verdict.value, 0)) for verdict in ORDER}
    return count(verdict_of(item["verdict"]) for item in results.get("items") or ())


COMMIT_DIGITS = 12  # what a reader can compare


def judged_facts(judged: Mapping[str, Any]) -> list[tuple[str, str | None]]:
    """Name and value of what a run judged; the value is None where it is not known."""
    commit = str(judged.get("commit") or "")[:COMMIT_DIGITS]
    if commit and judged.get("changed"):
        commit += " with uncommitted changes"
    where = f" ({judged['sources']})" if commit and judged.get("sources") else ""
    return [
        ("Label", judged.get("label")),
        ("Commit", f"{commit}{where}" if commit else None),
        ("Rig", judged.get("rig")),
    ]


def judged_line(judged: Mapping[str, Any]) -> str:
    """The same on one line; empty when nothing is known."""
    return " · ".join(f"{name.lower()} {value}" for name, value in judged_facts(judged) if value)


def tally(counts: Mapping[Verdict, int]) -> str:
    """Counts as words, worst first: `1 failed · 109 passed`; empty ones are left out."""
    return " · ".join(f"{number} {verdict}" for verdict, number in counts.items() if number) or "none"


def plural(number: int, one: str, many: str | None = None) -> str:
    return f"{number} {one if number == 1 else many or one + 's'}"


def headline(results: Mapping[str, Any]) -> str:
    """The sentence that stands under the verdict of a run; that it was interrupted comes first."""
    if not results.get("interrupted"):
        return judged(results)
    counts, verdict = counts_of(results), verdict_of(results["verdict"])
    one, many = nouns_of(results)
    if verdict is not Verdict.INCONCLUSIVE or not counts[verdict]:
        return f"Interrupted. {judged(results)}"
    said = f"Interrupted: {counts[verdict]} of {plural(sum(counts.values()), one, many)} could not be judged."
    so_far: dict[Verdict, int] = {other: n for other, n in counts.items() if n and other is not verdict}
    return f"{said} Judged so far: {tally(so_far).replace(' ·', ',') if so_far else 'nothing'}."


def judged(results: Mapping[str, Any]) -> str:
    """What the verdict says of the server."""
    verdict, counts = verdict_of(results["verdict"]), counts_of(results)
    one, many = nouns_of(results)
    if results.get("kind") == "model" and any(counts.values()):
        return model_words.headline(results, counts)
    number = counts[verdict]
    total = sum(counts.values())
    if not total:
        return results.get("message") or f"No {one} was answered."
    if verdict is Verdict.PASSED and results.get("kind") == "verify" and number == total:
        sentence = f"The server did what was promised in {what_was_judged(results)}{_more(results)}."
    elif verdict is Verdict.PASSED:
        sentence = f"The server did what was promised in {_all_of(number, total, one, many)}."
    elif not number:
        sentence = f"{MEANINGS[verdict][0].upper()}{MEANINGS[verdict][1:]}; no single {one} says so."
    elif verdict is Verdict.FAILED:
        sentence = f"The server broke a promise in {number} of {plural(total, one, many)}."
    elif verdict is Verdict.BROKEN:
        sentence = f"The rig or its stack failed: {number} of {plural(total, one, many)} say nothing of the server."
    elif verdict is Verdict.INCONCLUSIVE:
        sentence = f"An assumption did not hold: {number} of {plural(total, one, many)} could not be judged."
    else:
        sentence = f"Nothing was tried: {_all_of(number, total, one, many)} need what this stack lacks."
    others: dict[Verdict, int] = {
        other: n for other, n in counts.items() if n and other not in (verdict, Verdict.PASSED)
    }
    return f"{sentence} Besides: {tally(others).replace(' ·', ',')}." if others else sentence


def what_was_judged(results: Mapping[str, Any]) -> str:
    """How many items of the checklist, sentences of the contract (with the level), campaigns and claims there are."""
    own = [item for item in results.get("items") or () if not item.get("part")]
    parts = results.get("parts") or ()
    boxes = sum(item["section"] in SECTIONS for item in own)
    campaigns = sum(part["of"] == "chaos" for part in parts)
    claims = sum(part["items"] for part in parts if part["of"] == "load")
    sentences = plural(len(own) - boxes, "sentence") + " of the contract"
    level = results.get("level", "hardened")
    counted = [plural(boxes, "item") + " of the checklist"] * bool(boxes)
    counted += [f"{sentences} at level {level}"] * (len(own) > boxes)
    counted += [plural(campaigns, "campaign")] * bool(campaigns) + [plural(claims, "claim")] * bool(claims)
    return ", ".join([*counted[:-2], " and ".join(counted[-2:])])


def _more(results: Mapping[str, Any]) -> str:
    """What a longer run would judge besides."""
    return f"; `--full` judges {results['more_by_full']} besides" if results.get("more_by_full") else ""


def _all_of(number: int, total: int, one: str, many: str) -> str:
    if number < total:
        return f"{number} of {plural(total, one, many)}"
    return f"all {number} {many}" if number > 1 else f"the one {one}"
