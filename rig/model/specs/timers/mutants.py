"""The protocol without some of its rules: what must break then, and which rules break nothing."""

from rig.model.language import mutant
from rig.model.specs.timers.rules import (
    AGAIN,
    ALIVE,
    ARMED,
    KEEPS_NEWER,
    LISTENS_FIRST,
    LOCK,
    NOTIFIED,
    OWN,
    READS,
    RETRIED,
    UNDER_LOCK,
)
from rig.model.specs.timers.state import BOUNDS, ONE

UNKILLED = {
    ARMED: "the instance's own notification sets the timer too, but later; both missing is a mutant",
    KEEPS_NEWER: "an older timer only fires too early, finds the chat not due and is set again",
}
MUTANTS = (
    mutant("a connection that is deaf is not noticed", ALIVE, breaks="INV-21", finding="S-07", within=BOUNDS | {"requests": 1, "faults": 2}),
    mutant("a change is not looked at again under its lock", UNDER_LOCK, breaks="INV-21", within=ONE),
    mutant("a change takes no lock", LOCK, breaks="INV-21", within=ONE),
    mutant("a change is not notified", NOTIFIED, breaks="INV-21", within=BOUNDS | {"requests": 1}),
    mutant("an instance ignores its own notifications", OWN, breaks="INV-21", within=ONE | {"requests": 1}),
    mutant("a timer that came too early is forgotten", AGAIN, breaks="INV-21", within=ONE),
    mutant("an ending that failed is forgotten", RETRIED, breaks="INV-21", within=ONE | {"requests": 1}),
    mutant("the rows are read before it listens", LISTENS_FIRST, breaks="INV-21", within=ONE | {"requests": 1}),
    mutant("the rows are not read after a start", READS, breaks="INV-21", within=ONE | {"requests": 1}),
    mutant("a change sets no timer at its own instance", ARMED, OWN, breaks="INV-21", within=ONE | {"requests": 1, "faults": 0}),
)  # fmt: skip
