"""The measures of the claims of a load: each is a pure function of the record, for one arm."""

from collections import Counter, defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from rig.checks.framework import Bounds
from rig.checks.load import sql_attribution as causes
from rig.checks.load.request_accounting import (
    account,
    by_second,
    completed,
    failed_requests,
    planned,
    seconds_of,
    sent,
    tallies,
    unaccounted,
    window,
)
from rig.checks.load.sql_attribution import Spent, spent
from rig.record import Lines, evidence
from rig.record.evidence import Evidence
from rig.record.lines.load import ArmUp, Rewrites, Statements

SHOWN_MAX = 5
COUNTED = "pg_stat_statements"
FALLBACK_SHARE = 0.01  # a single failed command may fall back for its request alone
ANSWER_MS = 5000.0


@dataclass
class Measured:
    """The measured value of a claim in one arm, None if it cannot be measured there.

    `said` is the sentence for the report, `broken` are defects whatever the limit is, `doubts` make it inconclusive.
    `lacking` says why this stack cannot measure it.
    """

    value: float | None
    said: str = ""
    shown: list[Evidence] = field(default_factory=list)
    broken: list[str] = field(default_factory=list)
    doubts: list[str] = field(default_factory=list)
    lacking: str = ""


Measure = Callable[[Lines, str, Bounds], Measured]
MEASURES: dict[str, Measure] = {}


def measure(name: str) -> Callable[[Measure], Measure]:
    def declare(function: Measure) -> Measure:
        MEASURES[name] = function
        return function

    return declare


def in_window(lines: Lines, arm: str) -> Sequence[Spent]:
    span = window(lines)
    return [] if span is None else spent(lines, arm, *span)


def of_pings(lines: Lines, arm: str) -> list[Spent]:
    """Statements on the tables of a ping that no other request may have caused."""
    return [one for one in in_window(lines, arm) if one.cause == causes.UNEXPLAINED]


@measure("heartbeat_statements")
def heartbeat_statements(lines: Lines, arm: str, bounds: Bounds) -> Measured:
    found, pings = of_pings(lines, arm), sent(lines, arm, "ping")
    share = len(found) / pings if pings else 0
    said = f"{len(found)} statements for {pings} heartbeats ({share:.3g} each)"
    excused = [one for one in in_window(lines, arm) if one.cause == causes.FALLBACK]
    broken = []
    if found and arm == "on":
        said += f": {texts(found)}"
    if len(excused) > max(1, FALLBACK_SHARE * pings):
        broken.append(
            f"{len(excused)} times a request fell back to Postgres, and said so, though nothing was done to Valkey"
        )
    elif excused:
        said += f"; {len(excused)} by a fallback that was logged"
    shown = [shown_statements("Statements that belong to no other cause", found), *by_cause(lines, arm)]
    return Measured(len(found), said, shown, broken)


@measure("named_statements")
def named_statements(lines: Lines, arm: str, bounds: Bounds) -> Measured:
    """The number of the instance with the most, without those of seeds, toggles, chats and logged fallbacks."""
    excluded = (causes.SEED, causes.CHATS, causes.TOGGLES, causes.FALLBACK)
    own = [
        one
        for one in in_window(lines, arm)
        if one.cause not in excluded and (one.names("mitras") or one.names("mitra_online_status"))
    ]
    counts = Counter(one.instance for one in own)
    most = max(counts.values(), default=0)
    seconds = seconds_of(lines)
    said = f"{most} by an instance in {seconds:.0f} s, at most ⌈T/M⌉ + 1 = {bounds['limit']:g}"
    shown = [shown_statements("Statements that name mitras or mitra_online_status, by instance", own, counts)]
    return Measured(most, said, shown)


