"""What must hold."""

from typing import Any

from rig.model.language import Rules, Step, invariant
from rig.model.specs.seed.state import Beat, State


def quiet(rules: Rules, state: State) -> bool:
    """Nobody has anything left to do; who is dead may stay dead, as long as one lives."""
    living = [one for one in state.instances if one.alive]
    if not living or not state.epoch or any(state.by_hand):
        return False
    return not any(one.cold or one.seed or one.job or any(one.debts) for one in living)


def in_quiet(rules: Rules, state: State, wrong: Any) -> str:
    """Of whom Valkey is wrong, where the state is quiet."""
    found = [m for m, row in enumerate(state.rows) if wrong(row, state.kept[m])]
    return f"mitra {found[0]}: {state.rows[found[0]]}, {state.kept[found[0]]}" if found and quiet(rules, state) else ""


@invariant("INV-01", "In quiet Valkey's online set is that of Postgres")
def online_agrees(rules: Rules, before: State, step: Step, after: State) -> str:
    return in_quiet(rules, after, lambda row, known: row.online != known.online)


@invariant("INV-03", "In quiet the capacity of who is online is her load")
def capacity_agrees(rules: Rules, before: State, step: Step, after: State) -> str:
    return in_quiet(rules, after, lambda row, known: row.online and row.load != known.load)


@invariant("INV-04", "In quiet there are a heartbeat and a capacity exactly for who is online")
def heartbeat_agrees(rules: Rules, before: State, step: Step, after: State) -> str:
    return in_quiet(rules, after, lambda row, known: row.online != bool(known.beat) or row.online != (known.load >= 0))


@invariant("INV-07", "A sweep finds no old heartbeat of who pings all the time")
def nobody_pinging_is_stale(rules: Rules, before: State, step: Step, after: State) -> str:
    for m, known in enumerate(after.kept):
        found = after.epoch and known.online and known.beat is Beat.OLD and known.version == after.rows[m].version
        if found and after.rows[m].online:
            return f"mitra {m} pings all the time, and a sweep finds her heartbeat old"
    return ""


@invariant("INV-15", "A seed never leaves the online set empty while Postgres has online mitras")
def online_set_is_never_empty(rules: Rules, before: State, step: Step, after: State) -> str:
    was = before.epoch and any(known.online for known in before.kept)
    empty = after.epoch and not any(known.online for known in after.kept)
    truth = any(row.online and known.online for row, known in zip(after.rows, before.kept, strict=True))
    return (
        "the online set is empty for a while" if was and empty and truth and step.action.name == "seed_begins" else ""
    )
