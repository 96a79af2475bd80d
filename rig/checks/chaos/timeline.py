"""What the checks of a campaign share: its phases, its faults, and ids that stay wrong over several samples."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import NamedTuple, TypeVar

from rig.checks.framework import LAG_VOID_S, Judge
from rig.record import Lines, evidence
from rig.record.evidence import Evidence
from rig.record.lines.base import Line
from rig.record.lines.chaos import FaultEvent, Phase, Sample
from rig.record.lines.common import Request

SHOWN_MAX = 3
TRAFFIC_PHASES = ("baseline", "fault", "recovery")


class Period(NamedTuple):
    """From when to when, in epoch seconds."""

    since: float
    until: float

    def holds(self, at: float) -> bool:
        return self.since <= at <= self.until


@dataclass(frozen=True)
class Fault:
    """The moments (epoch seconds) of one fault, None where it never came so far, and what the fault declares of itself.

    `outage`: every Valkey command of the instances in `hit` fails. `noticed`: the contract covers it (connections end or
    are refused, or all keys are deleted); otherwise only a hardened server must handle it. `seeds`: a server must seed
    after it. `down`: the instances in `hit` do not answer. `truth`: Postgres is impaired. `rewinds`: Postgres loses
    what it had just acknowledged. `parts`: the instances in `hit` use another Valkey than the others, so neither side
    receives the pings of the other's mitras. `beyond`: the contract does not cover it. `masked`: another fault hid its
    effect. `terminated`: when SIGTERM was sent to `hit`.
    """

    requested: float | None
    confirmed: float | None
    removed: float | None
    healed: float | None
    name: str = ""
    hit: tuple[str, ...] = ()
    outage: bool = True
    noticed: bool = True
    seeds: bool = True
    down: bool = False
    truth: bool = False
    rewinds: bool = False
    parts: bool = False
    beyond: bool = False
    masked: bool = False
    terminated: float | None = None


@dataclass(frozen=True)
class Faults:
    """All faults of a campaign, taken as one: from the first request to the last removal."""

    each: tuple[Fault, ...]

    @property
    def requested(self) -> float:
        return min(fault.requested for fault in self.each if fault.requested is not None)

    @property
    def confirmed(self) -> float:
        return min(fault.confirmed or fault.requested or 0.0 for fault in self.each)

    @property
    def removed(self) -> float:
        return max(fault.removed or 0.0 for fault in self.each)

    @property
    def noticed(self) -> bool:
        """Whether the contract covers all of them; otherwise only a hardened server must handle them."""
        return all(fault.noticed for fault in self.each)

    def spans(self, after_s: float = 0.0) -> list[Period]:
        """The periods with a fault, each prolonged by `after_s`. Those that overlap are merged."""
        merged: list[Period] = []
        for since, until in sorted((f.requested or 0.0, (f.removed or 0.0) + after_s) for f in self.each):
            if merged and since <= merged[-1].until:
                merged[-1] = Period(merged[-1].since, max(merged[-1].until, until))
            else:
                merged.append(Period(since, until))
        return merged


def phases(lines: Lines) -> dict[str, Period]:
    """Begin and end of each phase that was completed, by its name."""
    return {line.name: Period(line.since, line.until) for line in lines.of(Phase)}


MOMENTS = ("requested", "confirmed", "removed", "healed")


def faults(lines: Lines) -> Faults:
    """The faults of a campaign, from their lines, in the order of their requests."""
    by_number: dict[int, list[FaultEvent]] = {}
    for event in lines.of(FaultEvent):
        by_number.setdefault(event.number, []).append(event)
    return Faults(tuple(map(one_fault, by_number.values())))


def one_fault(events: Sequence[FaultEvent]) -> Fault:
    """A fault from its events; what it declares of itself is the same in each of them."""
    at = {event.event: event.t for event in events}
    declared = events[0]
    return Fault(
        requested=at.get("requested"),
        confirmed=at.get("confirmed"),
        removed=at.get("removed"),
        healed=at.get("healed"),
        name=declared.name,
        hit=tuple(declared.hit),
        outage=declared.outage,
        noticed=declared.noticed,
        seeds=declared.seeds,
        down=declared.down,
        truth=declared.truth,
        rewinds=declared.rewinds,
        parts=declared.parts,
        beyond=declared.beyond,
        masked="masked" in at,
        terminated=at.get("terminated"),
    )


def assume_fault(judge: Judge, lines: Lines) -> Faults | None:
    """Every fault was seen to act and to heal, and all phases were completed; None if one of these is not true."""
    found = faults(lines)
    injected = found.each and all(fault.requested for fault in found.each)
    judge.assume(injected, "the run ended before a fault was injected")
    for fault in found.each:
        named = f"the fault {fault.name!r}" if len(found.each) > 1 else "the fault"
        judge.assume(fault.confirmed or fault.masked, f"{named} was injected but never seen to bite from both ends")
        if fault.confirmed or fault.masked:
            judge.assume(fault.removed, f"{named} was never taken back")
        if fault.removed:
            judge.assume(fault.healed, f"{named} was taken back but never seen to heal from both ends")
    seen = not found.each or any(fault.confirmed for fault in found.each)
    judge.assume(seen or judge.inconclusive_reasons, "no fault was seen to bite: each was hidden by another")
    missing = [name for name in (*TRAFFIC_PHASES, "drain") if name not in phases(lines)]
    judge.assume(not missing, f"phases that were not completed: {', '.join(missing)}")
    return None if judge.inconclusive_reasons else found


AFTER = "after the reconnect"


def quiet_spans(lines: Lines, events: Faults, reconnect_s: float) -> dict[str, Period]:
    """The periods in which the bounds of normal operation hold: before the first fault, and `reconnect_s` after each."""
    spans = phases(lines)
    found = {"baseline": Period(spans["baseline"].since, events.requested)}
    busy = events.spans(reconnect_s)
    for number, (fault, following) in enumerate(pairwise(busy), 1):
        found[f"pause {number}"] = Period(fault.until, following.since)
    return {**found, AFTER: Period(busy[-1].until, spans["drain"].until)}


AnyLine = TypeVar("AnyLine", bound=Line)


def inside(lines: Iterable[AnyLine], since: float, until: float) -> list[AnyLine]:
    """The lines with a time in `[since, until]`."""
    return [line for line in lines if since <= line.t <= until]


def assume_traffic(judge: Judge, lines: Lines, least: float) -> None:
    """At least so many requests began in each phase that has traffic."""
    spans = phases(lines)
    for name in TRAFFIC_PHASES:
        if name in spans:
            count = len(inside(lines.of(Request), *spans[name]))
            judge.enough(count >= least, f"only {count} requests in phase {name}, fewer than {least:g}")


def lag_around(request: Request, lines: Lines) -> float:
    """The longest time (seconds) that the rig's own process stood still during the request; then so did the server."""
    samples = lines.of(Sample)
    return max((s.lag_s for s in samples if s.ended >= request.started and s.t <= request.ended), default=0.0)


