"""Who holds what, who owes what, and whether a script runs."""

from rig.model.language import Rules, put
from rig.model.specs.stores.rules import EPOCH
from rig.model.specs.stores.state import Owed, Stage, Turn, World, at


def row_is_held(world: World, mitra: int, *, shared: bool = True) -> bool:
    """Whether a transaction holds her row's lock. `shared`: the lock of a waiting ping counts too."""
    if any(one and one.mitra == mitra and one.stage >= Stage.ROW and not one.ended for one in world.sweep):
        return True
    if shared and any(one and one.mitra == mitra and one.turn == Turn.HELD for one in world.ping):
        return True
    return any(orphan.mitra == mitra for orphan in world.orphans)


def sweep_is_open(rules: Rules, world: World) -> bool:
    """Whether a transaction holds the lock SWEEP."""
    if any(one and one.stage >= Stage.LOCK and not one.ended for one in world.sweep):
        return True
    orphaned = any(orphan.sweep for orphan in world.orphans)
    return orphaned and rules.keeps("the lock SWEEP belongs to the sweep's transaction")


def told(rules: Rules, world: World, mitra: int) -> World:
    """Postgres delivers the notification of a change to every instance."""
    return at(world, mitra, news=True) if rules.keeps("a change is notified by its own transaction") else world


def owing(world: World, instance: int, mitra: int, owed: Owed) -> World:
    """The instance owes Valkey this mitra's row, or a heartbeat too. A retry under way does not pay for that."""
    write = world.write[instance]
    if write and write.retry and write.mitra == mitra:
        world = at(world, instance, write=write._replace(moved=True))
    debts = world.debts[instance]
    return at(world, instance, debts=put(debts, mitra, max(owed, debts[mitra])))


def usable(rules: Rules, world: World, instance: int) -> bool:
    """Whether a script of this instance runs."""
    if not world.connected[instance] or not world.warm[instance]:
        return False
    return rules.holds(EPOCH, world.epoch)
