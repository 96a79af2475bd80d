"""Takes one fault through its life and writes each step into the record, so that a check can rely on it."""

import time
from collections.abc import Callable

import redis

from rig.faults.base import ENDED, TERMINATED, Fault, FaultContext, Observation, Unconfirmed, Unhealed
from rig.record import RecordWriter
from rig.record.lines.chaos import FaultEvent

CONFIRM_S = 5.0
HEAL_S = 5.0
LOOK_EVERY_S = 0.02


class Cycle:
    """Leaves no fault behind: as a context manager it removes what is still injected, after Ctrl-C too."""

    def __init__(self, fault: Fault, context: FaultContext, recorder: RecordWriter, number: int = 0) -> None:
        self.fault, self.context, self.recorder, self.number = fault, context, recorder, number
        self.injected = False

    def inject(self, *, alone: bool = True) -> None:
        """Inject it and wait until it is seen to be active; Unconfirmed after CONFIRM_S, with what was seen instead.

        Beside another fault (not `alone`) it may be hidden by that: then it is noted as masked, and life goes on.
        """
        self.context.alone = alone
        self._note("requested")
        self.injected = True
        observation: Observation = {}
        try:
            self.context.reconnect()
            self.fault.inject(self.context)
            self._tell()
            observation, met = self._await(self.fault.is_active, CONFIRM_S if alone else CONFIRM_S / 5)
        except redis.RedisError as error:
            if alone:
                raise
            met, observation = False, {"direct": str(error)}
        if not met and alone:
            raise Unconfirmed(f"{self.fault.name} was not active within {CONFIRM_S:g} s: {told(observation)}")
        self._note("confirmed" if met else "masked", observation)

    def remove(self, *, alone: bool = True) -> None:
        """Take it back and, when it was the last, wait until it is seen to heal; Unhealed after HEAL_S."""
        self.context.alone = alone
        self.fault.remove(self.context)
        self.injected = False
        self._note("removed", at=self.context.kept.pop(ENDED, None))
        if alone:
            self.heal()

    def heal(self) -> None:
        """Wait until it is seen to be gone; Unhealed after HEAL_S."""
        self.context.reconnect()
        observation, met = self._await(self.fault.healed, HEAL_S)
        if not met:
            raise Unhealed(f"{self.fault.name} did not heal within {HEAL_S:g} s: {told(observation)}")
        self._note("healed", observation)

    def _tell(self) -> None:
        """What the fault itself did and saw, as lines of the record."""
        if (at := self.context.kept.pop(TERMINATED, None)) is not None:
            self._note("terminated", at=at)
        while self.context.lines:
            self.recorder.add(self.context.lines.pop(0))

    def _await(self, met: Callable[[Observation, FaultContext], bool], within_s: float) -> tuple[Observation, bool]:
        """The last observation, and whether it is what was waited for."""
        deadline = time.monotonic() + within_s
        while True:
            last_look = time.monotonic() >= deadline
            observation = self.fault.observe(self.context)
            if (is_met := met(observation, self.context)) or last_look:
                return observation, is_met
            time.sleep(LOOK_EVERY_S)  # between two looks

    def _note(self, event: str, observation: Observation | None = None, at: float | None = None) -> None:
        fault = self.fault
        event_line = FaultEvent(
            t=time.time() if at is None else at, number=self.number, name=fault.name, event=event, ends=observation,
            hit=list(self.context.hit), outage=fault.outage, noticed=fault.noticed, seeds=fault.seeds, down=fault.down,
            truth=fault.layer == "truth", rewinds=fault.rewinds, beyond=fault.beyond, parts=fault.parts,
        )  # fmt: skip
        self.recorder.add(event_line)

    def __enter__(self) -> "Cycle":
        return self

    def __exit__(self, *_: object) -> None:
        if self.injected:
            self.fault.remove(self.context)
            self.injected = False
            self._note("removed")


def told(observation: Observation) -> str:
    """`direct refused, through a refused`."""
    return ", ".join(f"{end} {found}" for end, found in observation.items())
