"""Line charts as inline SVG: round axes, phases as bands, a limit as a dashed line."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from markupsafe import Markup, escape

from rig.report import text
from rig.report.charts.axes import (
    BOTTOM,
    HEIGHT,
    LEFT,
    RIGHT,
    TOP,
    WIDTH,
    Axes,
    merge,
    runs,
    tick_x,
    tick_y,
    ticks,
    times_of,
)

EPOCH_MIN = 1e8  # a time above it is an epoch, below it seconds since the start

STRUCK = "fault: "


@dataclass(frozen=True)
class Phase:
    """A span of the run in seconds since its start; `tone` picks the colour of its band."""

    name: str
    begin_s: float
    end_s: float

    @property
    def tone(self) -> str:
        name = self.name.lower()
        if any(word in name for word in ("fault", "outage", "down")):
            return "fault"
        return "recovery" if any(word in name for word in ("recover", "heal")) else "calm"


def phases(raw: Sequence[Mapping[str, Any]], origin: float) -> list[Phase]:
    """The phases of a run, in order of time."""
    spans = [Phase(text.clean(p["name"]), since(p["from"], origin), since(p["to"], origin)) for p in raw]
    return sorted(spans, key=lambda phase: phase.begin_s)


def shaded(spans: Sequence[Phase], lanes: Sequence[Mapping[str, Any]], origin: float) -> list[Phase]:
    """The phases with each fault's own time in place of the whole fault phase, where faults are told."""
    struck = []
    for lane in lanes:
        own = [span for span in lane["spans"] if span["tone"] in ("coming", "fault")]  # it acts before it is confirmed
        if own:
            begin, end = min(span["from"] for span in own), max(span["to"] for span in own)
            struck.append(Phase(STRUCK + lane["name"], since(begin, origin), since(end, origin)))
    calm = [phase for phase in spans if phase.tone != "fault"]
    return sorted([*calm, *struck], key=lambda phase: phase.begin_s) if struck else list(spans)


def since(moment: float, origin: float) -> float:
    """Seconds since the run's start, for a time given as an epoch or so already."""
    return moment - origin if moment > EPOCH_MIN else float(moment)


def chart(series: Mapping[str, Any], spans: Sequence[Phase], origin: float, *, dates: bool = False) -> Markup:
    """One series over time: `name`, `points` [[t, value or None]], and, optional, `unit` and `limit`.

    `dates`: the time axis shows the time of day or dates, not seconds.
    """
    points = merge([(since(t, origin), v) for t, v in series.get("points") or ()])
    values = [value for _, value in points if value is not None]
    name, unit = text.clean(series.get("name") or ""), text.clean(series.get("unit") or "")
    if not values:
        return Markup('<p class="muted">Nothing was measured.</p>')
    limit = series.get("limit")
    top = max([*values, *([limit] if isinstance(limit, int | float) else [])])
    ticks_y = ticks(min(0.0, *values), top)
    ends = [t for t, _ in points] + [edge for phase in spans for edge in (phase.begin_s, phase.end_s)]
    axes = Axes(min(ends), max(ends), ticks_y[0], ticks_y[-1])
    parts = [band(phase, axes) for phase in spans]
    parts += [tick_y(value, axes) for value in ticks_y]
    parts += [tick_x(value, axes, label) for value, label in times_of(axes, origin, dates)]
    if isinstance(limit, int | float):
        parts.append(_limit(limit, axes))
    parts += [_path(run, axes) for run in runs(points)]
    peak = f"{text.number(max(values))}{' ' + unit if unit else ''}"
    label = f"{name}: from {text.number(min(values))} to {peak} in {text.seconds(axes.x1 - axes.x0)}"
    return Markup(
        '<svg class="chart" viewBox="0 0 {} {}" role="img" aria-label="{}">{}</svg>'
    ).format(WIDTH, HEIGHT, label, Markup("").join(parts))  # fmt: skip


def band(phase: Phase, axes: Axes) -> Markup:
    x0, x1 = axes.x(phase.begin_s), axes.x(phase.end_s)
    width = max(1.0, round(x1 - x0, 1))
    # A name that does not fit its band would run into the next one.
    room = int((width - 8) / 6.2)
    shown = phase.name if len(phase.name) <= room else f"{phase.name[: room - 1]}…" if room > 3 else ""
    if phase.name.startswith(STRUCK):  # several may overlap: the timeline names them
        shown = ""
    return Markup(
        '<g class="band {}"><title>{}</title><rect x="{}" y="{}" width="{}" height="{}"/>'
        '<text x="{}" y="{}">{}</text></g>'
    ).format(
        phase.tone, f"{phase.name}: {text.seconds(phase.begin_s)} to {text.seconds(phase.end_s)}",
        x0, TOP, width, HEIGHT - TOP - BOTTOM, x0 + 4, TOP - 8, shown,
    )  # fmt: skip


