"""The protocol without some of its rules: what must break then, and which rules break nothing."""

from rig.model.language import mutant
from rig.model.specs.split.rules import READS_LATER

MUTANTS = [
    mutant(
        "who moves to another Valkey does not wait for open sweeps",
        "who has announced a store waits for open sweeps", breaks="INV-07", finding="P-06",
    ),
    mutant(
        "whether stores differ is asked before the sweep has its lock", READS_LATER, breaks="INV-07", finding="P-06",
    ),
    mutant(
        "the store of an instance is forgotten with its connection",
        "the row of an instance counts for W after its lock was lost", breaks="INV-07", finding="P-07", faults=1,
    ),
    mutant(
        "a change is told to nobody", "every change is told to every instance",
        breaks="INV-12", finding="P-13", deactivations=1,
    ),
    mutant(
        "who leaves a store does not block sweeps", "who leaves a store blocks sweeps until its seed is done",
        breaks="INV-07", moves=2,
    ),
    mutant(
        "an instance uses Valkey for ever without Postgres", "an instance that has lost Postgres stops using Valkey",
        breaks="INV-07", faults=1,
    ),
]  # fmt: skip
