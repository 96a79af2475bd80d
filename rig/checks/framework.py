"""How a check is declared and how it judges: it requires promises of the server and assumes facts of the rig."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from rig.record.evidence import Evidence
from rig.record.sections import RUN_SECTIONS, SECTIONS
from rig.record.verdict import Verdict

CONTRACT, HARDENED = "contract", "hardened"
CATCH_ALL = "CONTRACT"  # the item that owns each promise of the contract which no box owns
LAG_VOID_S = 0.2
FINDINGS_SHOWN = 6


class Kind(StrEnum):
    """What an item is: a promise can fail; an action or precondition that did not take effect never blames the server."""

    PROMISE = "promise"
    ACTION = "action"
    PRECONDITION = "precondition"
    INVARIANT = "invariant"
    CLAIM = "claim"


@dataclass(frozen=True)
class Breach:
    """A promise that the server was seen to break, and the item that owns it: found while another item was judged."""

    owner: str
    message: str


@dataclass(frozen=True)
class Judgement:
    """One verdict with the sentence that explains it.

    `lost`: why the rig did not see what it had to see, if so. `breaches` are charged to the items that own them.
    """

    verdict: Verdict
    message: str
    lost: str = ""
    breaches: tuple[Breach, ...] = ()


@dataclass
class Judge:
    """Collects what a check finds; handed to each check as its first argument."""

    kind: Kind
    level: str = HARDENED
    beyond: bool = False  # the run had a fault of which the contract says nothing
    broken_promises: list[str] = field(default_factory=list)
    doubts: list[str] = field(default_factory=list)
    thin: list[str] = field(default_factory=list)  # why what was seen is too little for a pass
    breaches: list[Breach] = field(default_factory=list)
    losses: list[str] = field(default_factory=list)  # those of the doubts that another try may clear
    remarks: list[str] = field(default_factory=list)
    evidence: list[Evidence] = field(default_factory=list)
    lacking: str | None = None

    def skip(self, lacking: str) -> None:
        """This run cannot answer it, because of what it lacks, by name."""
        self.lacking = lacking

    def require(self, holds: object, message: str) -> bool:
        """The server must show this; in an action or precondition its absence is a doubt, not a failure.

        At level contract, under a fault that is beyond it, an invariant's is told, and fails nothing.
        """
        if not holds and self.beyond and self.level == CONTRACT and self.kind == Kind.INVARIANT:
            self.remarks.insert(0, f"beyond the contract: {message}")
            return False
        return self.insist(holds, message)

    def insist(self, holds: object, message: str) -> bool:
        """The same, under whatever fault."""
        if not holds:
            blames = self.kind in (Kind.PROMISE, Kind.INVARIANT, Kind.CLAIM)
            (self.broken_promises if blames else self.doubts).append(message)
        return bool(holds)

    def harden(self, holds: object, message: str) -> bool:
        """Beyond the contract: required at level hardened; at level contract its absence is told, and fails nothing."""
        if self.level == HARDENED:
            return self.require(holds, message)
        if not holds:
            self.remarks.insert(0, f"hardened: {message}")
        return bool(holds)

    def assume(self, holds: object, message: str) -> bool:
        """The rig needs this to judge at all; without it the item is inconclusive."""
        if not holds:
            self.doubts.append(message)
        return bool(holds)

    def enough(self, holds: object, message: str) -> bool:
        """So much must have been seen for a pass to mean something; a broken promise needs no sample size."""
        if not holds:
            self.thin.append(message)
        return bool(holds)

    def owes(self, holds: object, message: str, owner: str = CATCH_ALL) -> bool:
        """The server must have done this before the item can be judged, and what was recorded shows whether it did.

        Where it did not, this item stays inconclusive and `owner` fails: a defect that prevents a precondition must
        not clear itself.
        """
        if not holds:
            self.breaches.append(Breach(owner, message))
            self.doubts.append(message)
        return bool(holds)

    def observed(self, holds: object, message: str) -> bool:
        """The rig saw, and in time, what this judgement is of; else the observation is lost, and made again."""
        if not holds:
            self.losses.append(message)
        return self.assume(holds, message)

    def remark(self, message: str) -> None:
        """What a reader of a pass should know: the figure that was seen, the weaker bound that was used."""
        self.remarks.append(message)

    def show(self, *pieces: Evidence) -> None:
        """Evidence that the check itself picked out of the whole run, for the report."""
        self.evidence.extend(pieces)

    def within(self, what: str, measured_s: float | None, bound_s: float) -> bool:
        """An event came inside its bound, by the stamps of events."""
        if measured_s is None:
            return self.require(False, f"{what} did not come within {bound_s:g} s")
        self.remark(f"{what} after {max(measured_s, 0):.3f} s, bound {bound_s:g} s")
        return self.require(measured_s <= bound_s, f"{what} took {measured_s:.3f} s, more than {bound_s:g} s")

    def judgement(self) -> Judgement:
        if self.lacking is not None:
            return Judgement(Verdict.SKIPPED, self.lacking)
        if self.broken_promises and not self.doubts:
            return Judgement(Verdict.FAILED, sentence(self.broken_promises))
        if self.doubts or self.thin:
            found = sentence([*self.doubts, *self.thin, *self.broken_promises])
            return Judgement(Verdict.INCONCLUSIVE, found, sentence(self.losses), tuple(self.breaches))
        return Judgement(Verdict.PASSED, sentence(self.remarks) or "as promised")


def sentence(findings: Sequence[str]) -> str:
    """The findings on a line, each once; of many only the first, for the evidence shows them all."""
    each = list(dict.fromkeys(findings))
    more = f"; and {len(each) - FINDINGS_SHOWN} more like these" if len(each) > FINDINGS_SHOWN else ""
    return "; ".join(each[:FINDINGS_SHOWN]) + more


Seen = Mapping[str, Any]
Bounds = Mapping[str, float]
Lines = Mapping[str, Sequence[Mapping[str, Any]]]


@dataclass(frozen=True)
class Check:
    """A declared check: the item it answers, what kind that is, who it speaks to, and the pure function.

    One of a `whole_run` reads all of its record lines, by kind, instead of one observation.
    """

    id: str
    kind: Kind
    audience: str
    title: str
    function: Callable[[Judge, Any, Bounds], None]
    whole_run: bool = False

    @property
    def section(self) -> str:
        return self.id.rsplit("-", 1)[0]

    @property
    def section_title(self) -> str:
        return {**SECTIONS, **RUN_SECTIONS}.get(self.section, self.section)


CHECKS: dict[str, Check] = {}


def check(
    id: str, audience: str, title: str, kind: Kind = Kind.PROMISE, *, whole_run: bool = False
) -> Callable[[Any], Any]:
    """Declare the check of one item. `audience` is the checklist's label (BE, CC, M, C); ValueError on a second one."""

    def declare(function: Callable[[Judge, Any, Bounds], None]) -> Callable[[Judge, Any, Bounds], None]:
        if id in CHECKS:
            raise ValueError(f"{id} has two checks: {CHECKS[id].function.__name__} and {function.__name__}")
        CHECKS[id] = Check(id, kind, audience, title, function, whole_run)
        return function

    return declare


