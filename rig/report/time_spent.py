"""Where the time of a run went, ready to print: its parts, and for a checklist its sections and slowest scenarios."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from rig.report import text

SLOWEST = 8


@dataclass(frozen=True)
class Share:
    """A part of the time; `percent` is its share of the whole, or of the longest one beside it."""

    name: str
    seconds: float
    percent: float
    link: str = ""
    note: str = ""


@dataclass(frozen=True)
class Timed:
    """A scenario as far as its time is concerned."""

    anchor: str
    name: str
    section: str
    seconds: float


@dataclass(frozen=True)
class TimeSpent:
    """`workers` went side by side, so that the parts add up to more than the time that passed."""

    workers: int
    seconds: float
    parts: tuple[Share, ...]
    sections: tuple[Share, ...] = ()
    slowest: tuple[Share, ...] = ()

    @property
    def total(self) -> float:
        return sum(part.seconds for part in self.parts)


def time_spent(results: Mapping[str, Any], scenarios: Sequence[Timed]) -> TimeSpent | None:
    """None for a run of which the record does not tell: an interrupted one, or an exploration."""
    raw = results.get("wall_time") or {}
    parts = [(text.clean(part["name"]), float(part["seconds"])) for part in raw.get("parts") or ()]
    whole = sum(seconds for _, seconds in parts)
    if not whole:
        return None
    return TimeSpent(
        workers=int(raw.get("workers") or 1),
        seconds=float(results.get("seconds") or 0),
        parts=tuple(Share(name, seconds, round(100 * seconds / whole, 1)) for name, seconds in parts),
        sections=_sections(scenarios),
        slowest=_slowest(scenarios),
    )


def _sections(scenarios: Sequence[Timed]) -> tuple[Share, ...]:
    sums: dict[str, list[float]] = {}
    for one in scenarios:
        sums.setdefault(one.section, []).append(one.seconds)
    longest = max((sum(times) for times in sums.values()), default=0) or 1
    return tuple(
        Share(name, sum(times), round(100 * sum(times) / longest, 1), note=str(len(times)))
        for name, times in sorted(sums.items(), key=lambda entry: -sum(entry[1]))
    )


def _slowest(scenarios: Sequence[Timed]) -> tuple[Share, ...]:
    found = sorted(scenarios, key=lambda one: -one.seconds)[:SLOWEST]
    longest = max((one.seconds for one in found), default=0) or 1
    return tuple(
        Share(one.name, one.seconds, round(100 * one.seconds / longest, 1), one.anchor, one.section) for one in found
    )
