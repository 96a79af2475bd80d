"""The faults that the checklist can be run under, one per class, and the items that may fail under each."""

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True)
class FaultCondition:
    """A class of faults by its name, and the fault that represents it.

    `persistent`: the fault stays during the scenario; if not, the scenario begins after it has healed. `changes` are
    the items that may fail under it, with the reason.
    """

    name: str
    fault: str
    persistent: bool = False
    changes: Mapping[str, str] = field(default_factory=dict)


SEEDED = {"I-06": "the fault asks for a seed, and the item expects none after the one of the start"}
CLASSES: Mapping[str, FaultCondition] = {
    condition.name: condition
    for condition in (
        FaultCondition("reachability", "refused", changes=SEEDED),
        FaultCondition("silence", "hung", changes=SEEDED),
        FaultCondition("slowness", "slow within patience", persistent=True),
        FaultCondition("cuts", "all connections cut", changes=SEEDED),
        FaultCondition("refusing", "read-only"),
        FaultCondition("wrong", "flushdb", changes=SEEDED),
        FaultCondition("partial", "subscribers killed"),
        FaultCondition("truth", "postgres connections cut"),
        FaultCondition("server", "server frozen"),
    )
}
