"""The protocol without some of its rules: what must break then, and which rules break nothing."""

from rig.model.language import mutant
from rig.model.specs.change.rules import AHEAD, COMPARES, HIGHER, IDENTITY, PROVES, SET_BACK, TOLD

UNKILLED = {
    "a script checks the epoch first": "what a script writes without a valid epoch, the next seed corrects: the check is "
    "for pings, readers and the second look",
    SET_BACK: "the other two signs of a restored Postgres suffice for the mirror; this one needs no reading of rows, so "
    "the watchdog can look each second",
}
MUTANTS = [
    mutant(
        "a late COMMIT is told to nobody", TOLD, breaks="INV-02", finding="P-12",
        deactivations=1, toggles=0,
    ),
    mutant("a writer that dies tells nobody", TOLD, breaks="INV-01"),
    mutant(
        "who comes online in Valkey has no heartbeat", "who comes online in Valkey gets a heartbeat",
        breaks="INV-04", toggles=1, accepts=1,
    ),
    mutant(
        "a retry that was fenced off pays the heartbeat", "a heartbeat that was fenced off stays owed",
        breaks="INV-07", toggles=0, accepts=1, pings=1,
    ),
    mutant(
        "debts are compared by value", "debts are counted, not compared", breaks="INV-01", finding="S-05",
        toggles=1, accepts=1, faults=2,
    ),
    mutant("a deaf connection is kept for ever", PROVES, breaks="INV-01", finding="S-07", faults=2),
    mutant("a new connection compares nothing", COMPARES, breaks="INV-01", finding="S-07", faults=2),
    mutant("Postgres may go back unnoticed", IDENTITY, SET_BACK, AHEAD, breaks="INV-01", finding="S-08"),
    mutant(
        "versions of another history are kept", "the seed's begin drops versions of another history",
        breaks="INV-04", finding="S-08",
    ),
    mutant("versions go back with a sequence set by hand", HIGHER, breaks="INV-01", finding="S-08", accepts=1),
    mutant(
        "a sequence set by hand stays behind", "a seed raises the sequence to the highest version of a row",
        breaks="LIVENESS", finding="S-08",
    ),
    mutant(
        "an apply that is fenced off loses the toggle's heartbeat",
        "every apply carries the heartbeat of her last toggle", breaks="INV-07", accepts=1, faults=0,
    ),
]  # fmt: skip
