"""Judges whether something of an instance grows while the same requests repeat."""

import math
from collections.abc import Sequence
from itertools import pairwise
from statistics import median

from rig.checks.contract.probes import ProbeJudge, probe_check
from rig.record.observations import numbers

QUARTERS = 4
SIGNIFICANT_Z = 3.0  # by chance alone a series without a trend has this in one of 700 quarters
KIB_PER_REQUEST = 1.0
SLOWER_FACTOR, SLOWER_MS = 2.0, 1.0  # a latency that rose by less is noise of the machine
ENOUGH, ENOUGH_REQUESTS = 40, 2000  # moments, ten per quarter; and requests
SHOWN = 9


@probe_check("repeated requests", "GROW-01", "GROW-02", "HTTP-21")
def repeated_requests(judge: ProbeJudge, seen: numbers.RepeatedRequests) -> None:
    told = f"of {seen.requests} requests {seen.wrong_count} were answered otherwise than before: {seen.wrong}"
    judge.require("HTTP-21", not seen.wrong_count, told)
    enough = len(seen.moments) >= ENOUGH and seen.requests >= ENOUGH_REQUESTS
    for sentence in ("GROW-01", "GROW-02"):
        judge.assume(sentence, enough, f"{seen.requests} requests in {seen.seconds:.0f} s are too few to see a trend")
    readable = bool(seen.moments) and all(moment.rss_kib and moment.descriptors for moment in seen.moments)
    for sentence in ("GROW-01", "GROW-02"):
        judge.assume(sentence, readable or not enough, "the processes of the instance cannot be read")
    if enough and readable:
        counts(judge, seen)
        memory(judge, seen)
        latency(judge, seen)


def counts(judge: ProbeJudge, seen: numbers.RepeatedRequests) -> None:
    """Descriptors and connections must not rise in each of the last three quarters."""
    series = {
        "open descriptors": [moment.descriptors for moment in seen.moments],
        "connections to the stores": [moment.connections for moment in seen.moments],
    }
    for what, values in series.items():
        told = f"the {what} rose in each of the last three quarters of {seen.requests} requests: {shown(values)}"
        judge.require("GROW-01", not all(after > before for before, after in pairwise(lows(values))), told)


def memory(judge: ProbeJudge, seen: numbers.RepeatedRequests) -> None:
    """Memory may rise until a runtime has filled its heap, so only a steady rise counts that is large as well."""
    values = [moment.rss_kib for moment in seen.moments]
    quarter = quarters(values)
    over = seen.moments[-1].requests * (QUARTERS - 1) / QUARTERS
    per_request = (median(quarter[-1][-SHOWN:]) - median(quarter[0][-SHOWN:])) / over
    told = (
        f"memory rose in each of the last three quarters of {seen.requests} requests, by {per_request:.1f} KiB per request:"
        f" {shown(values)} KiB"
    )
    judge.require("GROW-02", not (steady(quarter) and per_request > KIB_PER_REQUEST), told)


def latency(judge: ProbeJudge, seen: numbers.RepeatedRequests) -> None:
    """Only a rise counts that goes on from quarter to quarter and is large as well.

    Within one quarter the work of other processes hides a trend, so the last three are tested as one.
    """
    values = [moment.latency_ms for moment in seen.moments]
    quarter = quarters(values)
    medians = [median(part) for part in quarter]
    first, last = medians[0], medians[-1]
    slower = last > first * SLOWER_FACTOR and last > first + SLOWER_MS
    rising = all(after > before for before, after in pairwise(medians))
    significant = trend_z([value for part in quarter[1:] for value in part]) > SIGNIFICANT_Z
    told = (
        f"the median latency rose in each of the last three quarters of {seen.requests} requests, from {first:.1f} ms in the"
        f" first quarter to {last:.1f} ms in the last"
    )
    judge.require("GROW-02", not (rising and significant and slower), told)


def quarters(values: Sequence[float]) -> list[Sequence[float]]:
    """The values in four parts of the same length; what is left over belongs to the first."""
    size = len(values) // QUARTERS
    begin = len(values) - size * (QUARTERS - 1)
    return [values[:begin], *(values[at : at + size] for at in range(begin, len(values), size))]


def lows(values: Sequence[float]) -> list[float]:
    """The least value in the second half of each quarter: what is open for a moment does not count."""
    return [min(part[len(part) // 2 :]) for part in quarters(values)]


def steady(parts: Sequence[Sequence[float]]) -> bool:
    """Whether the values rise within each quarter but the first by more than chance explains."""
    return all(trend_z(part) > SIGNIFICANT_Z for part in parts[1:])


def trend_z(values: Sequence[float]) -> float:
    """The z-score of the Mann-Kendall test: how many standard deviations the number of rising pairs is above chance."""
    count = len(values)
    pairs = [(values[j] > values[i]) - (values[j] < values[i]) for i in range(count) for j in range(i + 1, count)]
    ties = [values.count(value) for value in set(values)]
    variance = (n_factor(count) - sum(n_factor(tie) for tie in ties)) / 18
    return (sum(pairs) - 1) / math.sqrt(variance) if variance > 0 else 0.0


def n_factor(count: int) -> int:
    return count * (count - 1) * (2 * count + 5)


def shown(values: Sequence[float]) -> str:
    """Some of the values, at the same distance from each other."""
    step = max(1, len(values) // SHOWN)
    return ", ".join(f"{value:g}" for value in values[::step])
