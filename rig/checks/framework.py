"""How a check is declared, and the judge that collects its findings."""

import inspect
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import TypeVar

import msgspec

from rig.checks.bounds import Bounds as Bounds
from rig.record import Lines
from rig.record.evidence import Evidence
from rig.record.lines.chaos import FaultEvent
from rig.record.sections import RUN_SECTIONS, SECTIONS
from rig.record.verdict import Verdict

CONTRACT, HARDENED = "contract", "hardened"
CATCH_ALL = "CONTRACT"  # the item for promises of the contract that have no item of their own
LAG_VOID_S = 0.2
FINDINGS_SHOWN = 6
DIFFERENCES_MAX = 12  # kept of one judgement


class Kind(StrEnum):
    """What an item is. Only a promise, an invariant or a claim can fail; an action or a precondition cannot."""

    PROMISE = "promise"
    ACTION = "action"
    PRECONDITION = "precondition"
    INVARIANT = "invariant"
    CLAIM = "claim"


@dataclass(frozen=True)
class Breach:
    """A broken promise that was found while another item was judged. `owner` is the id of the item that fails for it."""

    owner: str
    message: str


@dataclass(frozen=True)
class Difference:
    """What was expected and what was seen instead, both as plain JSON; `what` names it: a key, a request, a set."""

    what: str
    expected: object
    seen: object


@dataclass(frozen=True)
class Judgement:
    """One verdict with the sentence that explains it.

    `lost`: why the rig's own observation is not usable; empty if it is. `breaches`: promises of other items that broke.
    """

    verdict: Verdict
    message: str
    lost: str = ""
    breaches: tuple[Breach, ...] = ()
    differences: tuple[Difference, ...] = ()


@dataclass
class Judge:
    """Collects the findings of one check; every check gets it as its first argument."""

    kind: Kind
    level: str = HARDENED
    beyond: bool = False  # the run had a fault that the contract does not cover
    broken_promises: list[str] = field(default_factory=list)
    inconclusive_reasons: list[str] = field(default_factory=list)
    too_little: list[str] = field(default_factory=list)  # why there is not enough to pass
    breaches: list[Breach] = field(default_factory=list)
    retry_reasons: list[str] = field(default_factory=list)  # the inconclusive reasons that another try may remove
    notes: list[str] = field(default_factory=list)
    evidence: list[Evidence] = field(default_factory=list)
    differences: list[Difference] = field(default_factory=list)
    skip_reason: str | None = None

    def skip(self, reason: str) -> None:
        """This run cannot judge the item; `reason` names what is missing."""
        self.skip_reason = reason

    def require(self, holds: object, message: str) -> bool:
        """The server must fulfil this, or the item fails; an action or a precondition becomes inconclusive instead.

        At level contract, under a fault that the contract does not cover, a broken invariant is only noted.
        """
        if not holds and self.beyond and self.level == CONTRACT and self.kind == Kind.INVARIANT:
            self.notes.insert(0, f"beyond the contract: {message}")
            return False
        return self.require_under_any_fault(holds, message)

    def require_equal(self, what: str, seen: object, expected: object, message: str = "") -> bool:
        """Require that both are equal. If they are not, the report also shows them side by side."""
        self.compare(what, seen, expected)
        return self.require(seen == expected, message or f"{what} is {seen!r}, not {expected!r}")

    def compare(self, what: str, seen: object, expected: object) -> None:
        """Keep both for the report if they differ. This requires nothing; both must be plain JSON."""
        if seen != expected and len(self.differences) < DIFFERENCES_MAX:
            self.differences.append(Difference(what, expected, seen))

    def require_under_any_fault(self, holds: object, message: str) -> bool:
        """Like `require`, also under a fault that the contract does not cover."""
        if not holds:
            blames = self.kind in (Kind.PROMISE, Kind.INVARIANT, Kind.CLAIM)
            (self.broken_promises if blames else self.inconclusive_reasons).append(message)
        return bool(holds)

    def require_hardened(self, holds: object, message: str) -> bool:
        """Require it at level hardened. At level contract only note that it is missing."""
        if self.level == HARDENED:
            return self.require(holds, message)
        if not holds:
            self.notes.insert(0, f"hardened: {message}")
        return bool(holds)

    def assume(self, holds: object, message: str) -> bool:
        """The rig needs this to judge the item; without it the item is inconclusive."""
        if not holds:
            self.inconclusive_reasons.append(message)
        return bool(holds)

    def enough(self, holds: object, message: str) -> bool:
        """The sample is large enough for a pass; if not, the item is inconclusive, unless a promise is broken."""
        if not holds:
            self.too_little.append(message)
        return bool(holds)

    def owes(self, holds: object, message: str, owner: str = CATCH_ALL) -> bool:
        """The server must have done this before the item can be judged, and the record shows whether it did.

        If it did not, this item is inconclusive and the item `owner` fails. Otherwise a defect that prevents a
        precondition would never fail anything.
        """
        if not holds:
            self.breaches.append(Breach(owner, message))
            self.inconclusive_reasons.append(message)
        return bool(holds)

    def observed(self, holds: object, message: str) -> bool:
        """The rig saw the event, and in time. If not, the observation is not usable and is repeated."""
        if not holds:
            self.retry_reasons.append(message)
        return self.assume(holds, message)

    def note(self, message: str) -> None:
        """Tell the reader of a pass a fact, such as a measured figure or a weaker bound that was used."""
        self.notes.append(message)

    def show(self, *pieces: Evidence) -> None:
        """Add evidence for the report that the check selected from the record."""
        self.evidence.extend(pieces)

    def within(self, what: str, measured_s: float | None, bound_s: float) -> bool:
        """The event happened within its bound (seconds). None means that it did not happen."""
        if measured_s is None:
            return self.require(False, f"{what} did not come within {bound_s:g} s")
        self.note(f"{what} after {max(measured_s, 0):.3f} s, bound {bound_s:g} s")
        return self.require(measured_s <= bound_s, f"{what} took {measured_s:.3f} s, more than {bound_s:g} s")

    def judgement(self) -> Judgement:
        if self.skip_reason is not None:
            return Judgement(Verdict.SKIPPED, self.skip_reason)
        differences = tuple(self.differences)
        if self.broken_promises and not self.inconclusive_reasons:
            return Judgement(Verdict.FAILED, sentence(self.broken_promises), differences=differences)
        if self.inconclusive_reasons or self.too_little:
            message = sentence([*self.inconclusive_reasons, *self.too_little, *self.broken_promises])
            lost = sentence(self.retry_reasons)
            return Judgement(Verdict.INCONCLUSIVE, message, lost, tuple(self.breaches), differences)
        return Judgement(Verdict.PASSED, sentence(self.notes) or "as promised")


