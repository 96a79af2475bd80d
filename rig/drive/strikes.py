"""A schedule of faults: which, when, for how long and at whom; and the carrying out of it while traffic goes on."""

import random
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import asdict, dataclass
from typing import Any

from rig.drive.bench import Bench
from rig.drive.usage import UsageError
from rig.faults import Cycle, Fault, Ground
from rig.faults.catalogue import UnknownFault, fault_named
from rig.faults.needs import missing, needs_of
from rig.record import Recorder
from rig.stack import CapabilityMissing


@dataclass(frozen=True, order=True)
class Strike:
    """One fault from `at_s` (seconds into the fault phase) for `for_s` after it was seen to bite, or its own length."""

    at_s: float
    fault: str
    for_s: float = 5.0
    hit: tuple[str, ...] = ()  # instances; none: whom the fault aims at

    def made(self) -> Fault:
        """UsageError names near ones for a fault that there is not."""
        try:
            return fault_named(self.fault)
        except UnknownFault as error:
            raise UsageError(f"{error} (`rig chaos --list-faults` tells them all)") from None

    def plain(self) -> dict[str, Any]:
        return {**asdict(self), "hit": list(self.hit)}


def restored(plain: Mapping[str, Any]) -> Strike:
    """From `plain()`, after a way through JSON."""
    return Strike(**{**plain, "hit": tuple(plain["hit"])})


def require_possible(strikes: Sequence[Strike], instances: Sequence[str]) -> None:
    """UsageError for an unknown fault or instance, and for two faults of one layer at the same time."""
    for strike in strikes:
        fault = strike.made()
        unknown = [name for name in strike.hit if name not in instances]
        lacking = [name for name in fault.instances if name not in instances]
        if unknown or lacking:
            raise UsageError(
                f"{strike.fault!r} needs the instances {', '.join([*unknown, *lacking])}: there are {', '.join(instances)}"
            )
    for one in strikes:
        for other in strikes:
            shared = sorted(one.made().layers() & other.made().layers())
            if one < other and shared and other.at_s < one.at_s + length_s(one):
                raise UsageError(
                    f"{one.fault!r} and {other.fault!r} both act on the {shared[0]} at {other.at_s:g} s: let"
                    " one end before the other begins"
                )


def length_s(strike: Strike) -> float:
    """How long it is meant to be in force."""
    own = strike.made().lasts_s
    return strike.for_s if own is None else own


class Siege:
    """Carries a schedule out; as a context manager it takes back what is still in force, after Ctrl-C too."""

    def __init__(
        self,
        bench: Bench,
        strikes: Sequence[Strike],
        instances: tuple[str, ...],
        stand_still: Callable[[float], None],
    ) -> None:
        self._pending = sorted(strikes)
        self._ends: list[tuple[float, Cycle]] = []
        self._unhealed: list[Cycle] = []
        self._bench = bench
        self._held = ExitStack()
        self._cycles: dict[Strike, Cycle] = {}
        self.ended: set[str] = set()  # instances that a fault has stopped: nobody wonders that they are gone
        for number, strike in enumerate(self._pending):
            fault = strike.made()
            ground = Ground(
                bench.stack,
                bench.servers,
                hit=strike.hit or fault.aims or instances,
                random=random.Random(f"{bench.random_seed}/{number}"),
                ended=self.ended,
                tables=bench.tables,
                stand_still=stand_still,
            )
            self._held.callback(ground.close)
            self._cycles[strike] = Cycle(fault, ground, bench.recorder, number)

    def __enter__(self) -> "Siege":
        return self

    def __exit__(self, *_: object) -> None:
        with self._held:
            for _, cycle in self._ends:
                self._held.push(cycle)  # each is taken back, whatever becomes of the others

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

    def _begin(self, strike: Strike) -> None:
        cycle = self._cycles[strike]
        clashing = [other for _, other in self._ends if other.fault.layers() & cycle.fault.layers()]
        for other in clashing:  # what came late outlasted its own time
            self._end(next(end for end in self._ends if end[1] is other))
        self._ends.append((float("inf"), cycle))
        begun = time.monotonic()
        cycle.inject(alone=len(self._ends) == 1 and not self._unhealed)
        # What ends by itself does so however long it took to be seen.
        since = time.monotonic() if cycle.fault.lasts_s is None else begun
        self._ends[-1] = (since + length_s(strike), cycle)

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


def refuse_what_is_missing(bench: Bench, strikes: Sequence[Strike]) -> None:
    """CapabilityMissing names what this stack or machine lacks for the first fault that cannot be made on it."""
    for strike in strikes:
        for need in needs_of(strike.made()):
            if (why := missing(need, bench.stack)) is not None:
                raise CapabilityMissing(f"{strike.fault!r} needs {need}: {why}")


def note_schedule(recorder: Recorder, strikes: Sequence[Strike]) -> None:
    recorder.write("strikes", strikes=[strike.plain() for strike in sorted(strikes)])
