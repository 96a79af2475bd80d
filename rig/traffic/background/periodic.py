"""Runs one action at planned times in a thread: the plan keeps its times even when an answer is late."""

import threading
import time
from collections.abc import Callable

from rig.traffic.actors.client import TIMEOUT_S
from rig.traffic.actors.exchange import Exchange


class PeriodicThread(threading.Thread):
    """Calls `action` every `every_s` seconds from `first_s` on, `times` times at most, until stopped.

    Without `times` the moments that a slow call missed fall out; with it they are made up for at once.
    """

    def __init__(
        self,
        action: Callable[[], Exchange],
        keep: Callable[[Exchange], None],
        *,
        every_s: float,
        first_s: float = 0.0,
        times: int | None = None,
    ) -> None:
        super().__init__(daemon=True, name=f"periodic-{getattr(action, '__name__', 'action')}")
        self._action, self._keep = action, keep
        self._every_s, self._first_s, self._times = every_s, first_s, times
        self._stopping = threading.Event()
        self.error: BaseException | None = None

    def run(self) -> None:
        try:
            planned = time.monotonic() + self._first_s
            done = 0
            while self._times is None or done < self._times:
                if self._stopping.wait(max(0.0, planned - time.monotonic())):
                    return
                self._keep(self._action())
                done += 1
                planned += self._every_s
                late = time.monotonic() - planned
                if late > 0 and self._times is None:
                    planned += (late // self._every_s) * self._every_s
        except BaseException as error:  # a thread's exception would be lost: finish() raises it
            self.error = error

    def stop(self) -> None:
        self._stopping.set()

    def finish(self, within_s: float = TIMEOUT_S + 2) -> None:
        """Wait for its end; raises what its action raised, TimeoutError when it does not end."""
        self.join(within_s)
        if self.error is not None:
            raise self.error
        if self.is_alive():
            raise TimeoutError(f"thread {self.name} did not end within {within_s:g} s")
