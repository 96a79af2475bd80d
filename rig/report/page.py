"""The view that all outputs share: a run as items by section, with its counts, facts and sentences."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from rig.record import Verdict, overall
from rig.record.evidence import Evidence
from rig.report import words
from rig.report.explain.contract import Clause, clauses
from rig.report.explain.people import People, Person
from rig.report.explain.subjects import Marks
from rig.report.explain.walk import Retold
from rig.report.model import Model
from rig.report.table import Figure, Table
from rig.report.time_spent import TimeSpent


@dataclass(frozen=True)
class Answer:
    """The result of one item in one scenario, or in one variant of it."""

    scenario: str
    variant: str
    verdict: Verdict
    message: str
    seconds: float | None
    started: float | None
    bounds: tuple[tuple[str, str], ...]
    weakened: tuple[str, ...]
    evidence: tuple[Evidence, ...]
    marks: tuple[Marks, ...] = ()  # for each piece of evidence what the verdict is about; none of a pass
    differences: tuple[Mapping[str, Any], ...] = ()  # what was expected and seen, as in results.json
    step: str = ""  # the anchor of the step that asked for it, or of its scenario


@dataclass(frozen=True)
class Item:
    """One row of the report."""

    id: str
    anchor: str
    kind: str
    title: str  # the checklist's sentence, inline marks included
    audience: str
    verdict: Verdict
    message: str
    seconds: float | None
    replay: str
    answers: tuple[Answer, ...]
    all_along: bool = False  # judged from all that was seen, so its time is that of the run
    people: tuple[Person, ...] = ()  # whose ids stand in it
    clauses: tuple[Clause, ...] = ()  # of the contract

    @property
    def mark(self) -> str:
        """The anchor of the first thing that the verdict is about; empty where there is none."""
        return f"{self.anchor}-mark" if any(mark for answer in self.answers for mark in answer.marks) else ""

    @property
    def pieces(self) -> int:
        return sum(len(answer.evidence) for answer in self.answers)

    @property
    def tightest(self) -> Evidence | None:
        """The timing evidence that came closest to its bound, or went furthest beyond; None if none is."""
        pieces = (piece for answer in self.answers for piece in answer.evidence)
        return max((piece for piece in pieces if piece.get("kind") == "timing"), key=_share, default=None)


@dataclass(frozen=True)
class Section:
    """The items under one heading."""

    id: str
    anchor: str
    title: str
    items: tuple[Item, ...]

    @property
    def counts(self) -> dict[Verdict, int]:
        return words.count(item.verdict for item in self.items)

    @property
    def seconds(self) -> float:
        return took(self.items)

    @property
    def letter(self) -> str:
        """The short name that stands before the heading; a long one would only repeat it."""
        return self.id if self.title and len(self.id) <= 2 else ""

    @property
    def heading(self) -> str:
        return self.title or self.id or "All"

    @property
    def name(self) -> str:
        return f"{self.letter} {self.heading}".strip()


@dataclass(frozen=True)
class Step:
    """One step of a scenario as it went."""

    keyword: str
    text: str
    verdict: Verdict
    seconds: float | None
    message: str
    anchor: str = ""
    item: str = ""  # the anchor of the item that it asks for

    @property
    def rest(self) -> str:
        """Its text behind the item's id."""
        return self.text.partition(":")[2]


@dataclass(frozen=True)
class Scenario:
    """One scenario as it ran; `error` is set when it ended by an exception rather than by its answers."""

    id: str
    feature: str
    name: str
    variant: str
    seconds: float | None
    error: str | None
    steps: tuple[Step, ...]
    anchor: str = ""

    @property
    def verdict(self) -> Verdict:
        """The worst of its steps; an error that no step accounts for is the rig's own."""
        worst = overall(step.verdict for step in self.steps)
        return Verdict.BROKEN if self.error and worst in (Verdict.PASSED, Verdict.SKIPPED) else worst


@dataclass(frozen=True)
class Measure:
    """A number of a campaign or load run beside its limit; `verdict` is None where nothing was promised."""

    name: str
    value: str
    limit: str
    verdict: Verdict | None


@dataclass(frozen=True)
class Figures:
    """Charts that are read side by side."""

    id: str
    title: str
    caption: str
    figures: tuple[Figure, ...]


@dataclass(frozen=True)
class Load:
    """What a load run shows beside its items; `parts` are in reading order, without the empty ones."""

    parts: tuple[Table | Figures, ...]
    thresholds: tuple[Item, ...]
    raw: tuple[str, ...]

    def table(self, name: str) -> Table | None:
        return next((part for part in self.parts if isinstance(part, Table) and part.id == name), None)


@dataclass(frozen=True)
class Page:
    """A run, ready to print."""

    title: str
    kind: str
    verdict: Verdict
    headline: str
    noun: tuple[str, str]
    counts: dict[Verdict, int]
    promises: str
    weakens: tuple[str, ...]
    message: str
    command: str
    started: str | None  # ISO-8601
    facts: tuple[tuple[str, str], ...]
    measures: tuple[Measure, ...]
    sections: tuple[Section, ...]
    scenarios: tuple[Scenario, ...]
    load: "Load | None" = None
    model: Model | None = None
    walks: tuple[Retold, ...] = ()  # that broke a sentence of the contract
    people: People = field(default_factory=dict)
    time: TimeSpent | None = None

    @property
    def clauses(self) -> list[Clause]:
        """The sentences of the contract that the items are about, each once, in the order of the contract."""
        named = {clause.name for item in self.items for clause in item.clauses}
        return [clause for clause in clauses().values() if clause.name in named]

    @property
    def items(self) -> list[Item]:
        return [item for section in self.sections for item in section.items]

    @property
    def total(self) -> int:
        return sum(self.counts.values())

    @property
    def skips(self) -> dict[str, list[str]]:
        """The ids that were skipped, by the reason."""
        found: dict[str, list[str]] = {}
        for item in self.items:
            if item.verdict is Verdict.SKIPPED:
                found.setdefault(item.message, []).append(item.id)
        return found

    @property
    def causes(self) -> list[tuple[Item, ...]]:
        """The troubles, those with the same verdict and the same words for it together."""
        found: dict[tuple[Verdict, str], list[Item]] = {}
        for item in self.troubles:
            found.setdefault((item.verdict, item.message or item.id), []).append(item)
        return [tuple(items) for items in found.values()]

    @property
    def troubles(self) -> list[Item]:
        """The items to show first: failed, then broken, then inconclusive ones."""
        return [item for verdict in words.ORDER[:3] for item in self.items if item.verdict is verdict]


def took(items: Sequence[Item]) -> float:
    """Seconds of all items. Times are added up, except of items judged from the whole run: their time is the longest one."""
    times = {along: [item.seconds or 0.0 for item in items if item.all_along is along] for along in (False, True)}
    return sum(times[False]) + max(times[True], default=0.0)


def _share(piece: Evidence) -> float:
    measured, bound = piece.get("measured_s"), piece.get("bound_s") or 0
    return float("inf") if measured is None else measured / bound if bound else 0.0
