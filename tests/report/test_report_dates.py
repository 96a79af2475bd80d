"""The ticks of a time axis with dates: few enough to be read, from seconds to weeks."""

import pytest

from rig.report.charts import svg
from rig.report.charts.dates import TICKS_MAX, date_ticks

ORIGIN = 1_800_000_000.0  # 15 Jan 2027 08:00:00 UTC


@pytest.mark.parametrize(
    ("span", "labels"),
    [
        (60.0, ["08:00:00", "08:00:10"]),
        (1800.0, ["08:00", "08:05"]),
        (7200.0, ["08:00", "08:30"]),
        (2 * 86400.0, ["15 Jan 12:00", "16 Jan 00:00"]),
        (7 * 86400.0, ["16 Jan", "17 Jan"]),
        (60 * 86400.0, ["28 Jan", "11 Feb"]),
    ],
)
def test_ticks_are_round_and_few(span: float, labels: list[str]) -> None:
    found = date_ticks(0.0, span, ORIGIN)
    assert [label for _, label in found[:2]] == labels
    assert 2 <= len(found) <= TICKS_MAX + 1
    assert all(0 <= at <= span for at, _ in found)


def test_a_chart_shows_dates_only_if_it_is_asked_to() -> None:
    series = {"name": "a.rss_mb", "unit": "MB", "points": [[ORIGIN, 1.0], [ORIGIN + 7200, 2.0]]}
    assert "08:30" in svg.chart(series, [], ORIGIN, dates=True)
    assert "08:30" not in svg.chart(series, [], ORIGIN)
    lanes = [{"name": "events", "spans": [], "marks": [{"t": ORIGIN + 60, "name": "restart"}]}]
    phases = [svg.Phase("soak", 0.0, 7200.0)]
    assert "08:30" in svg.timeline(lanes, phases, ORIGIN, dates=True)
    assert "08:30" not in svg.timeline(lanes, phases, ORIGIN)
