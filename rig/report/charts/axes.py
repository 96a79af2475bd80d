"""Shared by all charts: axes with round ticks, and points that are merged and split at gaps."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

from markupsafe import Markup

from rig.report import text
from rig.report.charts.dates import date_ticks

WIDTH, HEIGHT = 520, 210
LEFT, RIGHT, TOP, BOTTOM = 52, 12, 26, 30
POINTS_MAX = 600  # above it, neighbours are merged into their lowest and highest, so that spikes stay

Point = tuple[float, float | None]


@dataclass(frozen=True)
class Axes:
    """The plane of a chart in pixels, and the values at its edges."""

    x0: float
    x1: float
    y0: float
    y1: float

    def x(self, value: float) -> float:
        share = (value - self.x0) / ((self.x1 - self.x0) or 1)
        return round(LEFT + (WIDTH - LEFT - RIGHT) * share, 1)

    def y(self, value: float) -> float:
        share = (value - self.y0) / ((self.y1 - self.y0) or 1)
        return round(HEIGHT - BOTTOM - (HEIGHT - TOP - BOTTOM) * share, 1)


def ticks(low: float, high: float, most: int = 5) -> list[float]:
    """Round values (steps of 1, 2 or 5 times a power of ten) from at or below `low` to at or above `high`."""
    span = (high - low) or abs(high) or 1.0
    rough = span / most
    power = 10 ** math.floor(math.log10(rough))
    step = next(factor * power for factor in (1, 2, 5, 10) if factor * power >= rough * 0.999)
    first, last = math.floor(low / step + 1e-9), math.ceil(high / step - 1e-9)
    return [round(number * step, 10) for number in range(first, max(last, first + 1) + 1)]


def merge(points: Sequence[Point]) -> list[Point]:
    """About POINTS_MAX points in order of time: each bucket keeps its lowest, its highest and a gap."""
    ordered = sorted(points, key=lambda point: point[0])
    if len(ordered) <= POINTS_MAX:
        return ordered
    size = math.ceil(2 * len(ordered) / POINTS_MAX)
    kept: list[Point] = []
    for start in range(0, len(ordered), size):
        bucket = ordered[start : start + size]
        known = [point for point in bucket if point[1] is not None]
        extremes = {min(known, key=_value), max(known, key=_value)} if known else set()
        gap = {point for point in bucket if point[1] is None}
        kept += sorted(extremes | set(list(gap)[:1]), key=lambda point: point[0])
    return kept


def _value(point: Point) -> float:
    return point[1] or 0.0


def runs(points: Sequence[Point]) -> list[list[tuple[float, float]]]:
    """The points cut at every gap (a value of None), so that no line bridges what was not measured."""
    found: list[list[tuple[float, float]]] = [[]]
    for t, value in points:
        if value is None:
            found.append([])
        else:
            found[-1].append((t, value))
    return [run for run in found if run]


def tick_y(value: float, axes: Axes) -> Markup:
    y = axes.y(value)
    return Markup(
        '<line class="grid" x1="{}" x2="{}" y1="{}" y2="{}"/><text class="tick end" x="{}" y="{}">{}</text>'
    ).format(LEFT, WIDTH - RIGHT, y, y, LEFT - 8, y + 4, text.number(value))


def tick_x(value: float, axes: Axes, label: str = "") -> Markup:
    """`label` stands in place of the seconds."""
    return Markup('<text class="tick middle" x="{}" y="{}">{}</text>').format(
        min(axes.x(value), WIDTH - RIGHT - 12), HEIGHT - BOTTOM + 18, label or f"{text.number(value)} s"
    )


def times_of(axes: Axes, origin: float, dates: bool) -> list[tuple[float, str]]:
    """The ticks of the time axis with their labels: seconds since the begin, or dates."""
    if dates:
        return date_ticks(axes.x0, axes.x1, origin)
    values = [value for value in ticks(axes.x0, axes.x1, 6) if axes.x0 <= value <= axes.x1]
    return [(value, f"{text.number(value)} s") for value in values]
