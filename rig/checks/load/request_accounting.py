"""What a load offered and what became of it, read from its record: phases, tallies, seconds, the generator itself."""

from collections import defaultdict
from collections.abc import Sequence
from typing import Any

from rig.checks.framework import Bounds, Judge, Lines
from rig.record.histogram import merged, quantile_ms

Line = Any
BUSY = 0.70  # of a core: a generator above it has measured itself
LATE_P99_MS = 100.0  # to its own plan, while the server is not to blame
PEAK_TO_MEAN = 1.2
FEW = 50  # requests: of fewer, one more or less would seem a crowd
COUNTS = ("planned", "sent", "completed", "failed", "missed", "in_flight")
BLOCK = "block"
STEADY_ACTION = "ping"
ACTIONS = ("ping", "beacon", "dashboard", "online", "offline", "create", "pay", "accept", "end")


def window(lines: Lines) -> tuple[float, float] | None:
    """The measured span: the phases with traffic, but for warm-up and blocks; None when the run did not get through."""
    if not lines.get("window"):
        return None
    spans = [phase for phase in phases(lines) if measured(phase["name"]) and phase["arms"]]
    return (spans[0]["from"], spans[-1]["to"]) if spans else None


def seconds_of(lines: Lines) -> float:
    span = window(lines)
    return 0.0 if span is None else span[1] - span[0]


def phases(lines: Lines) -> list[Line]:
    return list(next(iter(lines.get("phases", ())), {"phases": []})["phases"])


def measured(phase: str) -> bool:
    return phase != "warm-up" and not phase.startswith(BLOCK)


def tallies(lines: Lines, arm: str, action: str | None = None) -> list[Line]:
    """Of the measured phases."""
    return [
        one
        for one in lines.get("tally", ())
        if one["arm"] == arm and measured(one["phase"]) and action in (None, one["action"])
    ]


def total(lines: Lines, arm: str, name: str, action: str | None = None) -> int:
    return sum(one[name] for one in tallies(lines, arm, action))


def actions(lines: Lines, arm: str) -> list[str]:
    """In the order in which a reader asks for them."""
    found = dict.fromkeys(one["action"] for one in tallies(lines, arm))
    return sorted(found, key=lambda action: ACTIONS.index(action) if action in ACTIONS else len(ACTIONS))


def histogram(found: Sequence[Line], kind: str) -> dict[int, int]:
    return merged(one[kind] for one in found)


def by_second(lines: Lines, arm: str, action: str | None = None) -> dict[int, list[int]]:
    """Epoch second → planned, sent, completed, failed, over all workers."""
    found: dict[int, list[int]] = defaultdict(lambda: [0, 0, 0, 0])
    for line in lines.get("traffic", ()):
        for second, of_arm, of_action, *counts in line["seconds"]:
            if of_arm == arm and action in (None, of_action):
                for at, count in enumerate(counts):
                    found[second][at] += count
    return dict(sorted(found.items()))


def peak_to_mean(lines: Lines, arm: str, action: str = STEADY_ACTION) -> float | None:
    """Of the requests sent in the spans of the longest measured phase: whole seconds, or longer ones that hold FEW; else None."""
    spans = [phase for phase in phases(lines) if measured(phase["name"]) and arm in phase["arms"]]
    if not spans:
        return None
    longest = max(spans, key=lambda phase: phase["to"] - phase["from"])
    seconds = range(int(longest["from"]) + 1, int(longest["to"]))
    sent = by_second(lines, arm, action)
    each = [sent.get(second, [0, 0])[1] for second in seconds]
    if not sum(each):
        return None
    span = max(1, round(FEW * len(each) / sum(each)))
    counts = [sum(each[at : at + span]) for at in range(0, len(each) - span + 1, span)]
    return max(counts) / (sum(counts) / len(counts)) if len(counts) > 1 else None


def assume_load(judge: Judge, lines: Lines, bounds: Bounds, *wanted: str, arm: str = "on") -> None:
    """The plan was carried out, by a generator that had time for it: zero requests prove nothing."""
    if not judge.assume(window(lines), "the run ended before its measured window did"):
        return
    for action in wanted:
        planned, sent = (total(lines, arm, name, action) for name in ("planned", "sent"))
        text = f"{sent} of {planned} planned requests ({action}, {arm}) were sent"
        judge.assume(sent >= max(1, planned * bounds["sent_share"]), text)
        late = quantile_ms(histogram(tallies(lines, arm, action), "off"), 0.99)
        judge.assume(
            late is None or late <= LATE_P99_MS, f"the load generator was late: {late or 0:.0f} ms at p99 ({action})"
        )
    for one in lines.get("generator", ()):
        judge.assume(one["finished"], f"worker {one['worker']} of the generator did not finish")
        busy = one.get("cpu", 0.0)
        text = f"worker {one['worker']} of the generator was busy for {busy:.0%} of its time: it measured itself"
        judge.assume(busy <= BUSY, text)
    crowd = peak_to_mean(lines, arm)
    judge.assume(crowd is None or crowd <= PEAK_TO_MEAN, f"pings came in crowds: {crowd or 0:.2f} times the mean")


def differs(one: Line) -> int:
    """Planned requests of a tally that nobody accounts for."""
    planned: int = one["planned"]
    accounted: int = one["completed"] + one["failed"] + one["missed"] + one["in_flight"]
    return planned - accounted


def failed_requests(lines: Lines, arm: str) -> list[Line]:
    """Those of the measured phases that were kept in full."""
    return [line for line in lines.get("failure", ()) if line["arm"] == arm and measured(line["phase"])]
