"""A schedule of faults: which, when, for how long and at whom; and the carrying out of it while traffic goes on."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from rig.errors import UsageError
from rig.faults import Fault
from rig.faults.catalogue import fault_named
from rig.record.lines.chaos import ScheduledFault


@dataclass(frozen=True, order=True)
class PlannedFault:
    """One fault from `at_s` (seconds into the fault phase) for `for_s` after it was confirmed, or for the fault's fixed length."""

    at_s: float
    fault: str
    for_s: float = 5.0
    hit: tuple[str, ...] = ()  # names of instances; empty: those that the fault chooses

    def made(self) -> Fault:
        """A new object of the fault. Raises UsageError, with a suggestion, for an unknown name."""
        return fault_named(self.fault)

    def plain(self) -> dict[str, Any]:
        return {**asdict(self), "hit": list(self.hit)}

    def scheduled(self) -> ScheduledFault:
        """As it stands in the record."""
        return ScheduledFault(fault=self.fault, at_s=self.at_s, for_s=self.for_s, hit=list(self.hit))


def restored(plain: Mapping[str, Any]) -> PlannedFault:
    """From `plain()`, after a way through JSON."""
    return PlannedFault(**{**plain, "hit": tuple(plain["hit"])})


def require_possible(strikes: Sequence[PlannedFault], instances: Sequence[str]) -> None:
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


def length_s(strike: PlannedFault) -> float:
    """How long it is meant to be in force."""
    lasts_s = strike.made().lasts_s
    return strike.for_s if lasts_s is None else lasts_s
