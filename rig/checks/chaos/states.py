"""States that a campaign must have met in a quiet span; without them a pass of some invariants proves nothing."""

from bisect import bisect_left
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from rig.checks.chaos.timeline import Faults, Period, assume_fault, inside, quiet_spans
from rig.checks.framework import Bounds, Judge, Kind, whole_run_check
from rig.contract import SEED_LINE
from rig.record import Lines, evidence
from rig.record.lines.chaos import PostgresLook, Sample
from rig.record.lines.common import Request, ServerLog

LOOKED_AT_S = 1.4  # a state must last so long to be judged: the second that a difference may last, and two samples
SHOWN_MAX = 5
INF = float("inf")
TOGGLES, ACCOUNT = ("online", "offline"), ("deactivate", "reactivate")
Spans = Mapping[str, Period]
Find = Callable[[Lines, Spans, Faults, Bounds], list[str]]


@dataclass(frozen=True)
class State:
    """`told`: the state, as a sentence. `judges`: the invariants that it puts to the test. `find`: a text per meeting."""

    told: str
    judges: tuple[str, ...]
    find: Find


class Acts:
    """The toggles, deactivations and re-activations of a run by mitra, and what Postgres said before each."""

    def __init__(self, lines: Lines) -> None:
        self._samples = [sample for sample in lines.of(Sample) if sample.truth]
        self._times = [sample.t for sample in self._samples]
        self._own: dict[str, list[Request]] = defaultdict(list)
        for line in lines.of(Request):
            if line.action in TOGGLES:
                self._own[line.subject or ""].append(line)
            elif line.action in ACCOUNT:
                self._own[line.target].append(line)
        for own in self._own.values():
            own.sort(key=lambda line: line.started)

    def done(self, action: str) -> Iterator[tuple[str, Request]]:
        """The requests of this action that were answered with 200, each with the mitra whom it is about."""
        return (
            (id, line) for id, own in self._own.items() for line in own if line.action == action and line.status == 200
        )

    def look_before(self, at: float) -> PostgresLook | None:
        """What Postgres said last before that time; None if it was not read."""
        place = bisect_left(self._times, at)
        return self._samples[place - 1].truth if place else None

    def next_of(self, actions: Sequence[str], mitra: str, after: float) -> float:
        """When the next of these actions about this mitra began; infinity if there was none."""
        return next((line.started for line in self._own[mitra] if line.action in actions and line.started > after), INF)

    def last_toggle(self, mitra: str, before: float) -> str:
        """The last toggle of this mitra that was done before that time; empty if there was none."""
        own = (line for line in reversed(self._own[mitra]) if line.action in TOGGLES and line.status == 200)
        return next((line.action for line in own if line.ended <= before), "")


def lasts(spans: Spans, since: float, next_change: float) -> bool:
    """Whether what began at `since` lasted in quiet for long enough to be judged."""
    return any(
        period.holds(since) and min(period.until, next_change) - since >= LOOKED_AT_S for period in spans.values()
    )


def toggles_with_a_chat(lines: Lines, spans: Spans, events: Faults, bounds: Bounds) -> list[str]:
    """Toggles to online of mitras who have a chat, after which they stay for long enough to be looked at."""
    acts, found = Acts(lines), []
    for mitra, line in acts.done("online"):
        truth = acts.look_before(line.started)
        if truth is None or truth.loads.get(mitra, 0) == 0 or acts.last_toggle(mitra, line.started) != "offline":
            continue
        if lasts(spans, line.ended, acts.next_of(("offline", "deactivate"), mitra, line.started)):
            found.append(f"{mitra} at {line.started:.3f}")
    return found


def deactivated_while_offline(lines: Lines, spans: Spans, events: Faults, bounds: Bounds) -> list[str]:
    """Deactivations of mitras who are offline, and stay deactivated for long enough to be looked at."""
    acts, found = Acts(lines), []
    for mitra, line in acts.done("deactivate"):
        truth = acts.look_before(line.started)
        if truth is None or mitra in truth.online or mitra in truth.deactivated:
            continue
        if lasts(spans, line.ended, acts.next_of(("reactivate",), mitra, line.started)):
            found.append(f"{mitra} at {line.started:.3f}")
    return found


def reactivated_in_outage(lines: Lines, spans: Spans, events: Faults, bounds: Bounds) -> list[str]:
    """Re-activations in an outage of mitras whose accounts are left alone until a quiet span after it."""
    outages = [fault for fault in events.each if fault.outage and fault.confirmed and fault.removed]
    acts, found = Acts(lines), []
    for mitra, line in acts.done("reactivate"):
        held = acts.next_of(("deactivate",), mitra, line.started)
        during = any((one.confirmed or 0.0) <= line.started <= (one.removed or 0.0) for one in outages)
        later = [period for period in spans.values() if period.since >= line.ended]
        if during and any(min(period.until, held) - period.since >= LOOKED_AT_S for period in later):
            found.append(f"{mitra} at {line.started:.3f}")
    return found


