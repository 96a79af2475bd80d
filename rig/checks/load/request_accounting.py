"""The requests of a load: its phases, tallies and seconds, and whether the generator kept to its plan."""

from collections import defaultdict
from collections.abc import Iterable

from rig.checks.framework import Bounds, Judge
from rig.record import Lines
from rig.record.histogram import merged, quantile_ms
from rig.record.lines.load import Failure, Generator, Phases, PhaseSpan, Tally, Traffic, TrafficSecond, Window

BUSY = 0.70  # of a core: a busier generator delays its own requests
LATE_P99_MS = 100.0  # behind the generator's own plan, which is not the server's fault
PEAK_TO_MEAN = 1.2
FEW = 50  # requests per span; in a shorter one a single request would look like a peak
BLOCK = "block"
STEADY_ACTION = "ping"
ACTIONS = ("ping", "beacon", "dashboard", "online", "offline", "create", "pay", "accept", "end")


def window(lines: Lines) -> tuple[float, float] | None:
    """The measured period in epoch seconds: all phases with traffic except warm-up and blocks.

    None if the run ended before the end of that period.
    """
    if not lines.of(Window):
        return None
    spans = [phase for phase in phases(lines) if measured(phase.name) and phase.arms]
    return (spans[0].since, spans[-1].until) if spans else None


def seconds_of(lines: Lines) -> float:
    span = window(lines)
    return 0.0 if span is None else span[1] - span[0]


def phases(lines: Lines) -> list[PhaseSpan]:
    found = lines.first(Phases)
    return found.phases if found else []


def measured(phase: str) -> bool:
    return phase != "warm-up" and not phase.startswith(BLOCK)


def tallies(lines: Lines, arm: str, action: str | None = None) -> list[Tally]:
    """The tallies of an arm in the measured phases; of one action or of all."""
    return [
        tally
        for tally in lines.of(Tally)
        if tally.arm == arm and measured(tally.phase) and action in (None, tally.action)
    ]


def planned(lines: Lines, arm: str, action: str | None = None) -> int:
    return sum(tally.planned for tally in tallies(lines, arm, action))


def sent(lines: Lines, arm: str, action: str | None = None) -> int:
    return sum(tally.sent for tally in tallies(lines, arm, action))


def completed(lines: Lines, arm: str, action: str | None = None) -> int:
    return sum(tally.completed for tally in tallies(lines, arm, action))


def account(lines: Lines, arm: str, action: str | None = None) -> dict[str, int]:
    """How many requests were planned, and what happened to them. Each planned one must be in one of the other counts."""
    found = tallies(lines, arm, action)
    return {
        "planned": sum(tally.planned for tally in found),
        "completed": sum(tally.completed for tally in found),
        "failed": sum(tally.failed for tally in found),
        "missed": sum(tally.missed for tally in found),
        "in_flight": sum(tally.in_flight for tally in found),
    }


def actions(lines: Lines, arm: str) -> list[str]:
    """The actions of an arm, the most important first."""
    found = dict.fromkeys(tally.action for tally in tallies(lines, arm))
    return sorted(found, key=lambda action: ACTIONS.index(action) if action in ACTIONS else len(ACTIONS))


def latencies(found: Iterable[Tally]) -> dict[int, int]:
    """The histogram of latencies from the planned moments, by bucket."""
    return merged(tally.corrected for tally in found)


def raw_latencies(found: Iterable[Tally]) -> dict[int, int]:
    """The histogram of latencies from the sending, by bucket."""
    return merged(tally.raw for tally in found)


def delays(found: Iterable[Tally]) -> dict[int, int]:
    """The histogram of the generator's own delays behind its plan, by bucket."""
    return merged(tally.off for tally in found)


def by_second(lines: Lines, arm: str, action: str | None = None) -> dict[int, TrafficSecond]:
    """The requests of all workers by epoch second, in order; of one action or of all."""
    counts: dict[int, list[int]] = defaultdict(lambda: [0, 0, 0, 0])
    for line in lines.of(Traffic):
        for row in line.seconds:
            if row.arm == arm and action in (None, row.action):
                for place, count in enumerate(row[3:]):
                    counts[row.second][place] += count
    return {second: TrafficSecond(second, arm, action or "", *counts[second]) for second in sorted(counts)}


def peak_to_mean(lines: Lines, arm: str, action: str = STEADY_ACTION) -> float | None:
    """The largest number of requests in a span of the longest measured phase, divided by the mean of all its spans.

    A span is one second, or as many as are needed for FEW requests. None if there are fewer than two spans.
    """
    spans = [phase for phase in phases(lines) if measured(phase.name) and arm in phase.arms]
    if not spans:
        return None
    longest = max(spans, key=lambda phase: phase.until - phase.since)
    rows = by_second(lines, arm, action)
    seconds = range(int(longest.since) + 1, int(longest.until))
    each = [rows[second].sent if second in rows else 0 for second in seconds]
    if not sum(each):
        return None
    span = max(1, round(FEW * len(each) / sum(each)))
    counts = [sum(each[at : at + span]) for at in range(0, len(each) - span + 1, span)]
    return max(counts) / (sum(counts) / len(counts)) if len(counts) > 1 else None


def assume_load(judge: Judge, lines: Lines, bounds: Bounds, *wanted: str, arm: str = "on") -> None:
    """The generator carried out the plan and was fast enough: without requests nothing is proven."""
    if not judge.assume(window(lines), "the run ended before its measured window did"):
        return
    for action in wanted:
        due, done = planned(lines, arm, action), sent(lines, arm, action)
        text = f"{done} of {due} planned requests ({action}, {arm}) were sent"
        judge.assume(done >= max(1, due * bounds["sent_share"]), text)
        late_ms = quantile_ms(delays(tallies(lines, arm, action)), 0.99)
        judge.assume(
            late_ms is None or late_ms <= LATE_P99_MS,
            f"the load generator was late: {late_ms or 0:.0f} ms at p99 ({action})",
        )
    for worker in lines.of(Generator):
        judge.assume(worker.finished, f"worker {worker.worker} of the generator did not finish")
        busy = worker.cpu or 0.0
        text = f"worker {worker.worker} of the generator was busy for {busy:.0%} of its time: it measured itself"
        judge.assume(busy <= BUSY, text)
    peak = peak_to_mean(lines, arm)
    judge.assume(peak is None or peak <= PEAK_TO_MEAN, f"pings came in crowds: {peak or 0:.2f} times the mean")


def unaccounted(tally: Tally) -> int:
    """How many planned requests of a tally are in none of its other counts."""
    return tally.planned - (tally.completed + tally.failed + tally.missed + tally.in_flight)


def failed_requests(lines: Lines, arm: str) -> list[Failure]:
    """The failed requests of the measured phases that were recorded in full."""
    return [failure for failure in lines.of(Failure) if failure.arm == arm and measured(failure.phase)]
