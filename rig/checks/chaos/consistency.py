"""How well the mirror kept up, in figures: acknowledged changes that both stores agree on after a while, and what the rest cost.

A sample is an acknowledged change of state that is still the latest of its mitra at the horizon.
"""

from bisect import bisect_left
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from rig.checks.chaos.timeline import Faults, faults, phases, wrong_in
from rig.checks.common.sql_statements import ids_in, is_availability_query, names

Line = Mapping[str, Any]
HORIZONS_S = (1.0, 10.0, 300.0)
LONG_RUN_S = 360.0  # the farthest horizon means something in runs of six minutes and more
LOOK_WITHIN_S = 0.6  # by when after the horizon both stores must have been read
TOGGLES = {"online": "online", "offline": "online", "deactivate": "deactivated", "reactivate": "deactivated"}
CHATS_TABLE = "chat_sessions"
CHATS = ("accept", "end", "reroute")
HEALTHY, OUTAGE, RECOVERY = "healthy", "outage", "recovery"
RECOVERY_S = 5.0


@dataclass(frozen=True)
class Change:
    """An acknowledged change: of whom, of which state (`online`, `deactivated`, `capacity`), from when to when asked."""

    id: str
    state: str
    started: float
    ended: float


def changes(lines: Mapping[str, Sequence[Line]]) -> list[Change]:
    """All of a run, in order of their answers. An auto-offline counts with the time of its audit row."""
    found = []
    for line in lines.get("request", ()):
        if line["status"] != 200:
            continue
        if line["action"] in TOGGLES:
            id = line["subject"] if TOGGLES[line["action"]] == "online" else line["url"].rsplit("/", 1)[1]
            found.append(Change(id, TOGGLES[line["action"]], line["started"], line["ended"]))
        elif line["action"] in CHATS and isinstance(line["reply"], dict) and line["reply"].get("mitra_id"):
            found.append(Change(line["reply"]["mitra_id"], "capacity", line["started"], line["ended"]))
    left = next(iter(lines.get("left", ())), None)
    toggled = {(change.id, round(change.ended)) for change in found if change.state == "online"}
    for row in left["audit"] if left else ():
        if (row["mitra_id"], round(row["at"])) not in toggled and row["status"] == "offline":
            found.append(Change(row["mitra_id"], "online", row["at"], row["at"]))
    return sorted(found, key=lambda change: change.ended)


def outcome(sample: Line, change: Change) -> str | None:
    """How that state differs in both looks of a sample; `right` if it does not, None where a store was not read."""
    before, truth, after = sample["keys_before"], sample["truth"], sample["keys_after"]
    if before is None or truth is None or after is None:
        return None
    if change.state == "capacity":
        if change.id not in truth["online"]:
            return "right"
        load = truth["loads"].get(change.id, 0)
        seen = {str(look["capacities"].get(change.id)) for look in (before, after)}
        if str(load) in seen:
            return "right"
        number = next((int(text) for text in seen if text.isdecimal()), 0)
        return "leaked capacity" if number > load else "oversubscribed"
    told = change.id in truth[change.state]
    if told in (change.id in before[change.state], change.id in after[change.state]):
        return "right"
    return f"missing {change.state}" if told else f"ghost {change.state}"


@dataclass
class Tally:
    """Samples of one horizon and phase."""

    samples: int = 0
    superseded: int = 0
    unread: int = 0
    wrong: Counter[str] | None = None

    def __post_init__(self) -> None:
        self.wrong = Counter()

    @property
    def violations(self) -> int:
        assert self.wrong is not None
        return sum(self.wrong.values())

    @property
    def bound(self) -> float | None:
        """Share of wrong samples that 95 % confidence leaves open when none was seen: three over their number."""
        return min(1.0, 3 / self.samples) if self.samples and not self.violations else None


def tallies(lines: Mapping[str, Sequence[Line]]) -> dict[tuple[float, str], Tally]:
    """By horizon (s) and the phase that it fell into: healthy, outage, recovery."""
    looks = list(lines.get("sample", ()))
    times = [sample["t"] for sample in looks]
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
            if any(change.started < at <= looks[place]["ended"] for at in latest[change.id, change.state]):
                tally.superseded += 1
                continue
            seen = outcome(looks[place], change) if times[place] - due <= LOOK_WITHIN_S else None
            if seen not in (None, "right") and place + 1 < len(looks):
                again = outcome(looks[place + 1], change)  # a write that is just on its way is no difference
                seen = seen if again == seen else "right" if again else None
            if seen is None:
                tally.unread += 1
                continue
            tally.samples += 1
            if seen != "right":
                assert tally.wrong is not None
                tally.wrong[seen] += 1
    return found


def phase_of(at: float, events: Faults) -> str:
    if any(since <= at <= until for since, until in events.spans()):
        return OUTAGE
    return RECOVERY if any(since <= at <= until for since, until in events.spans(RECOVERY_S)) else HEALTHY


def person_minutes(lines: Mapping[str, Sequence[Line]]) -> dict[str, float]:
    """How long ids stood wrongly in the set (`ghost`) or were wrongly not in it (`missing`), all together, in minutes."""
    spent: Counter[str] = Counter()
    before: float | None = None
    for sample in lines.get("sample", ()):
        wrong = wrong_in(sample)
        if wrong is not None and before is not None:
            for how in wrong.values():
                spent[how] += sample["t"] - before
        before = sample["t"]
    return {how: spent[how] / 60 for how in ("ghost", "missing")}


def sql_per_request(lines: Mapping[str, Sequence[Line]]) -> dict[str, float]:
    """Statements of the servers for each request, by phase."""
    found = {}
    for name, (since, until) in phases(lines).items():
        asked = sum(since <= line["t"] < until for line in lines.get("request", ()))
        work = sum(since <= line["t"] < until and line["class"] == "work" for line in lines.get("statement", ()))
        if asked:
            found[name] = work / asked
    return found


def availability_queries_a_second(lines: Mapping[str, Sequence[Line]]) -> float | None:
    """Of each instance, while a fault was in force, beyond the one of each payment (a blast asks for itself)."""
    events = faults(lines)
    spans = [(fault.confirmed, fault.removed) for fault in events.each if fault.confirmed and fault.removed]
    seconds = sum(until - since for since, until in spans)
    if not seconds:
        return None

    def during(kind: str) -> list[Line]:
        return [line for line in lines.get(kind, ()) if any(since <= line["t"] <= until for since, until in spans)]

    asked = [
        line
        for line in during("statement")
        if is_availability_query(line) and names(line, CHATS_TABLE) and not ids_in(line)
    ]
    blasts = sum(1 for line in during("request") if line["action"] == "pay")
    instances = {line["instance"] for line in asked} or {""}
    return max(0.0, len(asked) - blasts) / seconds / len(instances)
