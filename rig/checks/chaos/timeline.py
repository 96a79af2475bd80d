"""What checks of a whole run share: its phases, what is known of its fault, and ids that stay wrong over samples."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

from rig.checks.framework import LAG_VOID_S, Judge, Lines
from rig.record import evidence

Line = Mapping[str, Any]
SHOWN_MAX = 3
TRAFFIC_PHASES = ("baseline", "fault", "recovery")


@dataclass(frozen=True)
class Fault:
    """The moments (epoch seconds) of one fault's life, None where it never came so far, and what kind it declares.

    `outage`: every Valkey command of `hit` fails; `noticed`: the contract speaks of it (connections end or are refused,
    or all keys are flushed), else only a hardened server has to know; `seeds`: a server has to seed after it; `down`:
    `hit` themselves give no answer; `truth`: Postgres is ill; `rewinds`: what it had acknowledged just before is undone;
    `parts`: `hit` have another Valkey than the rest, so neither side hears the other's mitras; `beyond`: the contract
    does not speak of it.
    `masked`: it could not be seen to bite, because another fault hid it.
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
    terminated: float | None = None  # when SIGTERM was sent to `hit`


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
        """Whether the contract's own word covers it: all else of them a hardened server has to hold."""
        return all(fault.noticed for fault in self.each)

    def spans(self, after_s: float = 0.0) -> list[tuple[float, float]]:
        """Times with a fault, each prolonged by `after_s`, merged where they meet."""
        merged: list[tuple[float, float]] = []
        for since, until in sorted((f.requested or 0.0, (f.removed or 0.0) + after_s) for f in self.each):
            if merged and since <= merged[-1][1]:
                merged[-1] = merged[-1][0], max(merged[-1][1], until)
            else:
                merged.append((since, until))
        return merged


def phases(lines: Lines) -> dict[str, tuple[float, float]]:
    """Begin and end of each phase that was completed, by its name."""
    return {line["name"]: (line["from"], line["to"]) for line in lines.get("phase", ())}


MOMENTS = ("requested", "confirmed", "removed", "healed")
TRAITS = ("name", "outage", "noticed", "seeds", "down", "truth", "rewinds", "parts", "beyond")


def faults(lines: Lines) -> Faults:
    """The faults of a campaign, from their lines, in the order of their requests."""
    by_number: dict[int, list[Line]] = {}
    for line in lines.get("fault", ()):
        by_number.setdefault(line.get("number", 0), []).append(line)
    return Faults(tuple(map(one_fault, by_number.values())))


def one_fault(own: Sequence[Line]) -> Fault:
    at = {line["event"]: line["t"] for line in own}
    traits = {name: own[0][name] for name in TRAITS if name in own[0]}
    hit = tuple(own[0].get("hit") or ())
    requested, confirmed, removed, healed = (at.get(event) for event in MOMENTS)
    return Fault(
        requested=requested,
        confirmed=confirmed,
        removed=removed,
        healed=healed,
        hit=hit,
        masked="masked" in at,
        terminated=at.get("terminated"),
        **traits,
    )


def assume_fault(judge: Judge, lines: Lines) -> Faults | None:
    """Every fault was seen to bite and to heal, and all phases were completed; None when one of these did not hold."""
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


def quiet_spans(lines: Lines, events: Faults, reconnect_s: float) -> dict[str, tuple[float, float]]:
    """The times in which all bounds of quiet hold: before the first fault, and `reconnect_s` after each was taken back."""
    spans = phases(lines)
    found = {"baseline": (spans["baseline"][0], events.requested)}
    busy = events.spans(reconnect_s)
    for number, ((_, since), (until, _)) in enumerate(pairwise(busy), 1):
        found[f"pause {number}"] = since, until
    return {**found, AFTER: (busy[-1][1], spans["drain"][1])}


def inside(lines: Iterable[Line], since: float, until: float) -> list[Line]:
    """Lines whose time lies in `[since, until]`."""
    return [line for line in lines if since <= line["t"] <= until]


