"""How consistent mirror and Postgres were, in figures: after how long both stores agreed on an acknowledged change.

A change counts as a sample of a horizon (1 s, 10 s, 300 s later) if no newer change of that mitra came before it.
"""

from bisect import bisect_left
from collections import Counter
from dataclasses import dataclass, field

from rig.checks.chaos.timeline import Faults, faults, phases, wrong_in
from rig.checks.common.sql_statements import ids_in, is_availability_query, names
from rig.record import Lines
from rig.record.lines.chaos import Left, PostgresLook, Sample, Statement, ValkeyLook
from rig.record.lines.common import Request

HORIZONS_S = (1.0, 10.0, 300.0)
LONG_RUN_S = 360.0  # in a shorter run hardly any change is older than the farthest horizon
LOOK_WITHIN_S = 0.6  # both stores must have been read so soon after the horizon
TOGGLES = {"online": "online", "offline": "online", "deactivate": "deactivated", "reactivate": "deactivated"}
CHATS_TABLE = "chat_sessions"
CHATS = ("accept", "end", "reroute")
HEALTHY, OUTAGE, RECOVERY = "healthy", "outage", "recovery"
RECOVERY_S = 5.0


@dataclass(frozen=True)
class Change:
    """An acknowledged change of one mitra's state (`online`, `deactivated`, `capacity`): begin and end of its request."""

    id: str
    state: str
    started: float
    ended: float


def changes(lines: Lines) -> list[Change]:
    """All changes of a run, in the order of their answers. An auto-offline has the time of its audit row."""
    found = []
    for line in lines.of(Request):
        if line.status != 200:
            continue
        if line.action in TOGGLES:
            id = line.subject if TOGGLES[line.action] == "online" else line.target
            found.append(Change(id or "", TOGGLES[line.action], line.started, line.ended))
        elif line.action in CHATS and isinstance(mitra := line.fields.get("mitra_id"), str):
            found.append(Change(mitra, "capacity", line.started, line.ended))
    left = lines.first(Left)
    toggled = {(change.id, round(change.ended)) for change in found if change.state == "online"}
    for row in left.audit if left else ():
        if (row.mitra_id, round(row.at)) not in toggled and row.status == "offline":
            found.append(Change(row.mitra_id, "online", row.at, row.at))
    return sorted(found, key=lambda change: change.ended)


def outcome(sample: Sample, change: Change) -> str | None:
    """How the state differs from Postgres in both looks at Valkey; `right` if it does not, None if a store was not read."""
    before, truth, after = sample.keys_before, sample.truth, sample.keys_after
    if before is None or truth is None or after is None:
        return None
    if change.state == "capacity":
        if change.id not in truth.online:
            return "right"
        load = truth.loads.get(change.id, 0)
        seen = {str(look.capacities.get(change.id)) for look in (before, after)}
        if str(load) in seen:
            return "right"
        number = next((int(text) for text in seen if text.isdecimal()), 0)
        return "leaked capacity" if number > load else "oversubscribed"
    stands = change.id in ids_of(truth, change.state)
    if stands in (change.id in ids_of(look, change.state) for look in (before, after)):
        return "right"
    return f"missing {change.state}" if stands else f"ghost {change.state}"


def ids_of(look: PostgresLook | ValkeyLook, state: str) -> list[str]:
    """The ids that are `online` or `deactivated` in one look at a store."""
    return look.online if state == "online" else look.deactivated


@dataclass
class Tally:
    """The samples of one horizon and phase; `wrong` has those that were not right, by how they were wrong."""

    samples: int = 0
    superseded: int = 0
    unread: int = 0
    wrong: Counter[str] = field(default_factory=Counter)

    @property
    def violations(self) -> int:
        return sum(self.wrong.values())

    @property
    def bound(self) -> float | None:
        """The share of wrong samples that is still possible (95 % confidence) if none was seen: 3 / number of samples."""
        return min(1.0, 3 / self.samples) if self.samples and not self.violations else None


def tallies(lines: Lines) -> dict[tuple[float, str], Tally]:
    """The samples by horizon (s) and by the phase at that moment: healthy, outage, recovery."""
    looks = lines.of(Sample)
    times = [sample.t for sample in looks]
    if not times:
        return {}
    events, all_changes = faults(lines), changes(lines)
    latest: dict[tuple[str, str], list[float]] = {}
    for change in all_changes:
        latest.setdefault((change.id, change.state), []).append(change.started)
    found: dict[tuple[float, str], Tally] = {}
    horizons = [h for h in HORIZONS_S if h < HORIZONS_S[-1] or times[-1] - times[0] >= LONG_RUN_S]
    for change in all_changes:
        for horizon in horizons:
            due = change.ended + horizon
            place = bisect_left(times, due)
            if place == len(times):
                continue
            tally = found.setdefault((horizon, phase_of(due, events)), Tally())
            if any(change.started < at <= looks[place].ended for at in latest[change.id, change.state]):
                tally.superseded += 1
                continue
            seen = outcome(looks[place], change) if times[place] - due <= LOOK_WITHIN_S else None
            if seen not in (None, "right") and place + 1 < len(looks):
                again = outcome(looks[place + 1], change)  # the write may just have been on its way
                seen = seen if again == seen else "right" if again else None
            if seen is None:
                tally.unread += 1
                continue
            tally.samples += 1
            if seen != "right":
                tally.wrong[seen] += 1
    return found


def phase_of(at: float, events: Faults) -> str:
    if any(since <= at <= until for since, until in events.spans()):
        return OUTAGE
    return RECOVERY if any(since <= at <= until for since, until in events.spans(RECOVERY_S)) else HEALTHY


def person_minutes(lines: Lines) -> dict[str, float]:
    """How long ids were wrongly in the set (`ghost`) or wrongly not in it (`missing`), summed over all ids, in minutes."""
    spent = {"ghost": 0.0, "missing": 0.0}
    before: float | None = None
    for sample in lines.of(Sample):
        wrong = wrong_in(sample)
        if wrong is not None and before is not None:
            for how in wrong.values():
                spent[how] += sample.t - before
        before = sample.t
    return {how: seconds / 60 for how, seconds in spent.items()}


def sql_per_request(lines: Lines) -> dict[str, float]:
    """How many statements the servers ran per request, by phase."""
    found = {}
    for name, (since, until) in phases(lines).items():
        requests = sum(since <= line.t < until for line in lines.of(Request))
        work = sum(since <= line.t < until and line.class_ == "work" for line in lines.of(Statement))
        if requests:
            found[name] = work / requests
    return found


def availability_queries_per_s(lines: Lines) -> float | None:
    """Availability queries per second and instance while a fault acted; None if none did.

    One query per payment is subtracted: each blast needs one.
    """
    events = faults(lines)
    spans = [(fault.confirmed, fault.removed) for fault in events.each if fault.confirmed and fault.removed]
    seconds = sum(until - since for since, until in spans)
    if not seconds:
        return None

    def acted(at: float) -> bool:
        return any(since <= at <= until for since, until in spans)

    queries = [
        statement
        for statement in lines.of(Statement)
        if acted(statement.t)
        and is_availability_query(statement)
        and names(statement, CHATS_TABLE)
        and not ids_in(statement)
    ]
    blasts = sum(request.action == "pay" and acted(request.t) for request in lines.of(Request))
    instances = {statement.instance for statement in queries} or {""}
    return max(0.0, len(queries) - blasts) / seconds / len(instances)
