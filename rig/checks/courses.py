"""What checks of a whole run share: its phases, what is known of its fault, and ids that stay wrong over samples."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from rig.checks.base import LAG_VOID_S, Judge, Lines
from rig.record import evidence

Line = Mapping[str, Any]
SHOWN_MAX = 3
TRAFFIC_PHASES = ("baseline", "fault", "recovery")


@dataclass(frozen=True)
class Fault:
    """The moments (epoch seconds) of a fault's life; None: it never came so far."""

    requested: float | None
    confirmed: float | None
    removed: float | None
    healed: float | None


def phases(lines: Lines) -> dict[str, tuple[float, float]]:
    """Begin and end of each phase that was completed, by its name."""
    return {line["name"]: (line["from"], line["to"]) for line in lines.get("phase", ())}


def fault(lines: Lines) -> Fault:
    """The one fault of a campaign, from its lines."""
    at = {line["event"]: line["t"] for line in lines.get("fault", ())}
    return Fault(*(at.get(event) for event in ("requested", "confirmed", "removed", "healed")))


def assume_fault(judge: Judge, lines: Lines) -> Fault | None:
    """The fault was seen to bite and to heal, and all phases were completed; None when one of these did not hold."""
    events = fault(lines)
    judge.assume(events.requested, "the run ended before a fault was injected")
    if events.requested:
        judge.assume(events.confirmed, "the fault was injected but never seen to bite from both ends")
    if events.confirmed:
        judge.assume(events.removed, "the fault was never taken back")
    if events.removed:
        judge.assume(events.healed, "the fault was taken back but never seen to heal from both ends")
    missing = [name for name in (*TRAFFIC_PHASES, "drain") if name not in phases(lines)]
    judge.assume(not missing, f"phases that were not completed: {', '.join(missing)}")
    return None if judge.doubts else events


def quiet_spans(lines: Lines, events: Fault, reconnect_s: float) -> dict[str, tuple[float, float]]:
    """The two times in which all bounds of quiet hold: before the fault, and `reconnect_s` after it was taken back."""
    spans = phases(lines)
    assert events.requested is not None
    assert events.removed is not None
    return {
        "baseline": (spans["baseline"][0], events.requested),
        "after the reconnect": (events.removed + reconnect_s, spans["drain"][1]),
    }


def inside(lines: Iterable[Line], since: float, until: float) -> list[Line]:
    """Lines whose time lies in `[since, until]`."""
    return [line for line in lines if since <= line["t"] <= until]


def assume_traffic(judge: Judge, lines: Lines, least: float) -> None:
    """At least so many requests began in each phase that has traffic."""
    spans = phases(lines)
    for name in TRAFFIC_PHASES:
        if name in spans:
            count = len(inside(lines.get("request", ()), *spans[name]))
            judge.assume(count >= least, f"only {count} requests in phase {name}, fewer than {least:g}")


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
) -> float:
    """No id stays wrong for longer than the bound; the longest that one did. The rig's own lag voids an overrun."""
    spans = wrong_spans(samples, find)
    over = sorted((span for span in spans if span.seconds > bound_s), key=lambda span: -span.seconds)
    if over:
        lag_s = max(span.lag_s for span in over)
        worst = ", ".join(f"{span.id} {span.how} for {span.seconds:.2f} s" for span in over[:SHOWN_MAX])
        more = f" and {len(over) - SHOWN_MAX} more" if len(over) > SHOWN_MAX else ""
        text = f"{what}: in {where} {worst}{more}; the bound is {bound_s:g} s"
        if lag_s > LAG_VOID_S:
            judge.assume(False, f"{text}, but the rig itself stood still for {lag_s:.2f} s")
        else:
            judge.require(False, text)
    return max((span.seconds for span in spans), default=0.0)


def http_evidence(request: Line) -> dict[str, Any]:
    names = ("actor", "method", "url", "body", "status", "reply", "error", "started", "ended", "curl")
    return evidence.http(**{name: request[name] for name in names})
