"""The protocol without some of its rules: what must break then, and which rules break nothing."""

from rig.model.language import mutant
from rig.model.specs.snapshot.rules import (
    AFTER,
    AGAIN,
    EPOCH,
    EVEN_IF_SAME,
    IN_TURN,
    KEPT,
    LEASE_LIFE,
    LEASE_TOO,
    LISTENED,
    MOVED,
    NOTIFIED,
    ON_THE_WAY,
    ONE_LEASE,
    OWED,
    OWN_LEASE,
    PAID,
    RESPECTED,
    RESUBSCRIBED,
    SWAPPED,
    TTL,
)

ONE = {"instances": 1, "toggles": 1, "polls": 1, "looks": 0, "faults": 1}
TWO = {"instances": 2, "toggles": 1, "polls": 0, "looks": 0, "faults": 1}

UNKILLED = {
    SWAPPED: "who subscribes after a restart of Valkey deletes the answer too; both missing is a mutant",
}
MUTANTS = (
    mutant("a setting whose reading failed is not read again", OWED, breaks="INV-16", finding="P-16", within=TWO),
    mutant("a change is told by its writer alone", NOTIFIED, breaks="INV-16", finding="P-16", within=TWO),
    mutant("any reading pays what is owed", ON_THE_WAY, breaks="INV-16", within=ONE | {"looks": 1}),
    mutant("a reading pays what came to be owed meanwhile", PAID, breaks="INV-16", within=ONE | {"toggles": 2, "polls": 0}),
    mutant("only a reading that changes something deletes", EVEN_IF_SAME, breaks="INV-16", within=ONE | {"looks": 1}),
    mutant("readings overtake each other", IN_TURN, breaks="INV-16", within=ONE | {"polls": 0, "looks": 1}),
    mutant("the answer is deleted first", AFTER, breaks="INV-16", within=ONE),
    mutant("a recompute does not compare", MOVED, breaks="INV-16", within=ONE),
    mutant("a fill does not look at the lease", OWN_LEASE, breaks="INV-16", within=ONE),
    mutant("a deletion leaves the lease", LEASE_TOO, breaks="INV-16", within=ONE),
    mutant("a deletion that failed is forgotten", AGAIN, breaks="INV-16", within=ONE),
    mutant("the lease is taken over", ONE_LEASE, breaks="INV-16", within=TWO | {"polls": 2, "faults": 0}),
    mutant("a small fleet knows no lease", RESPECTED, breaks="INV-16", within=TWO | {"polls": 2, "faults": 0}),
    mutant("a script computes what is there", KEPT, breaks="INV-16", within=TWO | {"polls": 2, "faults": 0}),
    mutant("a script computes without an epoch", EPOCH, breaks="INV-15", within=ONE),
    mutant("an answer stands for ever", TTL, breaks="LIVENESS", within=ONE | {"toggles": 0}),
    mutant("a lease stands for ever", LEASE_LIFE, breaks="LIVENESS", within=ONE | {"toggles": 0}),
    mutant("a new connection for notifications brings no reading", LISTENED, breaks="INV-16", within=ONE | {"polls": 0, "faults": 2}),
    mutant("a new subscription brings no reading", RESUBSCRIBED, breaks="INV-16", within=TWO | {"toggles": 2}),
    mutant(
        "an old answer outlives a restart of Valkey", RESUBSCRIBED, SWAPPED, breaks="INV-16",
        within=ONE | {"polls": 0},
    ),
)  # fmt: skip
