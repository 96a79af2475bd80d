"""Time, what breaks, and what Postgres does with transactions that nobody waits for any more."""

from collections.abc import Iterator

from rig.model.language import Kind, Lane, Rules, action, put
from rig.model.specs.lanes import TO_POSTGRES, TO_VALKEY
from rig.model.specs.stores.locks import owing, row_is_held, told, usable
from rig.model.specs.stores.scripts import applied, emptied, marked
from rig.model.specs.stores.state import IN_VALKEY, NOBODY, Beat, Block, Late, Orphan, Owed, Stage, World, Write, at
from rig.model.specs.sweep.rules import APPLY, CHANGING, ONE_OFFLINE
from rig.model.specs.sweep.sweeping import looked, sweep_at, taken_offline

# --- time --------------------------------------------------------------------------------------------------------


@action("mitra", kind=Kind.TIME, lanes=(Lane.VALKEY,))
def mark_expires(rules: Rules, world: World, mitra: int) -> Iterator[World]:
    """A mark is 60 s old and expires."""
    if not world.mark[mitra]:
        return
    held = any(orphan.mitra == mitra and orphan.sweep for orphan in world.orphans)
    held = held or any(
        one and one.mitra == mitra and one.stage == Stage.MARKED and not one.ended for one in world.sweep
    )
    if rules.holds("Postgres ends a sweep's transaction before its mark expires", not held):
        yield marked(world, mitra, 0)


@action("mitra", kind=Kind.TIME, lanes=(Lane.MITRA,))
def mitra_falls_silent(rules: Rules, world: World, mitra: int) -> Iterator[World]:
    """W passes since the last promise to the mitra, and since her heartbeat in Valkey."""
    promise, beat = world.promise[mitra], world.beat[mitra]
    if not rules.bounds["ages"] or (promise == NOBODY and beat != Beat.NEW):
        return
    world = at(world, mitra, promise=NOBODY, beat=min(beat, Beat.OLD))
    for instance, write in enumerate(world.write):  # what is owed is an old heartbeat from now on
        if write and write.mitra == mitra and write.beat:
            world = at(world, instance, write=write._replace(beat=False))
        debts = world.debts[instance]
        world = at(world, instance, debts=put(debts, mitra, min(debts[mitra], Owed.ROW)))
    yield world


# --- what breaks, and what Postgres does with transactions that nobody waits for any more ------------------------


@action("instance", kind=Kind.FAULT, code=APPLY, lanes=TO_VALKEY)
def reply_of_change_is_lost(rules: Rules, world: World, instance: int) -> Iterator[World]:
    """The script of a change is given up before its reply: it may run later. The row is owed."""
    write = world.write[instance]
    if world.faults and write and usable(rules, world, instance):
        after = at(world._replace(faults=world.faults - 1), instance, write=())
        after = after._replace(late=after.late | {Late(write)})
        yield owing(after, instance, write.mitra, Owed.HEARTBEAT if write.beat else Owed.ROW)


@action("instance", kind=Kind.FAULT, code=ONE_OFFLINE, lanes=TO_VALKEY)
def reply_of_second_look_is_lost(rules: Rules, world: World, instance: int) -> Iterator[World]:
    """The second look is given up before its reply, and the sweep rolls back: the script may run later."""
    sweep = world.sweep[instance]
    if world.faults and sweep and sweep.stage == Stage.CHECKED and usable(rules, world, instance):
        look = Late(Write(sweep.mitra, True, sweep.version, False, False), sweep.seen)
        after = at(world._replace(faults=world.faults - 1), instance, sweep=())
        yield after._replace(late=after.late | {look})


@action(lanes=(Lane.VALKEY,))
def late_script_lands(rules: Rules, world: World) -> Iterator[tuple[str, World]]:
    """A script whose reply was given up runs now."""
    for late in world.late:
        after = world._replace(late=world.late - {late})
        what = f"{'change of' if late.seen == () else 'second look at'} {late.write.mitra}"
        if not rules.holds("every script checks the epoch first", world.epoch):
            yield f"{what}, refused", after
        elif isinstance(late.seen, tuple):
            yield what, applied(rules, after, IN_VALKEY, late.write)
        else:
            yield what, looked(rules, after, late.write, late.seen) or after


