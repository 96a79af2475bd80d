"""Runs many lives in a few threads. A life is a generator that acts, and yields the seconds until it goes on."""

import heapq
import itertools
import threading
import time
from collections.abc import Iterator

from rig.traffic.actors.client import TIMEOUT_S

THREADS = 8
LATE_S = 1.0  # a life that was resumed later than this counts as late

Life = Iterator[float]


class Lives:
    """Resumes each life when it is due. A life that ends is dropped. Safe to use from several threads."""

    def __init__(self, threads: int = THREADS) -> None:
        self._due: list[tuple[float, int, Life]] = []
        self._numbers = itertools.count()
        self._changed = threading.Condition()
        self._stopping = False
        self._errors: list[BaseException] = []
        self.late = 0
        self._threads = [threading.Thread(target=self._run, name=f"lives-{n}", daemon=True) for n in range(threads)]

    def add(self, life: Life, after_s: float = 0.0) -> None:
        """Begin this life after so many seconds."""
        with self._changed:
            heapq.heappush(self._due, (time.monotonic() + after_s, next(self._numbers), life))
            self._changed.notify()

    def start(self) -> None:
        for thread in self._threads:
            thread.start()

    def check(self) -> None:
        """Raise what a life raised: without it the workload is not the planned one."""
        if self._errors:
            raise self._errors[0]

    def stop(self) -> None:
        """Resume no life any more, and wait for the requests under way."""
        with self._changed:
            self._stopping = True
            self._changed.notify_all()
        deadline = time.monotonic() + TIMEOUT_S * 3  # an action has up to three requests
        for thread in self._threads:
            if thread.ident is not None:
                thread.join(max(0.0, deadline - time.monotonic()))

    def _next(self) -> Life | None:
        """The next life that is due; None when all is stopped."""
        with self._changed:
            while not self._stopping:
                wait_s = self._due[0][0] - time.monotonic() if self._due else None
                if wait_s is not None and wait_s <= 0:
                    self.late += wait_s < -LATE_S
                    return heapq.heappop(self._due)[2]
                self._changed.wait(wait_s)
            return None

    def _run(self) -> None:
        while (life := self._next()) is not None:
            try:
                self.add(life, next(life))
            except StopIteration:
                continue
            except BaseException as error:  # a thread's exception would be lost: check() raises it
                self._errors.append(error)
                return