@measure("recomputes")
def recomputes(lines: Lines, arm: str, bounds: Bounds) -> Measured:
    """The most recomputes within `between_s`, over all instances. A deletion of the snapshot starts the count again."""
    if arm != "on":
        return Measured(None)
    line = lines.first(Rewrites)
    if line is None or line.missing:
        why = line.missing if line else "no word"
        return Measured(None, doubts=[f"rewrites of the snapshot could not be seen: {why}"])
    span = window(lines) or (0.0, 0.0)
    most = 0
    recent: list[float] = []
    every: list[float] = []
    for at, name in line.events:
        if name in ("del", "unlink"):
            recent = []
        elif name == "set" and span[0] <= at <= span[1]:
            recent = [moment for moment in recent if moment > at - bounds["between_s"]] + [at]
            every.append(at)
            most = max(most, len(recent))
    polls = completed(lines, arm, "beacon")
    said = f"at most {most} in {bounds['between_s']:g} s, {len(every)} in {seconds_of(lines):.0f} s, for {polls} polls"
    written = any(name == "set" for _, name in line.events)  # in a short run perhaps before the window
    doubts = [] if written else ["the snapshot was not written once: nobody polled, or it has another name"]
    shown = [evidence.commands("Writes of availability:snapshot", [f"{at:.3f} SET" for at in every])]
    return Measured(most, said, shown, doubts=doubts)


@measure("availability_queries")
def availability_queries(lines: Lines, arm: str, bounds: Bounds) -> Measured:
    found = [one for one in in_window(lines, arm) if one.cause == causes.AVAILABILITY]
    polls = completed(lines, arm, "beacon")
    said = f"{len(found)} for {polls} polls and {completed(lines, arm, 'pay')} blasts"
    if found and arm == "on":
        said += f": {texts(found)}"
    return Measured(len(found), said, [shown_statements("Queries for who is available", found)])


@measure("mirror_updates")
def mirror_updates(lines: Lines, arm: str, bounds: Bounds) -> Measured:
    """The most updates of one instance within a cycle. Each must hold all mitras who pinged, and no others."""
    if arm != "on":
        return Measured(None)
    source = next((line.source for line in lines.of(Statements) if line.arm == arm), "")
    if source == COUNTED:
        return Measured(
            None, lacking=f"{COUNTED} tells neither when heartbeats were written nor whose: that needs the log"
        )
    span = window(lines) or (0.0, 0.0)
    facts = next(line for line in lines.of(ArmUp) if line.arm == arm)
    own: dict[str, list[Spent]] = defaultdict(list)
    for one in in_window(lines, arm):
        if one.cause == causes.MIRROR:
            own[one.instance].append(one)
    cycle_s = bounds["mirror_every_s"]
    broken: list[str] = []
    doubts: list[str] = []
    shown: list[Evidence] = []
    unsent = planned(lines, arm, "ping") - sent(lines, arm, "ping")
    most = 0
    for instance, found in sorted(own.items()):
        for number, one in enumerate(found):
            most = max(most, sum(0 <= other.at - one.at < 0.9 * cycle_s for other in found[number:]))
            everybody = one.at >= span[0] + bounds["all_pinged_s"]
            if everybody and one.fleet < facts.fleet:
                text = f"instance {instance} wrote {one.fleet} heartbeats of {facts.fleet} mitras who ping"
                (doubts if unsent else broken).append(text + (f"; {unsent} pings were not sent" if unsent else ""))
            if one.carried > facts.online or one.strangers:
                broken.append(
                    f"instance {instance} wrote heartbeats of {one.carried} mitras: {facts.online} are online"
                )
        told = [f"{one.at:.3f} {one.carried} ids, {one.fleet} of the fleet" for one in found]
        shown.append(evidence.statements(f"Heartbeat updates of instance {instance}", {"updates": len(found)}, told))
    begun = first_answered(lines, arm, "ping")
    if not own and begun is not None and span[1] - begun > cycle_s + 1:
        broken.append(f"not one update in {span[1] - begun:.0f} s with pings, with a cycle of {cycle_s:g} s")
    elif not own:
        doubts.append(f"no cycle of {cycle_s:g} s fell into the window: measure for longer (--seconds)")
    held = sorted({one.carried for found in own.values() for one in found})
    said = f"at most {most} a cycle of an instance, holding {' or '.join(map(str, held)) or 'no'} mitras"
    return Measured(most, said, shown, broken, doubts)


