"""Changes beside the seed, and their way into Valkey."""

from collections.abc import Iterator
from typing import Any

from rig.model.language import Kind, Rules, action, put
from rig.model.specs.lanes import INSTANCE, OPERATOR, POSTGRES, VALKEY
from rig.model.specs.seed.rules import WRITES
from rig.model.specs.seed.scripts import apply_script
from rig.model.specs.seed.state import Hand, Job, Row, State, having


def under_way(state: State) -> set[int]:
    """The mitras of whom an apply script is under way."""
    return {one.job.mitra for one in state.instances if one.job} | {late.mitra for late in state.late if late.row}


@action("instance", "mitra", kind=Kind.CLIENT, code=WRITES + "changing", lanes=(INSTANCE, POSTGRES))
def change_commits(rules: Rules, state: State, i: int, m: int) -> Iterator[Any]:
    """A change commits under a new version: she toggles, or accepts a chat."""
    one, row = state.instances[i], state.rows[m]
    if not one.alive or one.job or not state.changes:
        return
    changes = {"toggle": Row(not row.online, row.load, row.version + 1)}
    if row.online and not row.load:
        changes["acceptance"] = Row(True, 1, row.version + 1)
    for detail, new in changes.items():
        state_after = state._replace(rows=put(state.rows, m, new), changes=state.changes - 1)
        yield detail, having(state_after, i, job=Job(m, new))


@action("instance", code=WRITES + "apply", point="change applies", lanes=(INSTANCE, VALKEY))
def change_is_applied(rules: Rules, state: State, i: int) -> Iterator[Any]:
    """The apply script carries a row to Valkey; without a valid epoch it is owed."""
    one = state.instances[i]
    if not one.job:
        return
    m, row = one.job
    usable = not one.cold and rules.holds("a script checks the epoch first", state.epoch)
    if usable:
        yield having(apply_script(rules, state, m, row), i, job=())
    else:
        yield "owed", having(state, i, job=(), debts=put(one.debts, m, True))


@action("instance", "mitra", code=WRITES + "retry_dirty", point="debt reads", lanes=(POSTGRES, INSTANCE))
def debt_is_read(rules: Rules, state: State, i: int, m: int) -> Iterator[Any]:
    """The retry of a debt reads the row anew."""
    one = state.instances[i]
    if one.debts[m] and not one.job and not one.cold and state.epoch:
        yield having(state, i, job=Job(m, state.rows[m]), debts=put(one.debts, m, False))


@action("mitra", kind=Kind.CLIENT, lanes=(OPERATOR, POSTGRES))
def row_is_changed_by_hand(rules: Rules, state: State, m: int) -> Iterator[Any]:
    """Somebody changes a row by hand, without a version, while no change of hers is under way: only a seed finds it."""
    row = state.rows[m]
    if state.hands and m not in under_way(state) and not any(one.debts[m] for one in state.instances):
        left = state._replace(hands=state.hands - 1, by_hand=put(state.by_hand, m, Hand.UNSEEN))
        yield "online", left._replace(rows=put(state.rows, m, row._replace(online=not row.online)))
        yield "load", left._replace(rows=put(state.rows, m, row._replace(load=1 - row.load)))
