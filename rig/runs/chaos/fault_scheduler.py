"""Carries a schedule of faults out while traffic goes on."""

import random
import time
from collections.abc import Callable, Sequence
from contextlib import ExitStack

from rig.environment.testbed import Testbed
from rig.faults import Cycle, Fault, FaultContext
from rig.faults.requirements import missing
from rig.record import RecordWriter
from rig.record.lines.chaos import Strikes
from rig.runs.chaos.schedule import PlannedFault, length_s
from rig.stack import CapabilityMissing


class FaultScheduler:
    """Carries a schedule out; as a context manager it takes back what is still in force, after Ctrl-C too."""

    def __init__(
        self,
        testbed: Testbed,
        strikes: Sequence[PlannedFault],
        instances: tuple[str, ...],
        stand_still: Callable[[float], None],
        when_active: Callable[[PlannedFault, Fault], None] = lambda strike, fault: None,
    ) -> None:
        self._pending = sorted(strikes)
        self._ends: list[tuple[float, Cycle]] = []
        self._unhealed: list[Cycle] = []
        self._testbed = testbed
        self._when_active = when_active
        self._held = ExitStack()
        self._cycles: dict[PlannedFault, Cycle] = {}
        self.ended: set[str] = set()  # instances that a fault has stopped: their exit is no crash
        for number, strike in enumerate(self._pending):
            fault = strike.made()
            context = FaultContext(
                testbed.stack,
                testbed.servers,
                hit=strike.hit or fault.aims or instances,
                random=random.Random(f"{testbed.random_seed}/{number}"),
                ended=self.ended,
                tables=testbed.tables,
                stand_still=stand_still,
            )
            self._held.callback(context.close)
            self._cycles[strike] = Cycle(fault, context, testbed.recorder, number)

    def __enter__(self) -> "FaultScheduler":
        return self

    def __exit__(self, *_: object) -> None:
        with self._held:
            for end in self._ends:
                self._held.push(end[1])  # each is removed, even if removing another one fails

    def run(self, least_s: float, wait: Callable[[float], None]) -> None:
        """Until the last fault has been seen to heal, and `least_s` at the least. `wait` lets the traffic go on."""
        began = time.monotonic()
        while self._pending or self._ends:
            now = time.monotonic()
            due = [end for end in self._ends if end[0] <= now]
            if due:
                self._end(min(due, key=lambda end: end[0]))
            elif self._pending and began + self._pending[0].at_s <= now:
                self._begin(self._pending.pop(0))
            else:
                moments = [at for at, _ in self._ends]
                moments += [began + self._pending[0].at_s] if self._pending else []
                wait(min(moments) - now)
        wait(began + least_s - time.monotonic())

    def _begin(self, strike: PlannedFault) -> None:
        cycle = self._cycles[strike]
        clashing = [other for _, other in self._ends if other.fault.layers() & cycle.fault.layers()]
        for other in clashing:  # a fault that was confirmed late ends late
            self._end(next(end for end in self._ends if end[1] is other))
        self._ends.append((float("inf"), cycle))
        begun = time.monotonic()
        cycle.inject(alone=len(self._ends) == 1 and not self._unhealed)
        # What ends by itself does so however long it took to be seen.
        since = time.monotonic() if cycle.fault.lasts_s is None else begun
        self._ends[-1] = (since + length_s(strike), cycle)
        self._when_active(strike, cycle.fault)

    def _end(self, end: tuple[float, Cycle]) -> None:
        self._ends.remove(end)
        cycle = end[1]
        alone = not self._ends
        cycle.remove(alone=alone)
        if not alone:
            self._unhealed.append(cycle)
            return
        for earlier in self._unhealed:
            earlier.heal()
        self._unhealed.clear()


def refuse_what_is_missing(testbed: Testbed, strikes: Sequence[PlannedFault]) -> None:
    """CapabilityMissing names what this stack or machine lacks for the first fault that cannot be made on it."""
    for strike in strikes:
        for requirement in strike.made().all_requirements():
            if (why := missing(requirement, testbed.stack)) is not None:
                raise CapabilityMissing(f"{strike.fault!r} needs {requirement}: {why}")


def note_schedule(recorder: RecordWriter, strikes: Sequence[PlannedFault]) -> None:
    recorder.add(Strikes(t=time.time(), strikes=[strike.scheduled() for strike in sorted(strikes)]))
