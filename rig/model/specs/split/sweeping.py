"""The sweep, and what it reads in the table of instances."""

from collections.abc import Iterator
from typing import Any

from rig.model.language import Rules, action, put
from rig.model.specs.lanes import INSTANCE, POSTGRES, VALKEY
from rig.model.specs.split.changes import told
from rig.model.specs.split.rules import COORDINATOR, READS_LATER, SWEEP
from rig.model.specs.split.state import (
    LEASE,
    NOBODY,
    Entry,
    Stage,
    State,
    Sweep,
    W,
    having,
    is_locked,
    is_sweeping,
    keeping,
)


def counts(rules: Rules, entry: Entry, has_lock: bool) -> bool:
    """Whether the store of another instance's row counts still."""
    if has_lock or not rules.keeps("the row of an instance counts for W after its lock was lost"):
        return has_lock
    spare = LEASE if rules.keeps("and for as long as it may have used Valkey without its lock") else 0
    return entry.absent < W + spare


def obstacle(rules: Rules, state: State, i: int) -> bool:
    """Whether the table says that this instance must not sweep."""
    entries = [(one.entry, one.linked) for other, one in enumerate(state.instances) if other != i]
    entries += [(entry, False) for entry in state.left]
    if any(entry.block != NOBODY for entry, _ in entries):
        return True
    others = [(entry, has_lock) for entry, has_lock in entries if entry.store not in (NOBODY, state.instances[i].store)]
    split = any(counts(rules, entry, has_lock) for entry, has_lock in others)
    return split and rules.keeps("a sweep stops while another instance relies on another Valkey")


@action(
    "instance",
    "mitra",
    code="server/mirror/sweeps.py:Sweeps.auto_offline",
    point="sweep looks",
    lanes=(INSTANCE, VALKEY),
)
def sweep_sees_her_stale(rules: Rules, state: State, i: int, m: int) -> Iterator[Any]:
    """A sweep finds a heartbeat in its Valkey that is older than W."""
    one = state.instances[i]
    known = state.stores[one.store][m]
    if not one.warm or one.sweep or not known.online or known.beat < W or not state.sweeps:
        return
    if rules.keeps(READS_LATER) or not obstacle(rules, state, i):
        yield having(state._replace(sweeps=state.sweeps - 1), i, sweep=Sweep(m, Stage.SEEN, known.beat))


@action("instance", code=SWEEP, point="change locks", lanes=(INSTANCE, POSTGRES))
def sweep_locks_the_row(rules: Rules, state: State, i: int) -> Iterator[Any]:
    """The sweep's transaction locks the mitra's row."""
    sweep = state.instances[i].sweep
    if sweep and sweep.stage is Stage.SEEN and not is_locked(state, sweep.mitra):
        yield having(state, i, sweep=sweep._replace(stage=Stage.LOCKED))


@action("instance", code=SWEEP, point="sweep takes the lock", lanes=(INSTANCE, POSTGRES))
def sweep_takes_its_lock(rules: Rules, state: State, i: int) -> Iterator[Any]:
    """The sweep's transaction takes the lock SWEEP without waiting, or gives up."""
    sweep = state.instances[i].sweep
    if sweep and sweep.stage is Stage.LOCKED:
        free = not is_sweeping(state)
        yield "" if free else "taken", having(state, i, sweep=sweep._replace(stage=Stage.HOLDING) if free else ())


@action("instance", code=COORDINATOR + "has_split_brain", point="sweep reads instances", lanes=(INSTANCE, POSTGRES))
def sweep_reads_the_table(rules: Rules, state: State, i: int) -> Iterator[Any]:
    """The sweep reads in `mirror_instances` whether it may go on."""
    sweep = state.instances[i].sweep
    if sweep and sweep.stage is Stage.HOLDING:
        stops = rules.keeps(READS_LATER) and obstacle(rules, state, i)
        yield "not now" if stops else "", having(state, i, sweep=() if stops else sweep._replace(stage=Stage.ALLOWED))


@action("instance", code=SWEEP, point="sweep marks", lanes=(INSTANCE, VALKEY))
def sweep_marks(rules: Rules, state: State, i: int) -> Iterator[Any]:
    """The second look writes the mark, if her heartbeat is still the stale one and Valkey has the row's version."""
    one = state.instances[i]
    sweep = one.sweep
    if not sweep or sweep.stage is not Stage.ALLOWED:
        return
    m, row = sweep.mitra, state.rows[sweep.mitra]
    known = state.stores[one.store][m]
    same = rules.holds("the second look finds the stale heartbeat again", known.beat == sweep.beat)
    if one.warm and same and known.version == row.version:
        yield keeping(having(state, i, sweep=sweep._replace(stage=Stage.MARKED)), one.store, m, mark=row.version)
    else:
        yield "spared", having(state, i, sweep=())


@action("instance", code=SWEEP, point="sweep updates", lanes=(INSTANCE, POSTGRES))
def sweep_commits(rules: Rules, state: State, i: int) -> Iterator[Any]:
    """COMMIT: the mitra is offline, and every instance is told."""
    sweep = state.instances[i].sweep
    if sweep and sweep.stage is Stage.MARKED:
        row = state.rows[sweep.mitra]
        rows = put(state.rows, sweep.mitra, row._replace(online=False, version=row.version + 1))
        yield told(rules, having(state, i, sweep=())._replace(rows=rows), sweep.mitra, i)
