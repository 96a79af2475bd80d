"""The protocol without some of its rules: what must break then, and which rules break nothing."""

from rig.model.language import mutant
from rig.model.specs.stores.rules import EPOCH
from rig.model.specs.sweep.rules import UNKILLED

EXPLAINED = UNKILLED | {
    "a seed without grace ends no outage": "a periodic seed that ends an outage gives grace: without both, a mutant shows it",
    "a periodic seed that ends an outage gives grace": "a seed without grace ends no outage: without both, a mutant shows it",
}
SHOWN_BY = {
    "a block stops the sweep": "cut_off",
    "a debt is cleared only if its counter did not move": "cut_off",
    "a retry that was fenced off does not pay a heartbeat": "cut_off",
    "a step removes the keys of who was read as offline": "seed",
}
MUTANTS = (
    mutant(
        "the seed does not wait for sweeps", "the seed waits for open sweeps", breaks="INV-07", finding="P-01",
        instances=1,
    ),
    mutant("a script checks no epoch", EPOCH, breaks="INV-07", instances=1, faults=2, waiting=0),
    mutant(
        "the second look takes any version", "the second look demands the locked row's version", breaks="INV-07",
        instances=1, waiting=0, changes=1,
    ),
    mutant(
        "a sweep does not wait for the row", "the sweep waits for the row", breaks="INV-07", instances=1, waiting=0, changes=1,
        reconciles=1, ages=1,
    ),
    mutant(
        "a transaction outlives its mark", "Postgres ends a sweep's transaction before its mark expires",
        breaks="INV-07", finding="P-02", faults=0,
    ),
    mutant(
        "an earlier change deletes a mark", "only a newer change deletes a mark",
        "the second look demands the locked row's version", breaks="INV-07", finding="P-04", faults=0, changes=1,
    ),
    mutant(
        "a COMMIT of unknown outcome deletes the mark", "an unknown outcome leaves the mark", breaks="INV-07",
        finding="P-05", instances=1,
    ),
    mutant(
        "a periodic seed gives no grace", "a periodic seed that ends an outage gives grace",
        "a seed without grace ends no outage", breaks="INV-07", finding="P-11", instances=1, reconciles=1,
    ),
    mutant(
        "the lock SWEEP is that of another connection", "the lock SWEEP belongs to the sweep's transaction",
        breaks="INV-07", instances=1, faults=2,
    ),
    mutant(
        "a sweep that was rolled back deletes the mark", "a sweep never deletes a mark itself", breaks="INV-07",
        faults=0, sweeps=2, timeouts=1,
    ),
    mutant(
        "a ping deletes any mark", "a ping deletes only the mark that it met", breaks="INV-07", faults=0, sweeps=2, timeouts=2,
        waiting=2,
    ),
    mutant(
        "what a seed has carried does not count before its swap", "what a seed has carried counts before its swap, too",
        breaks="INV-04", waiting=0, changes=1,
    ),
    mutant(
        "the step of a seed puts its versions in use", "the versions of a seed are in use after its swap only",
        breaks="INV-01", instances=1, faults=2, waiting=0, sweeps=0, changes=1, reconciles=1,
    ),
)  # fmt: skip
