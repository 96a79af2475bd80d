"""Lines of a made-up soak: a sample each 10 s, with series as functions of the hours since its begin."""

import random
from collections.abc import Callable, Sequence
from typing import Any

START = 1_800_000_000.0
EVERY_S = 10.0

Series = Callable[[float], float]


def part(hours: float, **more: Any) -> dict[str, Any]:
    usual = {"t": START, "number": 1, "factor": 1.0, "every_s": EVERY_S, "warm_up_s": 60.0, "planned_s": hours * 3600}
    return {**usual, **more}


def noisy(series: Series, grain: float, random_seed: int = 1) -> Series:
    """The series with some noise, the same for the same random seed."""
    rng = random.Random(random_seed)
    return lambda hours: series(hours) + rng.gauss(0, grain)


def soak(
    hours: float = 3.0,
    *,
    without: Sequence[tuple[float, float]] = (),
    events: Sequence[dict[str, Any]] = (),
    part_has: dict[str, Any] | None = None,
    disturbed: Sequence[tuple[float, float]] = (),
    **series: Series,
) -> dict[str, Any]:
    """A soak with these series; `__` in a name stands for a dot. Spans are in hours since the begin."""

    def inside(spans: Sequence[tuple[float, float]], at: float) -> bool:
        return any(begin <= at < end for begin, end in spans)

    moments = [number * EVERY_S / 3600 for number in range(int(hours * 3600 / EVERY_S))]
    samples = [
        {
            "t": START + at * 3600, "part": 1, "calm": not inside(disturbed, at),
            "values": {name.replace("__", "."): value(at) for name, value in series.items()},
        }
        for at in moments
        if not inside(without, at)
    ]  # fmt: skip
    return {"soak_part": [part(hours, **(part_has or {}))], "soak_sample": samples, "soak_event": list(events)}


def restart(at_hours: float, scope: str) -> dict[str, Any]:
    return {"t": START + at_hours * 3600, "name": "restart", "scope": scope, "text": f"{scope} was restarted"}