def always_full(lines: Lines, spans: Spans, events: Faults, bounds: Bounds) -> list[str]:
    """Mitras whose load was at the highest maximum in every look of every quiet span that can be judged."""
    looks: dict[str, list[PostgresLook]] = defaultdict(list)
    for name, (since, until) in spans.items():
        if until - since >= LOOKED_AT_S:
            looks[name] += [sample.truth for sample in inside(lines.of(Sample), since, until) if sample.truth]
    if not looks or not all(looks.values()):
        return []
    everyone = [look for own in looks.values() for look in own]
    return [
        f"{id} in {len(everyone)} looks"
        for id in everyone[0].loads
        if all(look.loads.get(id, 0) >= bounds["max_customers"] for look in everyone)
    ]


def periodic_seeds(lines: Lines, spans: Spans, events: Faults, bounds: Bounds) -> list[str]:
    """Seeds in quiet: none but the periodic one is due there."""
    return [
        f"{log.instance} at {at:.3f}"
        for log in lines.of(ServerLog)
        for at, text in log.lines
        if SEED_LINE in text and any(period.holds(at) for period in spans.values())
    ]


def changes_by_two_operators(lines: Lines, spans: Spans, events: Faults, bounds: Bounds) -> list[str]:
    """The instances through which settings were changed in quiet; empty unless there are two."""
    found = {
        line.instance
        for line in lines.of(Request)
        if line.action == "set_config" and line.status == 200 and line.instance
        if any(period.holds(line.started) for period in spans.values())
    }
    return [f"a setting through {name}" for name in sorted(found)] if len(found) > 1 else []


TOGGLED, BARRED_AWAY, BACK_IN_OUTAGE, FULL = "STATE-01", "STATE-02", "STATE-03", "STATE-04"
SEEDED, TWO_OPERATORS = "STATE-05", "STATE-06"
STATES: Mapping[str, State] = {
    TOGGLED: State(
        "a mitra with a chat went offline and online again", ("INV-01", "INV-03", "INV-04"), toggles_with_a_chat
    ),
    BARRED_AWAY: State(
        "a mitra was deactivated while she was offline", ("INV-02", "INV-12"), deactivated_while_offline
    ),
    BACK_IN_OUTAGE: State(
        "a mitra was re-activated in an outage and not deactivated again until the quiet after it",
        ("INV-02", "INV-12"),
        reactivated_in_outage,
    ),
    FULL: State("a mitra was full all the time", ("INV-03", "INV-13", "INV-14"), always_full),
    SEEDED: State("the periodic seed ran", ("INV-05", "INV-22"), periodic_seeds),
    TWO_OPERATORS: State("two operators changed settings through two instances", ("INV-16",), changes_by_two_operators),
}


def require_met(judge: Judge, lines: Lines, bounds: Bounds, item: str) -> None:
    """Inconclusive, with the name of the state and of the invariants, if it was never met in quiet."""
    events = assume_fault(judge, lines)
    if events is None:
        return
    state = STATES[item]
    met = state.find(lines, quiet_spans(lines, events, bounds["reconnect_s"]), events, bounds)
    judge.show(evidence.note(f"{state.told}: {'; '.join(met[:SHOWN_MAX]) or 'never'}"))
    needed = ", ".join(state.judges)
    judge.require(met, f"in no quiet span {state.told}: this campaign proves nothing about {needed} in that state")
    judge.note(f"{len(met)} times {state.told}")


@whole_run_check(TOGGLED, "BE", "A mitra with a chat toggled", Kind.PRECONDITION)
def met_toggle_with_a_chat(judge: Judge, lines: Lines, bounds: Bounds) -> None:
    require_met(judge, lines, bounds, TOGGLED)


@whole_run_check(BARRED_AWAY, "BE", "A mitra was deactivated while she was offline", Kind.PRECONDITION)
def met_deactivated_offline(judge: Judge, lines: Lines, bounds: Bounds) -> None:
    require_met(judge, lines, bounds, BARRED_AWAY)


@whole_run_check(BACK_IN_OUTAGE, "BE", "A mitra was re-activated in an outage", Kind.PRECONDITION)
def met_reactivated_in_outage(judge: Judge, lines: Lines, bounds: Bounds) -> None:
    require_met(judge, lines, bounds, BACK_IN_OUTAGE)


@whole_run_check(FULL, "BE", "A mitra was full all the time", Kind.PRECONDITION)
def met_full(judge: Judge, lines: Lines, bounds: Bounds) -> None:
    require_met(judge, lines, bounds, FULL)


@whole_run_check(SEEDED, "BE", "The periodic seed ran in quiet", Kind.PRECONDITION)
def met_periodic_seed(judge: Judge, lines: Lines, bounds: Bounds) -> None:
    require_met(judge, lines, bounds, SEEDED)


@whole_run_check(TWO_OPERATORS, "BE", "Two operators changed settings through two instances", Kind.PRECONDITION)
def met_two_operators(judge: Judge, lines: Lines, bounds: Bounds) -> None:
    require_met(judge, lines, bounds, TWO_OPERATORS)
