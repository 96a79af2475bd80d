"""What must hold."""

from rig.model.language import Rules, Step, invariant
from rig.model.specs.split.state import Kept, Row, State, W


def quiet(rules: Rules, state: State) -> bool:
    """Nobody has anything left to do; who is dead may stay dead, as long as one lives."""
    living = [one for one in state.instances if one.alive]
    return bool(living) and all(one.linked and one.warm and not one.sweep and not any(one.debts) for one in living)


def in_use(state: State) -> list[tuple[int, Row, Kept]]:
    """Each mitra, as Postgres and as a Valkey in use has her."""
    stores = {one.store for one in state.instances if one.alive}
    return [(m, row, state.stores[store][m]) for store in sorted(stores) for m, row in enumerate(state.rows)]


@invariant("INV-01", "In quiet the online set of each Valkey in use is that of Postgres")
def online_agrees(rules: Rules, before: State, step: Step, after: State) -> str:
    wrong = [m for m, row, known in in_use(after) if row.online != known.online]
    return f"mitra {wrong[0]} is online in one of the stores alone" if wrong and quiet(rules, after) else ""


@invariant("INV-07", "Nobody is taken offline within W of a ping that was answered online")
def nobody_pinging_goes_offline(rules: Rules, before: State, step: Step, after: State) -> str:
    for m, row in enumerate(before.rows):
        if row.online and not after.rows[m].online and before.promised[m] < W:
            return f"mitra {m} is taken offline, and her last ping was answered less than W ago"
    return ""


@invariant("INV-12", "In quiet no Valkey in use takes a deactivated mitra for active")
def deactivation_is_known(rules: Rules, before: State, step: Step, after: State) -> str:
    wrong = [m for m, row, known in in_use(after) if row.active != known.active]
    return (
        f"the pings of mitra {wrong[0]} are answered although she is deactivated"
        if wrong and quiet(rules, after)
        else ""
    )
