"""The ping, which may meet a mark."""

from collections.abc import Iterator

from rig.model.language import Kind, Lane, Rules, action
from rig.model.specs.lanes import FROM_POSTGRES, TO_POSTGRES, TO_VALKEY
from rig.model.specs.stores.locks import row_is_held, usable
from rig.model.specs.stores.scripts import marked
from rig.model.specs.stores.state import IN_VALKEY, Beat, Ping, Turn, World, at

_PING = "server/mirror/heartbeat.py:Heartbeat.ping"


def may_wait(rules: Rules, world: World) -> bool:
    """Whether one more ping may wait for Postgres, within the bounds."""
    return sum(map(bool, world.ping)) < rules.bounds["waiting"]


@action("instance", "mitra", kind=Kind.CLIENT, code=_PING, lanes=(Lane.MITRA, Lane.INSTANCE, Lane.VALKEY), point="ping")
def mitra_pings(rules: Rules, world: World, instance: int, mitra: int) -> Iterator[tuple[str, World]]:
    """A ping runs its script: it writes the heartbeat, unless it meets a mark."""
    if world.ping[instance] or not usable(rules, world, instance) or not world.shown[mitra]:
        return  # who is not shown as online is answered so, and nothing changes
    if rules.holds("a ping that meets a mark does nothing", not world.mark[mitra]):
        yield "answered online", at(world, mitra, beat=Beat.NEW, promise=IN_VALKEY)
    elif may_wait(rules, world):
        yield "met a mark", at(world, instance, ping=Ping(mitra, Turn.MET, True))


@action("instance", code=_PING, lanes=TO_POSTGRES, point="ping waits")
def ping_locks_row(rules: Rules, world: World, instance: int) -> Iterator[tuple[str, World]]:
    """The ping that met a mark locks her row, so it waits for the sweep's transaction, and reads it."""
    ping = world.ping[instance]
    if not ping or ping.turn != Turn.MET:
        return
    if not rules.holds("a ping that met a mark waits for the row", not row_is_held(world, ping.mitra, shared=False)):
        return
    if world.online[ping.mitra]:
        yield "online", at(world, instance, ping=ping._replace(turn=Turn.HELD))
    else:
        yield "answered offline", at(world, instance, ping=())


@action("instance", code=_PING, lanes=TO_VALKEY, point="ping clears")
def ping_deletes_mark(rules: Rules, world: World, instance: int) -> Iterator[tuple[str, World]]:
    """Under the row's lock a script deletes the mark that the ping met, and writes the heartbeat."""
    ping = world.ping[instance]
    if not ping or ping.turn not in (Turn.HELD, Turn.LOOSE) or not usable(rules, world, instance):
        return
    mark, after = world.mark[ping.mitra], at(world, instance, ping=())
    if not world.shown[ping.mitra]:
        yield "answered offline", after
    elif rules.holds("a ping deletes only the mark that it met", not mark or ping.same):
        after = marked(after, ping.mitra, 0)
        yield "answered online", at(after, ping.mitra, beat=Beat.NEW, promise=IN_VALKEY)
    else:
        yield "met another mark", at(world, instance, ping=Ping(ping.mitra, Turn.MET, True))


@action("instance", code=_PING, lanes=(Lane.INSTANCE, Lane.MITRA))
def ping_gives_up(rules: Rules, world: World, instance: int) -> Iterator[World]:
    """A ping that waited too long for Postgres, or lost a store, is answered 503."""
    if world.ping[instance]:
        yield at(world, instance, ping=())


@action("instance", kind=Kind.TIME, lanes=FROM_POSTGRES)
def postgres_ends_ping(rules: Rules, world: World, instance: int) -> Iterator[World]:
    """Postgres ends the idle transaction of a ping that holds the row; the instance does not know yet."""
    ping = world.ping[instance]
    if world.timeouts and ping and ping.turn == Turn.HELD:
        world = world._replace(timeouts=world.timeouts - 1)
        yield at(world, instance, ping=ping._replace(turn=Turn.LOOSE))


PINGS = (mitra_pings, ping_locks_row, ping_deletes_mark, ping_gives_up, postgres_ends_ping)
