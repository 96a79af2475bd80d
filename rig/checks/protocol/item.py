"""The item `PROTOCOL`: each event of a campaign is a step that the protocol allows, even if all ended well."""

from collections.abc import Sequence

from rig.checks.framework import Bounds, Judge, Kind, whole_run_check
from rig.checks.protocol.automaton import judge_contract
from rig.checks.protocol.calls import PROTOCOL_VERSION
from rig.checks.protocol.context import Context, Conviction
from rig.checks.protocol.follow import Seen, follow, not_judged
from rig.checks.protocol.steps import STEPS
from rig.checks.protocol.story import Event, around
from rig.record import Lines, evidence
from rig.record.evidence import Evidence, PathStep
from rig.record.lines.chaos import ProtocolSeen, Versions, Watched
from rig.record.lines.common import Person, Request

ITEM = "PROTOCOL"
COVERAGE = "Steps of the protocol, and how often each was taken"
DRAWN_MAX = 3  # convictions that are drawn; the others are told
NAMED_MAX = 5


def why_not(lines: Lines) -> str:
    """Why this run cannot be judged by the protocol; '' if it can."""
    told = lines.first(ProtocolSeen)
    if told is None:
        return "it was recorded without the scripts that the judgement by the protocol reads: run the campaign again"
    if told.version != PROTOCOL_VERSION:
        return (
            f"it was recorded for version {told.version} of the protocol, and this rig judges version {PROTOCOL_VERSION}: "
            "run the campaign again, or judge it with the rig that made it"
        )
    return ""


@whole_run_check(ITEM, "BE", "Each event is a step that the protocol allows", Kind.INVARIANT)
def protocol_is_followed(judge: Judge, lines: Lines, bounds: Bounds) -> None:
    """The reference protocol where its scripts are seen; for any other server, what the contract says of rows and keys."""
    if not judge.assume(not (why := why_not(lines)), f"not judged by the protocol: {why}"):
        return
    told, (context, seen) = lines.first(ProtocolSeen), follow(lines)
    if seen.known:
        tell_coverage(judge, context, lines, seen)
        convicted = first_of_each_rule(context.convictions)
        judge.show(*(piece for one in convicted[:DRAWN_MAX] for piece in shown(lines, one)))
        for one in convicted:
            judge.require_hardened(False, told_conviction(one))
    else:
        monitor = bool(told and told.monitor)
        judge.note(
            "judged by the contract's automaton alone: "
            + ("no script of the protocol was called" if monitor else "MONITOR could not be had")
        )
    number = judge_contract(judge, lines)
    judge.enough(seen.known or number, "neither a toggle nor a key of a mitra was seen, so nothing was judged")


def first_of_each_rule(convictions: Sequence[Conviction]) -> list[Conviction]:
    """The first conviction of each rule and message kind, in order: the others follow from the same cause."""
    found: dict[tuple[str, str], Conviction] = {}
    for one in convictions:
        found.setdefault((one.rule, one.allowed), one)
    return list(found.values())


def told_conviction(one: Conviction) -> str:
    who = f"{one.id}: " if one.id else ""
    return f"{who}{one.message} at {one.at:.3f} ({one.rule}); the protocol allows: {one.allowed}"


def tell_coverage(judge: Judge, context: Context, lines: Lines, seen: Seen) -> None:
    """Note which steps the run has taken, and of whom nothing could be judged."""
    steps = {name: context.steps[name] for name in STEPS}
    taken = sum(number > 0 for number in steps.values())
    judge.note(f"{taken} of {len(STEPS)} kinds of steps were taken, by {len(context.judged)} mitras")
    judge.show(evidence.counts(COVERAGE, steps))
    people = [person.id for person in lines.of(Person) if person.role == "mitra"]
    for id in not_judged(context, people):
        judge.enough(False, f"nothing of mitra {id} could be judged by the protocol")
    watched = lines.first(Watched)
    for since, until in watched.blind if watched else ():
        ids = sorted(
            {
                r.subject
                for r in lines.of(Request)
                if r.subject in context.judged and since <= r.ended and r.started <= until
            }
        )
        named = ", ".join(ids[:NAMED_MAX]) + (f" and {len(ids) - NAMED_MAX} more" if len(ids) > NAMED_MAX else "")
        if ids:
            judge.note(f"not judged from {since:.3f} to {until:.3f}, as MONITOR was lost: {named}")
    if not context.statements:
        judge.note("transactions were not judged: no statement log")
    elif not lines.first(Versions):
        judge.note("versions were not compared with commits: they were not recorded")


def shown(lines: Lines, one: Conviction) -> list[Evidence]:
    """The events of that mitra up to the conviction as a diagram, and beside it the nearest path that is allowed."""
    before, behind = around(lines, one)
    title = f"{told_conviction(one)}"
    lanes = lanes_of([*before, *behind])
    steps = [told_step(event, one.at) for event in before]
    end = before[-1] if before else Event(one.at, ("valkey",), one.message)
    nearest = [*steps[:-1], told_step(Event(end.at, end.lanes, one.allowed, "heal"), one.at)]
    return [
        evidence.path("What happened", lanes, steps or [told_step(end, one.at)], f"{one.rule}: {one.message}"),
        evidence.path("The nearest path that the protocol allows", lanes, nearest, ""),
        evidence.log(
            title, [f"{event.at:.3f} {' → '.join(event.lanes)}: {event.told}" for event in [*before, *behind]]
        ),
    ]


def lanes_of(events: Sequence[Event]) -> list[str]:
    """The lanes of a diagram, people first and the stores last."""
    found = {lane for event in events for lane in event.lanes} | {"valkey", "postgres"}
    order = {"mitra": 0, "operator": 1, "valkey": 8, "postgres": 9}
    return sorted(found, key=lambda lane: (order.get(lane, 4), lane))


def told_step(event: Event, at: float) -> PathStep:
    """A step of a diagram, as plain JSON; its time is in ms relative to the conviction."""
    when = f"{(event.at - at) * 1000:+.0f} ms"
    return {"who": when, "text": event.told, "kind": event.kind, "lanes": list(event.lanes)}