def judge_seen(id: str, seen: Seen, bounds: Bounds, level: str = HARDENED) -> Judgement:
    """Judge one saved observation. What the check cannot read is the rig's fault: broken, with the reason.

    Where times are judged (there are bounds) while the rig itself stood still, neither a pass nor a failure counts.
    """
    judgement, _ = judge_with_evidence(id, seen, bounds, level)
    lag_s = seen.get("lag_s", 0.0)
    if not bounds or lag_s <= LAG_VOID_S or judgement.verdict in (Verdict.SKIPPED, Verdict.BROKEN):
        return judgement
    lost = f"the rig itself stood still for {lag_s:.2f} s"
    return Judgement(Verdict.INCONCLUSIVE, f"{lost}, so this does not count: {judgement.message}", lost)


def judge_with_evidence(
    id: str, seen: Seen | Lines, bounds: Bounds, level: str = HARDENED
) -> tuple[Judgement, list[Evidence]]:
    """The judgement and what the check chose to show; `seen` is the run's lines by kind for a check of a whole run."""
    declared = CHECKS.get(id)
    if declared is None:
        return Judgement(Verdict.BROKEN, f"no check is declared for {id}"), []
    beyond = declared.whole_run and any(line.get("beyond") for line in seen.get("fault", ()))
    judge = Judge(declared.kind, level, beyond)
    try:
        declared.function(judge, seen, bounds)
    except (KeyError, TypeError, ValueError, AttributeError, IndexError) as error:
        text = f"the check cannot read its observation: {type(error).__name__}: {error}"
        return Judgement(Verdict.BROKEN, text), judge.evidence
    return judge.judgement(), judge.evidence