@action("instance", kind=Kind.FAULT, code=ONE_OFFLINE, lanes=TO_POSTGRES)
def reply_of_sweeps_commit_is_lost(rules: Rules, world: World, instance: int) -> Iterator[World]:
    """The sweep sends COMMIT and gives it up: its outcome is unknown, the mark stays."""
    sweep = sweep_at(world, instance, Stage.MARKED)
    if world.faults and sweep:
        after = at(world._replace(faults=world.faults - 1), instance, sweep=())
        if not rules.keeps("an unknown outcome leaves the mark"):
            after = marked(after, sweep.mitra, 0) if usable(rules, after, instance) else after
        after = owing(after, instance, sweep.mitra, Owed.ROW)
        yield after._replace(orphans=after.orphans | {Orphan(sweep.mitra, True, True)})


@action("instance", "mitra", kind=Kind.FAULT, code=CHANGING, lanes=TO_POSTGRES)
def reply_of_changes_commit_is_lost(rules: Rules, world: World, instance: int, mitra: int) -> Iterator[World]:
    """A change sends COMMIT and gives it up: its outcome is unknown."""
    if world.faults and world.changes and not row_is_held(world, mitra):
        after = world._replace(faults=world.faults - 1, changes=world.changes - 1)
        after = owing(after, instance, mitra, Owed.ROW if world.online[mitra] else Owed.HEARTBEAT)
        yield after._replace(orphans=after.orphans | {Orphan(mitra, False, True)})


@action(lanes=(Lane.POSTGRES,))
def given_up_transaction_ends(rules: Rules, world: World) -> Iterator[tuple[str, World]]:
    """Postgres commits a transaction that its instance has given up, or rolls it back."""
    for orphan in world.orphans:
        after = world._replace(orphans=world.orphans - {orphan})
        yield f"mitra {orphan.mitra}: rollback", after
        if orphan.committing and orphan.sweep:
            yield f"mitra {orphan.mitra}: COMMIT of a sweep", taken_offline(rules, after, orphan.mitra)
        elif orphan.committing:
            online, version = not world.online[orphan.mitra], world.version[orphan.mitra] + 1
            after = at(after, orphan.mitra, online=online, version=version)
            yield f"mitra {orphan.mitra}: COMMIT of a change", told(rules, after, orphan.mitra)


@action("instance", kind=Kind.FAULT)
def process_is_killed(rules: Rules, world: World, instance: int) -> Iterator[tuple[str, World]]:
    """The process of an instance is killed, and starts anew."""
    if not world.faults or not rules.bounds["losses"]:
        return
    left = world.left[instance] or (bool(world.block[instance]) and rules.keeps("a block outlives its process"))
    after = at(
        world, instance, warm=False, debts=(Owed.NOTHING,) * len(world.online), write=(), sweep=(), ping=(), seed=(),
        block=Block.NONE, passed=False, left=left,
    )._replace(faults=world.faults - 1)  # fmt: skip
    sweep = world.sweep[instance]
    if not sweep or sweep.ended or sweep.stage == Stage.CHOSEN:
        yield "", after
        return
    locked = sweep.stage >= Stage.LOCK
    yield "its transaction still open", after._replace(orphans=after.orphans | {Orphan(sweep.mitra, locked, False)})
    if sweep.stage == Stage.MARKED:
        yield "its COMMIT under way", after._replace(orphans=after.orphans | {Orphan(sweep.mitra, True, True)})


@action(kind=Kind.FAULT, lanes=(Lane.OPERATOR, Lane.VALKEY))
def valkey_is_flushed(rules: Rules, world: World) -> Iterator[World]:
    """Somebody empties Valkey; no connection is lost."""
    if world.faults:
        yield emptied(world._replace(faults=world.faults - 1), snapshot=False)


@action(kind=Kind.FAULT, lanes=(Lane.VALKEY, Lane.INSTANCE))
def valkey_restarts(rules: Rules, world: World) -> Iterator[tuple[str, World]]:
    """Valkey restarts: connections and scripts under way are lost, every instance is cold."""
    if not world.faults:
        return
    alike = len(world.warm)
    after = world._replace(faults=world.faults - 1, warm=(False,) * alike, seed=((),) * alike, late=frozenset())
    yield "empty", emptied(after, snapshot=False)
    yield "with an old snapshot", emptied(after, snapshot=True)
