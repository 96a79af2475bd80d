"""Follows each difference between mirror and truth from its first look to its last, so that its age is known."""

import time
from collections.abc import Callable

from rig.record.lines.soak import SoakDifference

AGAIN_S = 1.2  # a change has 1 s to reach Valkey


class DriftWatch:
    """`look` is called at each sample. Errors of the stores come through."""

    def __init__(
        self, read: Callable[[], set[str]], now: Callable[[], float], wait: Callable[[float], object] = time.sleep
    ) -> None:
        self._read, self._now, self._wait = read, now, wait
        self._since: dict[str, float] = {}
        self._disturbed: set[str] = set()

    def look(self, calm: bool) -> tuple[dict[str, float], list[SoakDifference]]:
        """The series of this sample, and the differences that are over. Only those that last for over 1 s count."""
        at = self._now()
        found = self._read()
        if found - self._since.keys():
            self._wait(AGAIN_S)
            found &= self._read()
        over = [self._ended(what) for what in self._since.keys() - found]
        for what in found:
            self._since.setdefault(what, at)
        if not calm:
            self._disturbed |= found
        oldest_s = max((self._now() - since for since in self._since.values()), default=0.0)
        return {"drift.open": float(len(found)), "drift.oldest_s": round(oldest_s, 3)}, over

    def end(self) -> list[SoakDifference]:
        """The differences that are still there."""
        return [self._ended(what) for what in sorted(self._since)]

    def _ended(self, what: str) -> SoakDifference:
        since, now = self._since.pop(what), self._now()
        calm = what not in self._disturbed
        self._disturbed.discard(what)
        return SoakDifference(t=now, what=what, since=since, age_s=round(now - since, 3), calm=calm)
