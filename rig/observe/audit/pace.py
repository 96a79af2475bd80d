"""How fast an audit may ask a store: small requests, waits between them, longer waits while the store is slow."""

import math
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

PAUSE_S = 1.0
PAUSES_MAX = 30  # in a row, before the audit gives up
SLOW = 10  # times the target: then the store has other work to do


class TooBusy(Exception):
    """The store answered slowly for too long: one line."""


@dataclass
class Pace:
    """Measures each request, and adapts the size of the next one so that it takes about `target_s` of the store's time.

    After each request it sleeps, so that the requests take at most `share` of the time. What counts is the time beyond
    `floor_s`, the least that any request takes on this network, but no more than `item_s` for each thing that was asked
    for: a busy network or a busy machine of the rig must not look like work of the store. If a request takes more than 10 times the target, the
    audit pauses for a second. TooBusy after 30 such pauses in a row.
    """

    store: str
    target_s: float
    share: float
    size: int = 50  # ids or keys of the next request
    least: int = 20
    most: int = 500
    floor_s: float = 0.0
    item_s: float = math.inf  # the most that the store needs for one thing
    clock: Callable[[], float] = time.perf_counter
    sleep: Callable[[float], None] = time.sleep
    requests: int = 0
    total_s: float = 0.0
    slowest_s: float = 0.0
    pauses: int = 0
    _slow_in_a_row: int = field(default=0, repr=False)

    @contextmanager
    def request(self, items: int = 1) -> Iterator[None]:
        """Measure one request for so many things and wait after it. After a request that failed nothing is waited for."""
        before = self.clock()
        try:
            yield
        finally:
            took_s = self.clock() - before
            self.requests += 1
            self.total_s += took_s
            self.slowest_s = max(self.slowest_s, took_s)
        self._settle(max(0.0, took_s - self.floor_s), items * self.item_s)

    def _settle(self, beyond_s: float, most_s: float) -> None:
        work_s = min(beyond_s, most_s)
        if work_s > self.target_s:
            self.size = max(self.least, self.size // 2)
        elif work_s < self.target_s / 2:
            self.size = min(self.most, self.size * 2)
        if beyond_s > SLOW * self.target_s:
            self._slow_in_a_row += 1
            self.pauses += 1
            if self._slow_in_a_row > PAUSES_MAX:
                raise TooBusy(
                    f"{self.store} took {beyond_s * 1000:.0f} ms for one small request, {PAUSES_MAX} times in a row:"
                    " try again when it has less to do"
                )
            self.sleep(PAUSE_S)
        else:
            self._slow_in_a_row = 0
            self.sleep(work_s * (1 / self.share - 1))
