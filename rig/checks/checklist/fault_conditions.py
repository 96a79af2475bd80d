"""What the checklist may be run under: one fault per class, and the boxes that it changes as it must."""

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True)
class FaultCondition:
    """One class, by name: the fault that stands for it, and what it changes as it must (box → why).

    `persistent`: it is in force while the boxes are answered; else each scenario begins after it has healed.
    """

    name: str
    fault: str
    persistent: bool = False
    changes: Mapping[str, str] = field(default_factory=dict)


SEEDED = {"I-06": "the fault asks for a seed, and the item expects none after the one of the start"}
CLASSES: Mapping[str, FaultCondition] = {
    under.name: under
    for under in (
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
