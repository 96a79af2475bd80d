"""Scripts of Valkey, and what becomes of marks."""

from rig.model.language import Rules
from rig.model.specs.stores.state import IN_VALKEY, NOBODY, Beat, World, Write, at


def fenced_off(rules: Rules, world: World, write: Write) -> bool:
    """Whether a newer version is in use, or has been carried by the seed under way."""
    carried = world.carried[write.mitra] if rules.keeps("what a seed has carried counts before its swap, too") else 0
    return max(world.known[write.mitra], carried) > write.version


def applied(rules: Rules, world: World, instance: int, write: Write) -> World:
    """The script *apply*. A heartbeat that `instance` owed makes its promise known to Valkey."""
    mitra = write.mitra
    if not rules.holds("an older version is refused", not fenced_off(rules, world, write)):
        return world
    beat, promise = Beat.NONE, world.promise[mitra]
    if write.online:
        fresh = write.beat or not world.shown[mitra] or world.beat[mitra] == Beat.NONE
        beat = Beat.NEW if fresh else world.beat[mitra]
        promise = IN_VALKEY if write.beat and not write.moved and promise == instance else promise
    mark = world.mark[mitra]
    if mark and rules.holds("only a newer change deletes a mark", write.version > mark):
        world = marked(world, mitra, 0)
    if world.seeding != NOBODY and rules.keeps("a change is noted for the seed"):
        world = world._replace(notes=world.notes | {(mitra, write.version)})
    news = world.news[mitra] and write.version < world.version[mitra]  # else whoever looks from now on finds it
    return at(world, mitra, shown=write.online, known=write.version, beat=beat, promise=promise, news=news)


def marked(world: World, mitra: int, mark: int) -> World:
    """The world with a new mark, or none: it is not the one that a waiting ping has met."""
    for place, one in enumerate(world.ping):
        if one and one.mitra == mitra and one.same:
            world = at(world, place, ping=one._replace(same=False))
    return at(world, mitra, mark=mark)


def emptied(world: World, *, snapshot: bool) -> World:
    """Valkey with no key, or with what it held at the beginning."""
    many = len(world.online)
    for mitra in range(many):
        world = marked(world, mitra, 0)
    beat = Beat.OLD if snapshot else Beat.NONE
    return world._replace(
        shown=(snapshot,) * many, known=(int(snapshot),) * many, beat=(beat,) * many, epoch=False, seeding=NOBODY,
        notes=frozenset(), carried=(0,) * many,
    )  # fmt: skip
