"""Charts that compare arms: curves over time, spread of times, intervals; an arm looks the same in all of them."""

import math
from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import Any

from markupsafe import Markup

from rig.report import text
from rig.report.charts.axes import BOTTOM, HEIGHT, RIGHT, WIDTH, Axes, merge, runs, tick_x, tick_y, ticks
from rig.report.charts.svg import Phase, band, since
from rig.report.table import Figure

MARKERS = 10  # signs on a line of the arm without the mirror, for who cannot tell the colours
SMALL_WIDTH, SMALL_HEIGHT = 220, 30


def arm_class(arm: Any) -> str:
    """The style class of an arm; any other name than ours gets a third look."""
    return arm if arm in ("on", "off") else "other"


def finite(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)


def curves(plot: Mapping[str, Any], spans: Sequence[Phase], origin: float) -> Figure | None:
    """Several curves over time on one plane; None when none of them holds a value."""
    drawn = []
    for raw in plot.get("curves") or ():
        points = merge([(since(t, origin), v if finite(v) else None) for t, v in raw.get("points") or () if finite(t)])
        if any(value is not None for _, value in points):
            drawn.append((text.clean(raw.get("name") or ""), arm_class(raw.get("arm")), bool(raw.get("dash")), points))
    if not drawn:
        return None
    values = [value for *_, points in drawn for _, value in points if value is not None]
    times = [t for *_, points in drawn for t, _ in points]
    ticks_y = ticks(min(0.0, *values), max(values))
    axes = Axes(min(times), max(times), ticks_y[0], ticks_y[-1])
    shown = [cut for span in spans if (cut := _within(span, axes))] if plot.get("phases") else []
    parts = [band(span, axes) for span in shown]
    parts += [tick_y(value, axes) for value in ticks_y]
    parts += [tick_x(value, axes) for value in ticks(axes.x0, axes.x1, 6) if axes.x0 <= value <= axes.x1]
    parts += [_curve(arm, dash, points, axes) for _, arm, dash, points in drawn]
    title = ", ".join(text.clean(plot[key]) for key in ("title", "unit") if plot.get(key))
    label = f"{title}: {', '.join(name for name, *_ in drawn)}; highest {text.number(max(values))}"
    return Figure(title, _svg(label, parts), tuple((name, arm, dash) for name, arm, dash, _ in drawn))


def _within(span: Phase, axes: Axes) -> Phase | None:
    """The part of a phase that the plane shows: one that lies outside would be drawn over its margins."""
    begin, end = max(span.begin_s, axes.x0), min(span.end_s, axes.x1)
    return Phase(span.name, begin, end) if end > begin else None


def _svg(label: str, parts: Sequence[Markup]) -> Markup:
    return Markup('<svg class="chart" viewBox="0 0 {} {}" role="img" aria-label="{}">{}</svg>').format(
        WIDTH, HEIGHT, label, Markup("").join(parts)
    )