def wrong_in(sample: Sample) -> dict[str, str] | None:
    """The ids on which mirror and Postgres certainly differ, each `ghost` or `missing`; None if a store was not read.

    The mirror was read before and after Postgres: an id counts only if both readings differ from Postgres.
    """
    before, truth, after = sample.mirror_before, sample.truth, sample.mirror_after
    if before is None or truth is None or after is None:
        return None
    online = set(truth.online)
    ghosts = (set(before) & set(after)) - online
    missing = online - set(before) - set(after)
    return {**dict.fromkeys(ghosts, "ghost"), **dict.fromkeys(missing, "missing")}


Find = Callable[[Sample], dict[str, str] | None]


@dataclass(frozen=True)
class Wrong:
    """An id that was wrong in every sample from `since` to `until` (epoch seconds)."""

    id: str
    how: str
    since: float
    until: float
    lag_s: float

    @property
    def seconds(self) -> float:
        return self.until - self.since


def wrong_spans(samples: Sequence[Sample], find: Find = wrong_in) -> list[Wrong]:
    """The uninterrupted periods in which an id was wrong in the same way. A sample that could not be read ends them."""
    open_spans: dict[tuple[str, str], Wrong] = {}
    closed: list[Wrong] = []
    for sample in samples:
        found = find(sample) or {}
        for key in [key for key in open_spans if found.get(key[0]) != key[1]]:
            closed.append(open_spans.pop(key))
        for id, how in found.items():
            known = open_spans.get((id, how))
            since, lag_s = (known.since, known.lag_s) if known else (sample.ended, 0.0)
            open_spans[id, how] = Wrong(id, how, since, sample.t, max(lag_s, sample.lag_s))
    return [*closed, *open_spans.values()]


def require_no_wrong_over(
    judge: Judge,
    what: str,
    samples: Sequence[Sample],
    bound_s: float,
    find: Find = wrong_in,
    where: str = "mitras:online",
    promised: bool = True,
) -> float:
    """No id stays wrong for longer than the bound. Returns the longest time (seconds) that one was wrong.

    An excess during which the rig itself stood still is inconclusive. `promised`: the contract requires it, otherwise
    only the level hardened does.
    """
    spans = wrong_spans(samples, find)
    over = sorted((span for span in spans if span.seconds > bound_s), key=lambda span: -span.seconds)
    certain = [span for span in over if span.lag_s <= LAG_VOID_S]
    voided = [span for span in over if span.lag_s > LAG_VOID_S]
    if certain:
        ask = judge.require if promised else judge.require_hardened
        ask(False, f"{what}: in {where} {worst_of(certain)}; the bound is {bound_s:g} s")
    if voided:
        lag_s = max(span.lag_s for span in voided)
        text = f"{what}: in {where} {worst_of(voided)}; the bound is {bound_s:g} s"
        # `enough`, not `assume`: an excess that does not count must not hide another one that does.
        judge.enough(False, f"{text}, but the rig itself stood still for {lag_s:.2f} s")
    return max((span.seconds for span in spans), default=0.0)


def worst_of(over: Sequence[Wrong]) -> str:
    worst = ", ".join(f"{span.id} {span.how} for {span.seconds:.2f} s" for span in over[:SHOWN_MAX])
    return worst + (f" and {len(over) - SHOWN_MAX} more" if len(over) > SHOWN_MAX else "")


def http_evidence(request: Request) -> Evidence:
    """A request as evidence for the report."""
    return evidence.http(
        actor=request.actor, method=request.method, url=request.url, body=request.body, status=request.status,
        reply=request.reply, error=request.error, started=request.started, ended=request.ended, curl=request.curl,
    )  # fmt: skip
