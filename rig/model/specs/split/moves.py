"""The way of an instance from one Valkey to the other."""

from collections.abc import Iterator
from typing import Any

from rig.model.language import Kind, Rules, action
from rig.model.specs.lanes import INSTANCE, OPERATOR, POSTGRES, VALKEY
from rig.model.specs.split.rules import COORDINATOR
from rig.model.specs.split.state import NOBODY, Entry, Moves, State, having, is_sweeping, keeping


@action("instance", kind=Kind.CLIENT, lanes=(OPERATOR, INSTANCE))
def instance_is_led_to_the_other_valkey(rules: Rules, state: State, i: int) -> Iterator[Any]:
    """The address of Valkey leads an instance to the other one; its lost connection makes it cold."""
    one = state.instances[i]
    if state.moves and one.alive:
        yield having(state._replace(moves=state.moves - 1), i, store=1 - one.store, warm=False, moves=Moves.NOT)


@action("instance", code=COORDINATOR + "announce_store", point="seed announces", lanes=(INSTANCE, POSTGRES))
def store_is_announced(rules: Rules, state: State, i: int) -> Iterator[Any]:
    """The instance writes its store into its row, and a block while it leaves another one; it commits."""
    one = state.instances[i]
    if not (one.alive and one.linked) or one.warm or one.moves is not Moves.NOT:
        return
    entry = one.entry
    if rules.keeps("a store is announced before a seed relies on it"):
        leaves = entry.store not in (NOBODY, one.store) and rules.keeps(
            "who leaves a store blocks sweeps until its seed is done"
        )
        entry = Entry(one.store, 0, 0 if leaves else entry.block)
    yield having(state, i, moves=Moves.ANNOUNCED, entry=entry)


@action("instance", code=COORDINATOR + "wait_for_sweeps", point="seed waits", lanes=(INSTANCE, POSTGRES))
def open_sweeps_are_waited_for(rules: Rules, state: State, i: int) -> Iterator[Any]:
    """The instance takes the lock SWEEP shared, once: a sweep that read the table before is over."""
    if state.instances[i].moves is not Moves.ANNOUNCED:
        return
    if rules.holds("who has announced a store waits for open sweeps", not is_sweeping(state)):
        yield having(state, i, moves=Moves.WAITED)


@action("instance", code="server/mirror/seed.py:Seeder.seed", point="seed reads", lanes=(POSTGRES, INSTANCE, VALKEY))
def seed_is_made(rules: Rules, state: State, i: int) -> Iterator[Any]:
    """The seed fills the Valkey that was announced, grants heartbeats, and the instance relies on it."""
    one = state.instances[i]
    if one.moves is not Moves.WAITED:
        return
    for m, row in enumerate(state.rows):
        graced = rules.keeps("a seed that ends an outage grants heartbeats")
        beat = 0 if graced or state.stores[one.store][m].beat == NOBODY else state.stores[one.store][m].beat
        state = keeping(state, one.store, m, **row._asdict(), beat=beat if row.online else NOBODY)
    none = (False,) * len(state.rows)
    yield having(state, i, warm=True, moves=Moves.NOT, debts=none, entry=one.entry._replace(block=NOBODY))
