"""Counts latencies by size, so that those of many workers add up and a hundred thousand of them stay small."""

import math
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence

STEP = math.log(1.02)  # neighbouring edges lie 2 % apart
LEAST_MS = 0.01


def bucket(milliseconds: float) -> int:
    """The number of the bucket that holds this latency; its upper edge is `edge_ms` of it."""
    return 0 if milliseconds <= LEAST_MS else math.ceil(math.log(milliseconds / LEAST_MS) / STEP)


def edge_ms(number: int) -> float:
    return LEAST_MS * math.exp(number * STEP)


def merged(histograms: Iterable[Mapping[int, int] | Mapping[str, int]]) -> dict[int, int]:
    """Buckets of several histograms added up; JSON has made their numbers texts."""
    total: Counter[int] = Counter()
    for histogram in histograms:
        for number, count in histogram.items():
            total[int(number)] += count
    return dict(sorted(total.items()))


def quantile_ms(histogram: Mapping[int, int], share: float) -> float | None:
    """A latency that at least this share of all does not exceed, at most 2 % too high; None of nothing."""
    wanted, seen = share * sum(histogram.values()), 0
    for number in sorted(histogram):
        seen += histogram[number]
        if seen >= wanted and seen:
            return edge_ms(number)
    return None


def quantile(values: Sequence[float], share: float) -> float | None:
    """The smallest value that at least this share of all does not exceed; None for no values."""
    ordered = sorted(values)
    return ordered[max(0, math.ceil(share * len(ordered)) - 1)] if ordered else None
