"""Time, what breaks, and what heals."""

from collections.abc import Iterator
from typing import Any

from rig.model.language import Kind, Rules, action, put
from rig.model.specs.lanes import INSTANCE, MITRA, POSTGRES
from rig.model.specs.split.rules import COORDINATOR
from rig.model.specs.split.state import LEASE, NOBODY, Entry, Instance, Moves, Stage, State, W, having


def grown(entry: Entry, alone: bool) -> Entry:
    """A row of the table after a tick."""
    block = entry.block + 1 if 0 <= entry.block < W - 1 else NOBODY
    return Entry(entry.store, min(entry.absent + alone, W + LEASE), block)


@action(kind=Kind.TIME, lanes=(MITRA,))
def time_passes(rules: Rules, state: State) -> Iterator[Any]:
    """Half of W passes: heartbeats, promises, blocks and lost locks grow older."""
    alone = any(one.warm and not one.linked and one.entry.absent >= LEASE for one in state.instances)
    if not rules.holds("an instance that has lost Postgres stops using Valkey", not alone):
        return
    if any(one.sweep and one.sweep.stage >= Stage.LOCKED for one in state.instances):
        return  # Postgres bounds a sweep's transaction by far less
    stores = tuple(
        tuple(known._replace(beat=min(known.beat + (known.beat >= 0), W)) for known in kept) for kept in state.stores
    )
    ends = rules.keeps("a seed is given up after a few seconds")
    instances = tuple(
        one._replace(entry=grown(one.entry, not one.linked), moves=Moves.NOT if ends else one.moves)
        for one in state.instances
    )
    left = frozenset(entry for entry in (grown(old, True) for old in state.left) if entry.absent < W + LEASE)
    promised = tuple(min(age + 1, W) for age in state.promised)
    reached = state._replace(stores=stores, instances=instances, left=left, promised=promised)
    if reached != state:
        yield reached


@action("instance", code=COORDINATOR + "_keep_link", lanes=(INSTANCE,))
def instance_gives_valkey_up(rules: Rules, state: State, i: int) -> Iterator[Any]:
    """An instance whose connection to Postgres has been lost for long stops using Valkey."""
    one = state.instances[i]
    if one.warm and not one.linked and one.entry.absent >= LEASE:
        yield having(state, i, warm=False, moves=Moves.NOT)


@action("instance", kind=Kind.FAULT, lanes=(INSTANCE, POSTGRES))
def connection_with_the_lock_ends(rules: Rules, state: State, i: int) -> Iterator[Any]:
    """An instance's connection to Postgres ends, and with it the lock that tells that it lives."""
    one = state.instances[i]
    if state.faults and one.alive and one.linked:
        yield having(state._replace(faults=state.faults - 1), i, linked=False)


@action("instance", kind=Kind.HEAL, code=COORDINATOR + "_keep_link", lanes=(INSTANCE, POSTGRES))
def lock_is_taken_again(rules: Rules, state: State, i: int) -> Iterator[Any]:
    """A new connection takes the lock that tells that the instance lives."""
    one = state.instances[i]
    if one.alive and not one.linked:
        yield having(state, i, linked=True, entry=one.entry._replace(absent=0))


@action("instance", kind=Kind.FAULT, lanes=(INSTANCE,))
def instance_is_killed(rules: Rules, state: State, i: int) -> Iterator[Any]:
    """The process is killed: its lock and its transaction end, its row stays."""
    one = state.instances[i]
    if state.faults and one.alive:
        counted = one.entry.store != NOBODY and one.entry.absent < W + LEASE
        left = state.left | {one.entry} if counted else state.left
        dead = Instance(
            False, False, one.store, False, Moves.NOT, (), (False,) * len(one.debts), Entry(NOBODY, 0, NOBODY)
        )
        yield state._replace(faults=state.faults - 1, left=left, instances=put(state.instances, i, dead))


@action("instance", kind=Kind.HEAL, lanes=(INSTANCE,))
def instance_starts(rules: Rules, state: State, i: int) -> Iterator[Any]:
    """A new process starts, with a row of its own."""
    if not state.instances[i].alive:
        yield having(state, i, alive=True, linked=True)
