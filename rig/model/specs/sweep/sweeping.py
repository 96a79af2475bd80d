"""The steps of a sweep."""

from collections.abc import Iterator

from rig.model.language import Kind, Lane, Rules, action
from rig.model.specs.lanes import FROM_POSTGRES, TO_POSTGRES, TO_VALKEY
from rig.model.specs.stores.locks import row_is_held, sweep_is_open, told, usable
from rig.model.specs.stores.scripts import marked
from rig.model.specs.stores.state import Beat, Stage, Sweep, World, Write, at
from rig.model.specs.sweep.rules import ONE_OFFLINE, ONE_SWEEP, OWED_HERE


def sweep_at(world: World, instance: int, stage: Stage) -> Sweep | tuple[()]:
    """The sweep of this instance, if it stands there and its transaction has not been ended."""
    sweep = world.sweep[instance]
    return sweep if sweep and sweep.stage == stage and not sweep.ended else ()


@action("instance", "mitra", code="server/mirror/sweeps.py:Sweeps._stale", lanes=TO_VALKEY, point="sweep looks")
def sweep_sees_silence(rules: Rules, world: World, instance: int, mitra: int) -> Iterator[World]:
    """A sweep sees in Valkey that the mitra is stale."""
    beat = world.beat[mitra]
    if world.sweep[instance] or not world.shown[mitra] or beat == Beat.NEW or not usable(rules, world, instance):
        return
    if sum(map(bool, world.sweep)) >= rules.bounds["sweeps"]:
        return
    if rules.holds(OWED_HERE, not world.debts[instance][mitra]):
        yield at(world, instance, sweep=Sweep(mitra, beat))


@action("instance", code=ONE_OFFLINE, lanes=TO_POSTGRES, point="change locks")
def sweep_locks_row(rules: Rules, world: World, instance: int) -> Iterator[World]:
    """The sweep's transaction begins and locks her row."""
    sweep = sweep_at(world, instance, Stage.CHOSEN)
    if sweep and rules.holds("the sweep waits for the row", not row_is_held(world, sweep.mitra)):
        yield at(world, instance, sweep=sweep._replace(stage=Stage.ROW))


@action("instance", code=ONE_OFFLINE, lanes=TO_POSTGRES, point="sweep takes the lock")
def sweep_takes_lock(rules: Rules, world: World, instance: int) -> Iterator[tuple[str, World]]:
    """The transaction takes the lock SWEEP, exclusive, without waiting."""
    if not (sweep := sweep_at(world, instance, Stage.ROW)):
        return
    if rules.holds(ONE_SWEEP, not sweep_is_open(rules, world)):
        yield "taken", at(world, instance, sweep=sweep._replace(stage=Stage.LOCK))
    else:
        yield "refused: no sweep now", at(world, instance, sweep=())


@action("instance", code=ONE_OFFLINE, lanes=TO_POSTGRES, point="sweep reads instances")
def sweep_reads_instances(rules: Rules, world: World, instance: int) -> Iterator[tuple[str, World]]:
    """In a later statement the transaction reads mirror_instances and the row's version."""
    if not (sweep := sweep_at(world, instance, Stage.LOCK)):
        return
    blocked = any(world.block) or any(world.left)
    if rules.holds("a block stops the sweep", not blocked):
        version = world.version[sweep.mitra]
        yield "no block", at(world, instance, sweep=sweep._replace(stage=Stage.CHECKED, version=version))
    else:
        yield "blocked: no sweep now", at(world, instance, sweep=())


def looked(rules: Rules, world: World, write: Write, seen: Beat) -> World | tuple[()]:
    """The script *second look*: with a new mark in place of any that stands, or nothing if it spares her."""
    mitra, version = write.mitra, write.version
    if not rules.holds("the second look sees the same heartbeat", world.beat[mitra] == seen):
        return ()
    if not rules.holds("the second look demands the locked row's version", world.known[mitra] == version):
        return ()
    return marked(world, mitra, version)


@action("instance", code=ONE_OFFLINE, lanes=TO_VALKEY, point="sweep marks")
def sweep_takes_second_look(rules: Rules, world: World, instance: int) -> Iterator[tuple[str, World]]:
    """One script looks at her heartbeat and version again, and writes the mark."""
    sweep = world.sweep[instance]
    if not sweep or sweep.stage != Stage.CHECKED:
        return
    none = at(world, instance, sweep=())
    if not usable(rules, world, instance):
        yield "failed: no sweep now", at(none, instance, warm=False)
        return
    look = Write(sweep.mitra, True, sweep.version, False, False)
    if after := looked(rules, world, look, sweep.seen):
        yield "marked", at(after, instance, sweep=sweep._replace(stage=Stage.MARKED))
    else:
        yield "spared", none


def rolled_back(rules: Rules, world: World, instance: int, sweep: Sweep) -> World:
    """Valkey after a sweep has learned of its rollback."""
    if sweep.stage != Stage.MARKED or not world.mark[sweep.mitra] or not usable(rules, world, instance):
        return world
    return world if rules.keeps("a sweep never deletes a mark itself") else marked(world, sweep.mitra, 0)


@action("instance", code=ONE_OFFLINE, lanes=(Lane.POSTGRES, Lane.INSTANCE))
def sweep_learns_of_rollback(rules: Rules, world: World, instance: int) -> Iterator[World]:
    """The sweep's next statement fails, as Postgres has ended its transaction; its mark stays."""
    sweep = world.sweep[instance]
    if sweep and sweep.ended:
        yield at(rolled_back(rules, world, instance, sweep), instance, sweep=())


def taken_offline(rules: Rules, world: World, mitra: int) -> World:
    """Postgres after the COMMIT of a sweep."""
    return told(rules, at(world, mitra, online=False, version=world.version[mitra] + 1), mitra)


@action("instance", code=ONE_OFFLINE, lanes=TO_POSTGRES, point="sweep updates")
def sweep_commits(rules: Rules, world: World, instance: int) -> Iterator[World]:
    """The sweep's transaction takes the mitra offline and commits."""
    sweep = sweep_at(world, instance, Stage.MARKED)
    if sweep and not world.write[instance]:
        after = taken_offline(rules, world, sweep.mitra)
        write = Write(sweep.mitra, False, after.version[sweep.mitra], False, False)
        yield at(after, instance, sweep=(), write=write)


@action("instance", kind=Kind.TIME, lanes=FROM_POSTGRES)
def postgres_ends_sweep(rules: Rules, world: World, instance: int) -> Iterator[World]:
    """Postgres ends the sweep's transaction, by a timeout; the instance does not know yet."""
    sweep = world.sweep[instance]
    if world.timeouts and sweep and sweep.stage >= Stage.ROW and not sweep.ended:
        world = world._replace(timeouts=world.timeouts - 1)
        knows = sweep.stage < Stage.CHECKED  # its next step is a statement, which fails
        yield at(world, instance, sweep=() if knows else sweep._replace(ended=True))


SWEEPS = (
    sweep_sees_silence, sweep_locks_row, sweep_takes_lock, sweep_reads_instances, sweep_takes_second_look,
    sweep_commits, sweep_learns_of_rollback, postgres_ends_sweep,
)  # fmt: skip