def _limit(limit: float, axes: Axes) -> Markup:
    y = axes.y(limit)
    return Markup(
        '<line class="limit" x1="{}" x2="{}" y1="{}" y2="{}"/><text class="tick end" x="{}" y="{}">limit {}</text>'
    ).format(LEFT, WIDTH - RIGHT, y, y, WIDTH - RIGHT - 4, y - 5, text.number(limit))


def _path(run: Sequence[tuple[float, float]], axes: Axes) -> Markup:
    if len(run) == 1:
        t, value = run[0]
        return Markup('<circle class="line" cx="{}" cy="{}" r="2"/>').format(axes.x(t), axes.y(value))
    steps = " ".join(f"{axes.x(t)},{axes.y(value)}" for t, value in run)
    return Markup('<polyline class="line" points="{}"/>').format(escape(steps))


WIDE, LANE_HEIGHT, LANE_LEFT = 1060, 22, 170
NAME_MAX = 24
TONES = ("calm", "coming", "fault", "recovery")


def timeline(
    lanes: Sequence[Mapping[str, Any]], spans: Sequence[Phase], origin: float, *, dates: bool = False
) -> Markup:
    """One row per lane below the phases: bars for what lasted, ticks for what happened, each with its name on hover.

    `dates`: the time axis shows the time of day or dates, not seconds. A mark with a `link` leads to that anchor.
    """
    rows = [{"name": "phases", "spans": [_phase_span(phase) for phase in spans], "marks": []}, *lanes]
    edges = [phase.begin_s for phase in spans] + [phase.end_s for phase in spans]
    axes = Axes(min(edges), max(edges), 0, 1)
    height = LANE_HEIGHT * len(rows) + BOTTOM
    parts = [_tick_lane(value, label, axes, height) for value, label in times_of(axes, origin, dates)]
    for number, lane in enumerate(rows):
        top = number * LANE_HEIGHT + 4
        name = text.clean(lane["name"])
        shown = name if len(name) <= NAME_MAX else f"{name[: NAME_MAX - 1]}…"
        parts.append(
            Markup('<text class="lane" x="{}" y="{}"><title>{}</title>{}</text>').format(
                LANE_LEFT - 8, top + 12, name, shown
            )
        )
        parts += [_lane_span(span, top, axes, origin) for span in lane["spans"]]
        parts += [_lane_mark(mark, top, axes, origin) for mark in lane["marks"]]
    return Markup('<svg class="chart timeline" viewBox="0 0 {} {}" role="img" aria-label="{}">{}</svg>').format(
        WIDE, height, f"Timeline of {len(rows)} lanes", Markup("").join(parts)
    )


def _lane_x(value: float, axes: Axes) -> float:
    share = (value - axes.x0) / ((axes.x1 - axes.x0) or 1)
    return round(LANE_LEFT + (WIDE - LANE_LEFT - RIGHT) * min(1.0, max(0.0, share)), 1)


def _phase_span(phase: Phase) -> dict[str, Any]:
    return {"from": phase.begin_s, "to": phase.end_s, "tone": phase.tone, "name": phase.name}


def _lane_span(span: Mapping[str, Any], top: float, axes: Axes, origin: float) -> Markup:
    begin, end = since(span["from"], origin), since(span["to"], origin)
    x0, x1 = _lane_x(begin, axes), _lane_x(end, axes)
    width = max(1.5, round(x1 - x0, 1))
    name = text.clean(span["name"])
    room = int((width - 6) / 6.4)
    shown = name if len(name) <= room else ""
    tone = span["tone"] if span["tone"] in TONES else "calm"
    return Markup(
        '<g class="band {}"><title>{}</title><rect x="{}" y="{}" width="{}" height="16" rx="2"/>'
        '<text x="{}" y="{}">{}</text></g>'
    ).format(
        tone, f"{name}: {text.seconds(begin)} to {text.seconds(end)}", x0, top, width, x0 + 4, top + 12, shown
    )  # fmt: skip


def _lane_mark(mark: Mapping[str, Any], top: float, axes: Axes, origin: float) -> Markup:
    at = since(mark["t"], origin)
    x = _lane_x(at, axes)
    drawn = Markup('<g class="mark{}"><title>{}</title><rect x="{}" y="{}" width="3" height="16"/></g>').format(
        " bad" if mark.get("link") else "", f"{text.seconds(at)}: {text.clean(mark['name'])}", x - 1.5, top
    )
    link = mark.get("link")
    return Markup('<a href="#{}">{}</a>').format(link, drawn) if link else drawn


def _tick_lane(value: float, label: str, axes: Axes, height: float) -> Markup:
    x = _lane_x(value, axes)
    return Markup(
        '<line class="grid" x1="{}" x2="{}" y1="0" y2="{}"/><text class="tick middle" x="{}" y="{}">{}</text>'
    ).format(x, x, height - BOTTOM + 4, min(x, WIDE - RIGHT - 12), height - 8, label)