def assume_traffic(judge: Judge, lines: Lines, least: float) -> None:
    """At least so many requests began in each phase that has traffic."""
    spans = phases(lines)
    for name in TRAFFIC_PHASES:
        if name in spans:
            count = len(inside(lines.get("request", ()), *spans[name]))
            judge.enough(count >= least, f"only {count} requests in phase {name}, fewer than {least:g}")


def lag_around(request: Line, lines: Lines) -> float:
    """For how long the rig's own process stood still at most while it waited for the answer: the server's did, too."""
    looks = lines.get("sample", ())
    return max(
        (s["lag_s"] for s in looks if s["ended"] >= request["started"] and s["t"] <= request["ended"]), default=0.0
    )


def wrong_in(sample: Line) -> dict[str, str] | None:
    """Ids on which mirror and truth differ for certain, each `ghost` or `missing`; None for a blind sample.

    The mirror was read before and after the truth: an id counts only if both readings differ from it.
    """
    before, truth, after = sample["mirror_before"], sample["truth"], sample["mirror_after"]
    if before is None or truth is None or after is None:
        return None
    online = set(truth["online"])
    ghosts = (set(before) & set(after)) - online
    missing = online - set(before) - set(after)
    return {**dict.fromkeys(ghosts, "ghost"), **dict.fromkeys(missing, "missing")}


Find = Callable[[Line], dict[str, str] | None]


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


def wrong_spans(samples: Sequence[Line], find: Find = wrong_in) -> list[Wrong]:
    """Each uninterrupted time in which an id was wrong in the same way; a blind sample interrupts it."""
    open_spans: dict[tuple[str, str], Wrong] = {}
    closed: list[Wrong] = []
    for sample in samples:
        found = find(sample) or {}
        for key in [key for key in open_spans if found.get(key[0]) != key[1]]:
            closed.append(open_spans.pop(key))
        for id, how in found.items():
            known = open_spans.get((id, how))
            since, lag_s = (known.since, known.lag_s) if known else (sample["ended"], 0.0)
            open_spans[id, how] = Wrong(id, how, since, sample["t"], max(lag_s, sample["lag_s"]))
    return [*closed, *open_spans.values()]


def require_no_wrong_over(
    judge: Judge,
    what: str,
    samples: Sequence[Line],
    bound_s: float,
    find: Find = wrong_in,
    where: str = "mitras:online",
    promised: bool = True,
) -> float:
    """No id stays wrong for longer than the bound; the longest that one did. The rig's own lag voids an overrun.

    `promised`: by the contract; else by a hardened server.
    """
    spans = wrong_spans(samples, find)
    over = sorted((span for span in spans if span.seconds > bound_s), key=lambda span: -span.seconds)
    told = [span for span in over if span.lag_s <= LAG_VOID_S]
    voided = [span for span in over if span.lag_s > LAG_VOID_S]
    if told:
        ask = judge.require if promised else judge.require_hardened
        ask(False, f"{what}: in {where} {worst_of(told)}; the bound is {bound_s:g} s")
    if voided:
        lag_s = max(span.lag_s for span in voided)
        text = f"{what}: in {where} {worst_of(voided)}; the bound is {bound_s:g} s"
        # One that the rig's own lag voids takes nothing from another that it does not.
        judge.enough(False, f"{text}, but the rig itself stood still for {lag_s:.2f} s")
    return max((span.seconds for span in spans), default=0.0)


def worst_of(over: Sequence[Wrong]) -> str:
    worst = ", ".join(f"{span.id} {span.how} for {span.seconds:.2f} s" for span in over[:SHOWN_MAX])
    return worst + (f" and {len(over) - SHOWN_MAX} more" if len(over) > SHOWN_MAX else "")


def http_evidence(request: Line) -> dict[str, Any]:
    names = ("actor", "method", "url", "body", "status", "reply", "error", "started", "ended", "curl")
    return evidence.http(**{name: request[name] for name in names})
