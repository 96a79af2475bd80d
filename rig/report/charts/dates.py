"""Ticks of an axis that shows the time of day or dates (UTC), for runs of minutes to weeks."""

from datetime import UTC, datetime

MINUTE, HOUR, DAY = 60, 3600, 86400
STEPS = (
    10, 30, MINUTE, 2 * MINUTE, 5 * MINUTE, 10 * MINUTE, 30 * MINUTE, HOUR, 2 * HOUR, 6 * HOUR, 12 * HOUR,
    DAY, 2 * DAY, 7 * DAY, 14 * DAY, 28 * DAY,
)  # fmt: skip
TICKS_MAX = 7


def date_ticks(begin: float, end: float, origin: float) -> list[tuple[float, str]]:
    """Round moments between two moments, all in seconds since `origin` (epoch seconds), each with its label."""
    span = end - begin
    step = next((step for step in STEPS if span / step <= TICKS_MAX), STEPS[-1])
    first = int((origin + begin) // step) * step
    moments = [first + number * step for number in range(int(span // step) + 3)]
    return [(at - origin, label(at, step, span)) for at in moments if begin <= at - origin <= end]


def label(at: float, step: float, span: float) -> str:
    """`14:05:30`, `14:05`, `28 Nov 14:00` or `28 Nov`, whatever tells two ticks apart."""
    when = datetime.fromtimestamp(at, UTC)
    if step >= DAY:
        return f"{when.day} {when:%b}"
    if span > DAY:
        return f"{when.day} {when:%b %H:%M}"
    return f"{when:%H:%M}" if step >= MINUTE else f"{when:%H:%M:%S}"
