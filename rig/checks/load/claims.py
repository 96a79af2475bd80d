"""Makes checks of the claims of a load, which `loadtest/claims.py` declares: each compares a measure with its limit."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from rig.checks.framework import CHECKS, LAG_VOID_S, Bounds, Check, Judge, Kind
from rig.checks.load import sql_attribution as causes
from rig.checks.load.measures import MEASURES, in_window, of_pings
from rig.checks.load.request_accounting import assume_load, completed, sent, window
from rig.checks.load.sql_attribution import unknown_roles
from rig.record import Lines
from rig.record.lines.common import Exited, Lag
from rig.record.lines.load import Load, NoBaseline, Unfenced, Unseeded


class PlannedPhase(Protocol):
    """A phase of a load, and how long it lasts."""

    @property
    def name(self) -> str: ...
    @property
    def seconds(self) -> float: ...


class PlannedLoad(Protocol):
    """What a limit may depend on: the phases of the load, and the seconds between two runs of each job."""

    @property
    def cadences(self) -> Mapping[str, float]: ...
    def phases(self) -> Sequence[PlannedPhase]: ...


@dataclass(frozen=True, kw_only=True)
class Claim:
    """What the mirror must save: a measure and the most that a run may measure.

    `limit` may be a function of the planned load. `needs` are the actions that must have been sent. `difference`: it
    compares with the arm without the mirror. `witness`: it is judged only in runs that read Postgres' table counters.
    """

    id: str
    wording: str
    measure: str
    limit: float | Callable[[PlannedLoad], float]
    needs: tuple[str, ...]
    difference: bool = False
    witness: bool = False


def declare_claims(claims: Sequence[Claim]) -> None:
    """Declare a check for each claim. ValueError for an unknown measure."""
    for claim in claims:
        if claim.measure not in MEASURES:
            raise ValueError(f"{claim.id}: no measure {claim.measure!r}: there are {', '.join(MEASURES)}")
        CHECKS[claim.id] = Check(claim.id, Kind.CLAIM, "BE", claim.wording, judged(claim), whole_run=True)


def judged(claim: Claim) -> Callable[[Judge, Lines, Bounds], None]:
    """The check of a claim: its measure in the arm with the mirror must not exceed its limit."""

    def check(judge: Judge, lines: Lines, bounds: Bounds) -> None:
        arms = ("on", "off") if claim.difference else ("on",)
        if not could_be_measured(judge, lines, claim, arms):
            return
        found = MEASURES[claim.measure](lines, "on", bounds)
        if found.lacking:
            judge.skip(found.lacking)
            return
        judge.show(*found.shown)
        if not assume_begun(judge, lines, claim.needs, arms):
            return
        if claim.difference:  # with half a baseline every share would be too large
            for arm in arms:
                assume_load(judge, lines, bounds, *claim.needs, arm=arm)
        within = found.value is None or found.value <= bounds["limit"]
        for text in found.broken:
            judge.require(False, text)
        if not within and not stood_still(judge, lines, found.said):
            judge.require(False, found.said)
        if judge.broken_promises:
            return  # a broken claim stays broken, even if the load did not go as planned
        for text in found.doubts:
            judge.assume(False, text)
        for arm in arms:
            roles = unknown_roles(lines, arm)
            judge.assume(not roles, f"statements of unknown roles: {', '.join(roles)}")
            assume_load(judge, lines, bounds, *claim.needs, arm=arm)
        judge.note(found.said)

    return check


def could_be_measured(judge: Judge, lines: Lines, claim: Claim, arms: Sequence[str]) -> bool:
    """Whether there is something to measure. If not, the judge has the reason: a crashed server, no baseline, no window."""
    for text in [*(line.text for line in lines.of(Exited)), *(line.text for line in lines.of(Unseeded))]:
        judge.require(False, text)
    if judge.broken_promises:
        return False
    if claim.difference and (why := no_baseline(lines)):
        judge.skip(why)
        return False
    if not judge.assume(window(lines), "the run ended before its measured window did"):
        return False
    uncounted = [line.text for line in lines.of(Unfenced) if line.arm in arms]
    return judge.assume(not uncounted, "".join(uncounted[:1]))


def assume_begun(judge: Judge, lines: Lines, needs: Sequence[str], arms: Sequence[str]) -> bool:
    """In each arm some of the requests were sent that the claim is about; without them nothing could break it."""
    for arm in arms:
        count = sum(sent(lines, arm, action) for action in needs)
        judge.assume(count, f"not one request of its kind ({', '.join(needs)}, {arm}) was sent: the load never began")
    return not judge.inconclusive_reasons


def no_baseline(lines: Lines) -> str:
    """Why there is no baseline to compare with; empty if there is one."""
    failed, load = lines.first(NoBaseline), lines.first(Load)
    if failed is not None:
        return failed.text
    if load is None or "off" not in load.arms:
        return "there is no baseline: the run was asked for without one (--no-baseline)"
    if window(lines) and completed(lines, "off", "ping") and not of_pings(lines, "off"):
        return "the server has no AVAILABILITY_MIRROR=off: its pings caused no SQL in the other arm either"
    return ""


def stood_still(judge: Judge, lines: Lines, text: str) -> bool:
    """Whether the whole machine stalled, seen by the rig's own lag and by a fallback: then an excess is inconclusive."""
    lag_s = max((line.worst_s for line in lines.of(Lag)), default=0.0)
    fell_back = any(one.cause == causes.FALLBACK for one in in_window(lines, "on"))
    return (
        lag_s > LAG_VOID_S and fell_back and not judge.assume(False, f"{text}; the machine stood still: {lag_s:.2f} s")
    )
