"""A change and its way into Valkey."""

from collections.abc import Iterator

from rig.model.language import Kind, Rules, action, put
from rig.model.specs.lanes import TO_POSTGRES, TO_VALKEY
from rig.model.specs.stores.locks import owing, row_is_held, told, usable
from rig.model.specs.stores.scripts import applied, fenced_off
from rig.model.specs.stores.state import Owed, World, Write, at
from rig.model.specs.sweep.rules import APPLY, CHANGING


@action("instance", "mitra", kind=Kind.CLIENT, code=CHANGING, lanes=TO_POSTGRES, point="change commits")
def change_commits(rules: Rules, world: World, instance: int, mitra: int) -> Iterator[tuple[str, World]]:
    """A change of the mitra commits. Its row lock is held within this step only: others wait meanwhile."""
    if not world.changes or world.write[instance] or row_is_held(world, mitra):
        return
    version = world.version[mitra] + 1
    kinds = {"goes offline": False, "gets a chat": True} if world.online[mitra] else {"goes online": True}
    for detail, online in kinds.items():
        after = at(world._replace(changes=world.changes - 1), mitra, online=online, version=version)
        write = Write(mitra, online, version, detail == "goes online", False)
        yield detail, at(told(rules, after, mitra), instance, write=write)


@action("instance", code=APPLY, lanes=TO_VALKEY, point="change applies")
def change_is_applied(rules: Rules, world: World, instance: int) -> Iterator[World]:
    """One script carries the row to Valkey."""
    write = world.write[instance]
    if not write or not usable(rules, world, instance):
        return
    after = at(applied(rules, world, instance, write), instance, write=())
    if write.retry:
        debts = world.debts[instance]
        lost = debts[write.mitra] == Owed.HEARTBEAT and fenced_off(rules, world, write)
        if rules.holds("a debt is cleared only if its counter did not move", not write.moved) and rules.holds(
            "a retry that was fenced off does not pay a heartbeat", not lost
        ):
            after = at(after, instance, debts=put(debts, write.mitra, Owed.NOTHING))
    yield after


@action("instance", code=APPLY, lanes=TO_VALKEY)
def change_is_owed(rules: Rules, world: World, instance: int) -> Iterator[World]:
    """The script fails: the row is owed."""
    write = world.write[instance]
    if write and not usable(rules, world, instance):
        after = at(world, instance, write=(), warm=False)
        yield owing(after, instance, write.mitra, Owed.HEARTBEAT if write.beat else Owed.ROW)


@action("instance", "mitra", code="server/mirror/writes.py:Writes.retry_dirty", lanes=TO_POSTGRES, point="debt reads")
def debt_is_read(rules: Rules, world: World, instance: int, mitra: int) -> Iterator[World]:
    """The watchdog reads the row of a debt anew."""
    owed = world.debts[instance][mitra]
    if owed and not world.write[instance] and usable(rules, world, instance):
        write = Write(mitra, world.online[mitra], world.version[mitra], owed == Owed.HEARTBEAT, True)
        yield at(world, instance, write=write)


@action("instance", "mitra", code="server/mirror/watchdog.py:Watchdog._heard", lanes=TO_VALKEY)
def notification_is_looked_up(rules: Rules, world: World, instance: int, mitra: int) -> Iterator[World]:
    """Half a second after a notification the instance compares the version in Valkey, and takes on the debt."""
    if not world.news[mitra] or world.debts[instance][mitra] or not usable(rules, world, instance):
        return
    if any(write and write.mitra == mitra for write in world.write):
        return  # a script takes less than half a second, or it is given up
    if world.known[mitra] < world.version[mitra]:
        yield owing(world, instance, mitra, Owed.ROW)
    else:
        yield at(world, mitra, news=False)


CHANGES = (change_commits, change_is_applied, change_is_owed, debt_is_read, notification_is_looked_up)
