"""Whether a series rises, and how fast: Mann-Kendall test, Sen's slope, Holm's correction for many tests.

A series comes in segments: what changed at once (a restart) lies between two segments, and no test compares across it.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from statistics import NormalDist, median

Point = tuple[float, float]  # time in seconds, value
PAIRS_MIN = 28  # those of 8 blocks in one segment: with fewer, the normal approximation is wrong


@dataclass(frozen=True)
class Trend:
    """`p`: of at least such a rise by chance. `slope` is per second, `low` and `high` are its interval at 95 %."""

    p: float
    slope: float
    low: float
    high: float


def block_medians(points: Sequence[Point], block_s: float) -> list[Point]:
    """The median of each block of `block_s` seconds from the first point on, at the middle of its points."""
    blocks: dict[int, list[Point]] = {}
    for t, value in points:
        blocks.setdefault(int((t - points[0][0]) // block_s), []).append((t, value))
    return [(median(t for t, _ in own), median(value for _, value in own)) for own in blocks.values()]


def trend(segments: Sequence[Sequence[Point]]) -> Trend | None:
    """Test for a rise within the segments; None for too few pairs of blocks. Times must rise within a segment."""
    pairs = [(later, earlier) for points in segments for earlier, later in combinations(points, 2)]
    if len(pairs) < PAIRS_MIN:
        return None
    score = sum((later[1] > earlier[1]) - (later[1] < earlier[1]) for later, earlier in pairs)
    variance = sum(score_variance([value for _, value in points]) for points in segments)
    slopes = sorted((later[1] - earlier[1]) / (later[0] - earlier[0]) for later, earlier in pairs)
    if not variance:  # all values are equal
        return Trend(1.0, 0.0, 0.0, 0.0)
    p = 1 - NormalDist().cdf(score / math.sqrt(variance))
    reach = NormalDist().inv_cdf(0.975) * math.sqrt(variance)
    upper = min(round((len(slopes) + reach) / 2), len(slopes) - 1)
    lower = max(round((len(slopes) - reach) / 2) - 1, 0)
    return Trend(p, median(slopes), slopes[lower], slopes[upper])


def score_variance(values: Sequence[float]) -> float:
    """The variance of the Mann-Kendall score if there is no trend; equal values make it smaller."""

    def of(n: int) -> int:
        return n * (n - 1) * (2 * n + 5)

    ties = [list(values).count(value) for value in set(values)]
    return (of(len(values)) - sum(of(number) for number in ties)) / 18


def holm(p_by_name: Mapping[str, float]) -> dict[str, float]:
    """The p-values for that many tests at once, by Holm's method."""
    adjusted: dict[str, float] = {}
    highest = 0.0
    for rank, (name, p) in enumerate(sorted(p_by_name.items(), key=lambda entry: entry[1])):
        highest = max(highest, min(1.0, p * (len(p_by_name) - rank)))
        adjusted[name] = highest
    return adjusted
