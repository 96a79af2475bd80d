"""The protocol without some of its rules: what must break then, and which rules break nothing."""

from rig.model.language import mutant
from rig.model.specs.seed.rules import ALONE

UNKILLED = {
    "a script checks the epoch first": "what a script writes without a valid epoch, the next seed corrects: the check is "
    "for pings, readers and the second look",
    "a seed ends well only with its own nonce": "its steps and its swap have carried all that Postgres has; what a seed "
    "with another nonce leaves are keys of ids that Postgres does not know, and there are none here",
    ALONE: "the nonce alone decides which seed counts; the lock keeps two seeds from ending each other again and again",
}
MUTANTS = [
    mutant(
        "an older seed swaps after a newer one", ALONE, "the swap demands the seed's own nonce",
        breaks="INV-01", finding="P-14", reconciles=2, faults=0,
    ),
    mutant(
        "an older seed clears strays while a newer one goes on", ALONE, "the strays demand the seed's own nonce",
        breaks="INV-03", finding="P-15", hands=1, faults=0,
    ),
    mutant(
        "a periodic seed that ends an outage grants nothing", "a seed that ends an outage grants heartbeats",
        breaks="INV-07", finding="P-11",
    ),
    mutant(
        "a seed that breaks off after its swap leaves keys of who is offline",
        "a step removes the keys of who was read as offline", breaks="INV-04",
    ),
    mutant(
        "changes are noted for no seed", "each change is noted for the seed that is under way", breaks="INV-01",
        faults=0,
    ),
    mutant(
        "the sets in use are emptied first", "new sets are built beside those in use", breaks="INV-15", faults=0,
    ),
]  # fmt: skip
