"""A growth run as a table and as curves on logarithmic axes, the floor beside each operation."""

import math
from collections.abc import Mapping, Sequence
from typing import Any

from markupsafe import Markup
from rich import box
from rich.console import Console
from rich.table import Table

from rig.report import text

WIDTH, HEIGHT = 520, 260
LEFT, RIGHT, TOP, BOTTOM = 58, 16, 14, 34
Point = tuple[float, float]


def rows(growth: Mapping[str, Any]) -> tuple[list[str], list[list[str]]]:
    """Head and rows: an operation, its exponent, its time at each size; its floors in a row of their own."""
    sizes = growth["sizes"]
    head = ["operation", "exponent", *(f"{size:,}" for size in sizes)]
    found = []
    for one in growth["operations"]:
        grown = "—" if one["exponent"] is None else f"{one['exponent']:.2f}"
        found.append([one["name"], grown, *(seconds(dict(map(tuple, one["points"])).get(size)) for size in sizes)])
        for name, points in one["floors"].items():
            found.append([f"  {name}", "", *(seconds(dict(map(tuple, points)).get(size)) for size in sizes)])
    for name, values in growth["memory"].items():
        known = dict(map(tuple, values))
        found.append([name, "", *(text.number(known[size]) if size in known else "—" for size in sizes)])
    return head, found


def seconds(value: float | None) -> str:
    if value is None:
        return "—"
    return f"{value * 1000:.3g} ms" if value < 0.9995 else f"{value:.3g} s"


def print_table(results: Mapping[str, Any], console: Console) -> None:
    """On the terminal; nothing for a run without growth."""
    if not results.get("growth"):
        return
    head, found = rows(results["growth"])
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, show_edge=False, header_style="bright_black")
    for number, name in enumerate(head):
        table.add_column(name, justify="left" if not number else "right", no_wrap=bool(number))
    for row in found:
        table.add_row(*row, style="bright_black" if row[0].startswith("  ") else "")
    console.print(table)


def charts(growth: Mapping[str, Any]) -> list[tuple[str, Markup]]:
    """One chart per operation, all on the same axes, so that they can be compared."""
    every = [
        point
        for one in growth["operations"]
        for points in (one["points"], *one["floors"].values())
        for point in points
        if point[1]
    ]
    if not every:
        return []
    axes = _Axes(
        min(x for x, _ in every), max(x for x, _ in every),
        10 ** math.floor(math.log10(min(y for _, y in every))), 10 ** math.ceil(math.log10(max(y for _, y in every))),
    )  # fmt: skip
    return [(_caption(one), _chart(one, axes, growth["sizes"])) for one in growth["operations"] if one["points"]]


def _caption(one: Mapping[str, Any]) -> str:
    grown = "" if one["exponent"] is None else f", exponent {one['exponent']:.2f}"
    return f"{text.clean(one['title'])}{grown}"


class _Axes:
    """Logarithmic both ways."""

    def __init__(self, x0: float, x1: float, y0: float, y1: float) -> None:
        self.x0, self.x1, self.y0, self.y1 = x0, x1, y0, y1 if y1 > y0 else y0 * 10

    def x(self, value: float) -> float:
        span = math.log(self.x1 / self.x0) or 1.0
        return round(LEFT + (WIDTH - LEFT - RIGHT) * math.log(value / self.x0) / span, 1)

    def y(self, value: float) -> float:
        share = math.log(value / self.y0) / math.log(self.y1 / self.y0)
        return round(HEIGHT - BOTTOM - (HEIGHT - TOP - BOTTOM) * share, 1)


def _chart(one: Mapping[str, Any], axes: _Axes, sizes: Sequence[int]) -> Markup:
    parts = []
    power = axes.y0
    while power <= axes.y1 * 1.001:
        y = axes.y(power)
        line = '<line class="grid" x1="{}" x2="{}" y1="{}" y2="{}"/><text class="tick end" x="{}" y="{}">{}</text>'
        parts.append(Markup(line).format(LEFT, WIDTH - RIGHT, y, y, LEFT - 8, y + 4, seconds(power)))
        power *= 10
    for size in sizes:
        parts.append(
            Markup('<text class="tick {}" x="{}" y="{}">{}</text>').format(
                "end" if size == axes.x1 else "middle", axes.x(size), HEIGHT - BOTTOM + 18, short(size)
            )
        )
    for number, points in enumerate(one["floors"].values()):
        parts.append(_path(points, axes, "floor" if not number else "floor second"))
    parts.append(_path(one["points"], axes, "line"))
    parts += [
        Markup('<circle class="line" cx="{}" cy="{}" r="3"><title>{} mitras: {}</title></circle>').format(
            axes.x(x), axes.y(y), f"{x:,}", seconds(y)
        )
        for x, y in one["points"]
    ]
    told = ", ".join(f"{x:,} mitras {seconds(y)}" for x, y in one["points"])
    return Markup('<svg class="chart loglog" viewBox="0 0 {} {}" role="img" aria-label="{}">{}</svg>').format(
        WIDTH, HEIGHT, f"{text.clean(one['title'])}: {told}", Markup("").join(parts)
    )


def _path(points: Sequence[Point], axes: _Axes, kind: str) -> Markup:
    steps = " ".join(f"{axes.x(x)},{axes.y(y)}" for x, y in points if y)
    return Markup('<polyline class="{}" points="{}"/>').format(kind, steps)


def short(size: int) -> str:
    return f"{size // 1000}k" if size >= 1000 and size % 1000 == 0 else str(size)
