"""What breaks, what heals, and scripts that land late."""

from collections.abc import Iterator
from typing import Any

from rig.model.language import Kind, Rules, action, put
from rig.model.specs.lanes import INSTANCE, POSTGRES, VALKEY
from rig.model.specs.seed.scripts import (
    apply_script,
    begin_script,
    nonce_is_gone,
    step_script,
    strays_script,
    swap_script,
)
from rig.model.specs.seed.seeding import given_up
from rig.model.specs.seed.state import NO_LOAD, NOBODY, Beat, Instance, Kept, Late, Stage, State, having


@action("instance", kind=Kind.FAULT, lanes=(VALKEY, INSTANCE))
def reply_is_lost(rules: Rules, state: State, i: int) -> Iterator[Any]:
    """The reply of a script is lost: its sender gives up, and Valkey may run it later."""
    one, seed = state.instances[i], state.instances[i].seed
    if not state.faults:
        return
    fewer = state._replace(faults=state.faults - 1)
    if one.job and state.epoch and not one.cold:
        late = fewer._replace(late=state.late | {Late(one.job.mitra, one.job.row, ())})
        yield "apply", having(late, i, job=(), debts=put(one.debts, one.job.mitra, True))
    if not seed or seed.stage is Stage.BEGUN:
        return
    quits = given_up(fewer, i)
    if seed.stage is Stage.LOCKED:
        yield "begin", quits._replace(late=state.late | {Late(NOBODY, (), seed)})
    elif all(seed.done):
        yield "swap or end", quits._replace(late=state.late | {Late(NOBODY, (), seed)})
    else:
        for m, is_done in enumerate(seed.done):
            if not is_done:
                yield f"of mitra {m}", quits._replace(late=state.late | {Late(m, (), seed)})


@action(kind=Kind.TIME, lanes=(VALKEY,))
def script_lands_late(rules: Rules, state: State) -> Iterator[Any]:
    """Valkey runs a script whose reply was lost."""
    for late in state.late:
        left = state._replace(late=state.late - {late})
        if late.row:
            landed = rules.holds("a script checks the epoch first", state.epoch)
            yield "apply", apply_script(rules, left, late.mitra, late.row) if landed else left
            continue
        seed = late.seed
        assert seed, "a script is that of a change or that of a seed"
        if seed.stage is Stage.LOCKED:
            yield "begin", begin_script(rules, left)
        elif late.mitra != NOBODY:
            what = step_script if seed.stage is Stage.READ else strays_script
            yield f"of mitra {late.mitra}", what(rules, left, seed, late.mitra)
        elif seed.stage is Stage.READ:
            yield "swap", swap_script(rules, left, seed)
        else:
            yield "end", left._replace(noting=state.noting and not seed.own)


@action("instance", kind=Kind.FAULT, lanes=(INSTANCE, POSTGRES))
def lock_is_lost(rules: Rules, state: State, i: int) -> Iterator[Any]:
    """The connection that holds the lock SEED ends; the seed does not know and goes on."""
    if state.faults and state.lock == i:
        yield state._replace(faults=state.faults - 1, lock=NOBODY)


@action("instance", kind=Kind.FAULT, lanes=(INSTANCE,))
def instance_is_killed(rules: Rules, state: State, i: int) -> Iterator[Any]:
    """The process is killed; the others owe what it had committed, where they find that Valkey has not got the version."""
    one = state.instances[i]
    if not state.faults or not one.alive:
        return
    dead = given_up(state, i)
    owed = one.debts if not one.job else put(one.debts, one.job.mitra, True)
    pairs = zip(state.rows, state.kept, strict=True)
    missing = tuple(was and row.version > known.version for was, (row, known) in zip(owed, pairs, strict=True))
    for other, instance in enumerate(state.instances):
        if other != i and instance.alive:
            debts = tuple(a or b for a, b in zip(instance.debts, missing, strict=True))
            dead = having(dead, other, debts=debts)
    none = Instance(False, True, (), (), (False,) * len(owed))
    yield dead._replace(faults=state.faults - 1, instances=put(dead.instances, i, none))


@action("instance", kind=Kind.HEAL, lanes=(INSTANCE,))
def instance_starts(rules: Rules, state: State, i: int) -> Iterator[Any]:
    """A killed instance starts again; it is cold until its seed is done."""
    if not state.instances[i].alive:
        yield having(state, i, alive=True)


@action(kind=Kind.FAULT, lanes=(VALKEY,))
def valkey_loses_data(rules: Rules, state: State) -> Iterator[Any]:
    """Valkey is emptied, or restarts from an old snapshot."""
    if not state.faults:
        return
    state = nonce_is_gone(state)._replace(faults=state.faults - 1, epoch=False, noting=False)
    yield "emptied", state._replace(kept=(Kept(False, NO_LOAD, 0, Beat.NONE),) * len(state.rows))
    old = (Kept(True, 0, 1, Beat.OLD),) * len(state.rows)
    for i in range(len(state.instances)):
        state = having(state, i, cold=True)
    yield "old snapshot", state._replace(kept=old, late=frozenset())
