"""Accounts for every planned request: by arm, action and phase, second by second, with its latencies."""

from collections import Counter
from dataclasses import dataclass, field
from typing import Any

from rig.record.histogram import bucket

FAILURES_MAX = 200  # of one process, in full; all are counted


@dataclass(slots=True)
class Tally:
    """planned = completed + failed + missed + in flight, where missed were never sent and in flight never answered.

    Latencies in buckets of `rig.record.histogram`: `raw` from the sending, `corrected` from the planned moment, so
    that what waited behind a late answer counts as late too; `off`: how late the generator itself came to each.
    """

    arm: str
    action: str
    phase: str
    planned: int = 0
    sent: int = 0
    completed: int = 0
    failed: int = 0
    missed: int = 0
    in_flight: int = 0
    longest_ms: float = 0.0
    raw: Counter[int] = field(default_factory=Counter)
    corrected: Counter[int] = field(default_factory=Counter)
    off: Counter[int] = field(default_factory=Counter)

    def plain(self) -> dict[str, Any]:
        return {name: getattr(self, name) for name in self.__slots__}


class Tallies:
    """The tallies of one process, and what happened each second since it was last told."""

    def __init__(self) -> None:
        self._found: dict[tuple[str, str, str], Tally] = {}
        self._seconds: dict[tuple[int, str, str], list[int]] = {}
        self._failures: list[dict[str, Any]] = []
        self._kept = 0

    def of(self, arm: str, action: str, phase: str) -> Tally:
        return self._found.setdefault((arm, action, phase), Tally(arm, action, phase))

    def all(self) -> list[Tally]:
        return list(self._found.values())

    def plan(self, tally: Tally, second: int) -> None:
        tally.planned += 1
        self._second(second, tally)[0] += 1

    def send(self, tally: Tally, second: int, late_ms: float) -> None:
        """It was handed over to be sent, so many ms after its planned moment."""
        tally.sent += 1
        tally.off[bucket(late_ms)] += 1
        self._second(second, tally)[1] += 1

    def complete(self, tally: Tally, second: int, raw_ms: float, corrected_ms: float) -> None:
        tally.completed += 1
        tally.raw[bucket(raw_ms)] += 1
        tally.corrected[bucket(corrected_ms)] += 1
        tally.longest_ms = max(tally.longest_ms, raw_ms)
        self._second(second, tally)[2] += 1

    def fail(self, tally: Tally, second: int, **facts: Any) -> None:
        tally.failed += 1
        self._second(second, tally)[3] += 1
        if self._kept < FAILURES_MAX:
            self._kept += 1
            self._failures.append({"arm": tally.arm, "action": tally.action, "phase": tally.phase, **facts})

    def drain(self) -> dict[str, Any]:
        """What came since the last time: `seconds` [second, arm, action, planned, sent, completed, failed], `failures`."""
        seconds = [[*key, *counts] for key, counts in self._seconds.items()]
        failures, self._failures, self._seconds = self._failures, [], {}
        return {"seconds": seconds, "failures": failures}

    def _second(self, second: int, tally: Tally) -> list[int]:
        key = (second, tally.arm, tally.action)
        counts = self._seconds.get(key)
        if counts is None:
            counts = self._seconds[key] = [0, 0, 0, 0]
        return counts