def _curve(arm: str, dash: bool, points: Sequence[tuple[float, float | None]], axes: Axes) -> Markup:
    look = f"curve a-{arm}{' dash' if dash else ''}"
    parts = []
    for run in runs(points):
        steps = " ".join(f"{axes.x(t)},{axes.y(value)}" for t, value in run)
        parts.append(Markup('<polyline class="{}" points="{}"/>').format(look, steps))
    known = [point for run in runs(points) for point in run]
    every = max(1, len(known) // MARKERS)
    # A dashed line stays bare; a single point would be invisible without a sign.
    signed = known[every // 2 :: every] if arm == "off" and not dash else known if len(known) == 1 else []
    sign = Markup('<rect class="sign a-{}" x="{}" y="{}" width="6" height="6"/>')
    parts += [sign.format(arm, round(axes.x(t) - 3, 1), round(axes.y(value) - 3, 1)) for t, value in signed]
    return Markup("").join(parts)


def spread(title: str, arms: Sequence[tuple[str, str, Sequence[Sequence[float]]]]) -> Figure | None:
    """How often each time occurred, one outline an arm: name, arm, buckets of [upper edge in ms, count].

    The axis is logarithmic, as the buckets are; heights are shares, so that arms of unlike number compare.
    """
    kept = []
    for name, arm, buckets in arms:
        whole = sorted((edge, count) for edge, count in buckets if finite(edge) and edge > 0 and finite(count))
        if total := sum(count for _, count in whole):
            kept.append((name, arm_class(arm), whole, total))
    if not kept:
        return None
    full = [math.log10(edge) for *_, whole, _ in kept for edge, count in whole if count]
    step = min((_steps(whole) for *_, whole, _ in kept), default=0.1)
    top = max(100 * count / total for *_, whole, total in kept for _, count in whole)
    ticks_y = ticks(0.0, top, 4)
    axes = Axes(min(full) - 2 * step, max(full) + step, 0.0, ticks_y[-1])
    parts = [tick_y(value, axes) for value in ticks_y]
    parts += [_tick_log(power, factor, axes) for power in range(-3, 7) for factor in (1, 2, 5)]
    parts += [_outline(arm, whole, total, axes) for _, arm, whole, total in kept]
    label = f"{title}: spread of {', '.join(name for name, *_ in kept)}"
    return Figure(f"{title}, % of requests by ms", _svg(label, parts), tuple((n, arm, False) for n, arm, *_ in kept))


def _steps(whole: Sequence[tuple[float, float]]) -> float:
    """The width of a bucket, in powers of ten."""
    gaps = [math.log10(b[0] / a[0]) for a, b in pairwise(whole) if b[0] > a[0]]
    return min(gaps, default=0.1)


def _tick_log(power: int, factor: int, axes: Axes) -> Markup:
    at = power + math.log10(factor)
    if not axes.x0 <= at <= axes.x1 or (axes.x1 - axes.x0 > 2.5 and factor != 1):
        return Markup("")
    return Markup('<text class="tick middle" x="{}" y="{}">{}</text>').format(
        min(axes.x(at), WIDTH - RIGHT - 8), HEIGHT - BOTTOM + 18, text.number(factor * 10.0**power)
    )


def _outline(arm: str, whole: Sequence[tuple[float, float]], total: float, axes: Axes) -> Markup:
    low, before = axes.y(0), axes.x0
    steps = [(axes.x(before), low)]
    for edge, count in whole:
        at = min(axes.x1, max(axes.x0, math.log10(edge)))
        height = axes.y(100 * count / total)
        steps += [(axes.x(before), height), (axes.x(at), height)]
        before = at
    steps.append((axes.x(before), low))
    drawn = " ".join(f"{x},{y}" for x, y in steps)
    return Markup('<polyline class="curve area a-{}" points="{}"/>').format(arm, drawn)


def intervals(rows: Sequence[tuple[str, Sequence[float]]], told: str) -> Markup | None:
    """Low to high of each arm on one axis that begins at 0; None when no interval is known."""
    known = [(arm_class(arm), low_high) for arm, low_high in rows if len(low_high) == 2 and all(map(finite, low_high))]
    if not known:
        return None
    top = max(high for _, (_, high) in known) * 1.05 or 1.0

    def x(value: float) -> float:
        return round(4 + (SMALL_WIDTH - 8) * max(0.0, value) / top, 1)

    parts = [Markup('<line class="grid" x1="4" x2="4" y1="2" y2="{}"/>').format(SMALL_HEIGHT - 2)]
    for number, (arm, (low, high)) in enumerate(known):
        y = 9 + 12 * number
        parts.append(
            Markup('<path class="curve thick a-{}" d="M{} {}H{}M{} {}v8M{} {}v8"/>').format(
                arm, x(low), y, x(high), x(low), y - 4, x(high), y - 4
            )
        )
    return Markup('<svg class="small" viewBox="0 0 {} {}" role="img" aria-label="{}">{}</svg>').format(
        SMALL_WIDTH, SMALL_HEIGHT, told, Markup("").join(parts)
    )