def sentence(findings: Sequence[str]) -> str:
    """The findings on one line without repetitions. At most six are shown; the evidence has them all."""
    different = list(dict.fromkeys(findings))
    more = f"; and {len(different) - FINDINGS_SHOWN} more like these" if len(different) > FINDINGS_SHOWN else ""
    return "; ".join(different[:FINDINGS_SHOWN]) + more


Facts = Mapping[str, object]  # an observation as it is saved
WholeRunFunction = Callable[[Judge, Lines, Bounds], None]


Judged = TypeVar("Judged")  # what a check reads: the class of its observation, or all lines of a run


@dataclass(frozen=True)
class Check:
    """A declared check: the item that it judges, its kind and audience, and the pure function.

    The function reads one observation, of the class that its second parameter is annotated with. With `whole_run` it
    reads all lines of the record.
    """

    id: str
    kind: Kind
    audience: str
    title: str
    function: Callable[..., None]
    whole_run: bool = False

    def read(self, facts: Facts) -> object:
        """The saved observation as the class that the check wants; msgspec.ValidationError names a wrong field."""
        _, parameter, *_ = inspect.signature(self.function).parameters.values()
        return msgspec.convert(facts, parameter.annotation)

    @property
    def section(self) -> str:
        return self.id.rsplit("-", 1)[0]

    @property
    def section_title(self) -> str:
        return {**SECTIONS, **RUN_SECTIONS}.get(self.section, self.section)


CHECKS: dict[str, Check] = {}


def check(
    id: str, audience: str, title: str, kind: Kind = Kind.PROMISE, *, whole_run: bool = False
) -> Callable[[Callable[[Judge, Judged, Bounds], None]], Callable[[Judge, Judged, Bounds], None]]:
    """Declare the check of one item. `audience` is the checklist's label (BE, CC, M, C); ValueError on a second one."""

    def declare(function: Callable[[Judge, Judged, Bounds], None]) -> Callable[[Judge, Judged, Bounds], None]:
        if id in CHECKS:
            raise ValueError(f"{id} has two checks: {CHECKS[id].function.__name__} and {function.__name__}")
        CHECKS[id] = Check(id, kind, audience, title, function, whole_run)
        return function

    return declare


def whole_run_check(id: str, audience: str, title: str, kind: Kind) -> Callable[[WholeRunFunction], WholeRunFunction]:
    """Declare the check of an item that is judged from all lines of a run. ValueError on a second one."""
    return check(id, audience, title, kind, whole_run=True)


def judge_seen(id: str, facts: Facts, bounds: Bounds, level: str = HARDENED) -> Judgement:
    """Judge one saved observation. If it does not have the fields that the check reads, the item is broken.

    If times are judged (there are bounds) and the rig itself was delayed by more than LAG_VOID_S, the verdict is
    inconclusive.
    """
    declared = CHECKS.get(id)
    if declared is None:
        return Judgement(Verdict.BROKEN, f"no check is declared for {id}")
    judgement, _ = judge_by(declared, facts, bounds, Judge(declared.kind, level))
    lag_s = facts.get("lag_s", 0.0)
    delayed = isinstance(lag_s, (int, float)) and lag_s > LAG_VOID_S
    if not bounds or not delayed or judgement.verdict in (Verdict.SKIPPED, Verdict.BROKEN):
        return judgement
    lost = f"the rig itself stood still for {lag_s:.2f} s"
    return Judgement(Verdict.INCONCLUSIVE, f"{lost}, so this does not count: {judgement.message}", lost)


def judge_lines(id: str, lines: Lines, bounds: Bounds, level: str = HARDENED) -> tuple[Judgement, list[Evidence]]:
    """Judge an item from all lines of a run: the judgement, and the evidence that the check has chosen.

    If the check cannot read the record, that is the rig's fault: the verdict is broken.
    """
    declared = CHECKS.get(id)
    if declared is None:
        return Judgement(Verdict.BROKEN, f"no check is declared for {id}"), []
    beyond = any(event.beyond for event in lines.of(FaultEvent))
    return judge_by(declared, lines, bounds, Judge(declared.kind, level, beyond))


def judge_by(
    declared: Check, recorded: Facts | Lines, bounds: Bounds, judge: Judge
) -> tuple[Judgement, list[Evidence]]:
    """Run one check: the judgement, and the evidence that the check has chosen. An error makes the verdict broken."""
    try:
        declared.function(judge, recorded if isinstance(recorded, Lines) else declared.read(recorded), bounds)
    except (KeyError, TypeError, ValueError, AttributeError, IndexError) as error:
        text = f"the check cannot read its observation: {type(error).__name__}: {error}"
        return Judgement(Verdict.BROKEN, text), judge.evidence
    return judge.judgement(), judge.evidence