def first_answered(lines: Lines, arm: str, action: str) -> float | None:
    """The end of the second in which the first request of the window was answered; None if none was answered."""
    span = window(lines)
    if span is None or not completed(lines, arm, action):
        return None
    seconds = [second for second, row in by_second(lines, arm, action).items() if row.completed]
    return max(span[0], min((s + 1.0 for s in seconds if s + 1.0 >= span[0]), default=span[0]))


@measure("dashboard_counts")
def dashboard_counts(lines: Lines, arm: str, bounds: Bounds) -> Measured:
    found = [one for one in in_window(lines, arm) if one.cause == causes.COUNT]
    said = f"{len(found)} for {completed(lines, arm, 'dashboard')} looks at the dashboard"
    return Measured(len(found), said, [shown_statements("Statements that count mitras online", found)])


@measure("errors")
def errors(lines: Lines, arm: str, bounds: Bounds) -> Measured:
    """The number of failed, missed and unanswered requests, and answers that took too long."""
    counts = account(lines, arm)
    bad = counts["failed"] + counts["missed"] + counts["in_flight"]
    slowest = max((tally.longest_ms for tally in tallies(lines, arm)), default=0.0)
    said = f"{bad} of {counts['planned']} requests, the slowest answered after {slowest / 1000:.3f} s"
    kinds = Counter(f"{failure.action}: {failure.error}" for failure in failed_requests(lines, arm))
    shown = [evidence.note(f"{kind} × {count}") for kind, count in kinds.most_common(SHOWN_MAX)]
    broken = [f"an answer took {slowest / 1000:.1f} s"] if slowest > ANSWER_MS else []
    doubts = [] if counts["planned"] else ["not one request was planned"]
    if any(unaccounted(tally) for tally in tallies(lines, arm)):
        doubts.append("planned requests are unaccounted for")
    if bad and arm == "on":
        said += ": " + ", ".join(f"{kind} × {count}" for kind, count in kinds.most_common(SHOWN_MAX))
    shown.append(evidence.note(", ".join(f"{name} {count}" for name, count in counts.items())))
    return Measured(bad, said, shown, broken, doubts)


@measure("baseline_share")
def baseline_share(lines: Lines, arm: str, bounds: Bounds) -> Measured:
    """Statements for heartbeats with the mirror, as a share of those without it."""
    with_it, without = (len(of_pings(lines, one)) for one in ("on", "off"))
    pings = completed(lines, "off", "ping")
    said = f"{with_it} statements with the mirror, {without} without it for {pings} heartbeats ({without / max(1, pings):.2f} each)"
    doubts = [] if without >= pings else ["the other arm's heartbeats caused less than a statement each: no baseline"]
    return Measured(
        with_it / without if without else None,
        said,
        [shown_statements("Without the mirror", of_pings(lines, "off"))],
        doubts=doubts,
    )


@measure("query_share")
def query_share(lines: Lines, arm: str, bounds: Bounds) -> Measured:
    """Queries for who is available with the mirror, as a share of those without it."""
    found = {one: availability_queries(lines, one, bounds) for one in ("on", "off")}
    without = found["off"].value or 0
    said = f"{found['on'].value:g} with the mirror, {without:g} without it"
    doubts = [] if without else ["the other arm never asked Postgres who is available: no baseline"]
    return Measured((found["on"].value or 0) / without if without else None, said, found["off"].shown, doubts=doubts)


def texts(statements: Sequence[Spent]) -> str:
    shown = Counter(one.text[:120] for one in statements).most_common(SHOWN_MAX)
    return "; ".join(f"{text} (× {count})" for text, count in shown)


def shown_statements(title: str, statements: Sequence[Spent], counts: Mapping[str, int] | None = None) -> Evidence:
    told = [f"{one.at:.3f} {one.instance} {one.text[:200]} {' '.join(one.ids)}".rstrip() for one in statements[:50]]
    return evidence.statements(title, dict(counts or {"statements": len(statements)}), told)


def by_cause(lines: Lines, arm: str) -> list[Evidence]:
    counts = Counter(one.cause for one in in_window(lines, arm) if one.pings_tables)
    return [evidence.statements("Statements that name a ping's tables, by cause", dict(counts), [])] if counts else []
