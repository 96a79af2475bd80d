"""What must hold."""

from typing import Any

from rig.model.language import Rules, Step, invariant
from rig.model.specs.change.effects import is_locked, is_set_back
from rig.model.specs.change.rules import PROVES
from rig.model.specs.change.state import Beat, Debt, State


def quiet(rules: Rules, state: State) -> bool:
    """Nobody has anything left to do; who is dead may stay dead, as long as one lives."""
    if state.late_commits or state.epoch != (state.run, state.history) or not any(one.alive for one in state.instances):
        return False
    for one in state.instances:
        if one.alive:
            deaf = not one.hears and rules.keeps(PROVES)
            if not (one.linked and one.warm) or one.change or one.retry or any(one.debts) or any(one.heard):
                return False
            if one.compares or deaf or is_set_back(rules, state):
                return False
    return True


def in_quiet(rules: Rules, state: State, differs: Any) -> str:
    """Who differs, where the state is quiet."""
    pairs = enumerate(zip(state.rows, state.kept, strict=True))
    wrong = [str(m) for m, (row, known) in pairs if differs(row, known)]
    return (
        f"mitra {wrong[0]}: {state.rows[int(wrong[0])]}, {state.kept[int(wrong[0])]}"
        if wrong and quiet(rules, state)
        else ""
    )


@invariant("INV-01", "In quiet Valkey's online set is that of Postgres")
def online_agrees(rules: Rules, before: State, step: Step, after: State) -> str:
    return in_quiet(rules, after, lambda row, known: row.online != known.online)


@invariant("INV-02", "In quiet Valkey's deactivated set is that of Postgres")
def active_agrees(rules: Rules, before: State, step: Step, after: State) -> str:
    return in_quiet(rules, after, lambda row, known: row.active != known.active)


@invariant("INV-04", "In quiet there is a heartbeat exactly for who is online")
def heartbeat_agrees(rules: Rules, before: State, step: Step, after: State) -> str:
    return in_quiet(rules, after, lambda row, known: row.online != bool(known.beat))


@invariant("INV-07", "A sweep finds nobody stale who was told that she is online")
def promise_is_kept(rules: Rules, before: State, step: Step, after: State) -> str:
    blocked = any(Debt.HEARTBEAT in one.debts for one in after.instances)
    if blocked or after.epoch != (after.run, after.history):
        return ""
    for m, known in enumerate(after.kept):
        stale = known.online and known.beat is not Beat.FRESH and known.version == after.rows[m].version
        if stale and after.promised[m] and after.rows[m].online and not is_locked(after, m):
            return f"mitra {m} was told that she is online, and Valkey has an old heartbeat"
    return ""
