"""The seed."""

from collections.abc import Iterator

from rig.model.language import Kind, Lane, Rules, action
from rig.model.specs.stores.locks import sweep_is_open
from rig.model.specs.stores.rules import ALONE, OWN_NONCE
from rig.model.specs.stores.state import NOBODY, Beat, Pass, Seed, World, at

_SEED = "server/mirror/seed.py:Seeder.seed"


def nonce(world: World, instance: int) -> World:
    """The world with the nonce of another seed, or none, in mirror:seed: nothing is noted or carried for it yet."""
    return world._replace(seeding=instance, notes=frozenset(), carried=(0,) * len(world.carried))


def _seed_may_begin(rules: Rules, world: World, instance: int) -> bool:
    if not world.connected[instance] or world.seed[instance]:
        return False
    return rules.holds(ALONE, not any(one and one.locked for one in world.seed))


@action(
    "instance", code="server/mirror/watchdog.py:Watchdog._look", lanes=(Lane.INSTANCE, Lane.VALKEY), point="seed begins"
)
def seed_begins(rules: Rules, world: World, instance: int) -> Iterator[World]:
    """A cold instance, or one whose watchdog finds no valid epoch, writes the nonce of its seed into mirror:seed."""
    if not (world.warm[instance] and world.epoch) and _seed_may_begin(rules, world, instance):
        world = at(world, instance, warm=False, seed=Seed(Pass.BEGUN, True))
        yield nonce(world, instance)


@action(
    "instance",
    code="server/mirror/watchdog.py:Watchdog.reseed",
    lanes=(Lane.INSTANCE, Lane.VALKEY),
    point="seed begins",
)
def reconcile_begins(rules: Rules, world: World, instance: int) -> Iterator[World]:
    """The periodic seed writes its nonce into mirror:seed."""
    if world.reconciles and _seed_may_begin(rules, world, instance):
        outage = not (world.warm[instance] and world.epoch)
        grace = outage and rules.keeps("a periodic seed that ends an outage gives grace")
        world = at(world, instance, seed=Seed(Pass.BEGUN, grace))
        yield nonce(world._replace(reconciles=world.reconciles - 1), instance)


@action("instance", code=_SEED, lanes=(Lane.INSTANCE, Lane.POSTGRES), point="seed waits")
def seed_passes_the_lock(rules: Rules, world: World, instance: int) -> Iterator[World]:
    """The seed takes the lock SWEEP shared and gives it back: no sweep's transaction is open now."""
    seed = world.seed[instance]
    if not seed or seed.at != Pass.BEGUN:
        return
    if rules.holds("the seed waits for open sweeps", not sweep_is_open(rules, world)):
        yield at(world, instance, seed=seed._replace(at=Pass.WAITED))


@action("instance", code=_SEED, lanes=(Lane.INSTANCE, Lane.POSTGRES), point="seed reads")
def seed_reads(rules: Rules, world: World, instance: int) -> Iterator[World]:
    """The seed reads all rows in one statement."""
    seed = world.seed[instance]
    if seed and seed.at == Pass.WAITED and seed.locked:  # it reads on the connection that holds the lock SEED
        rows = tuple(zip(world.online, world.version, strict=True))
        yield at(world, instance, seed=seed._replace(at=Pass.READ, rows=rows))


def _own(rules: Rules, world: World, instance: int, stage: Pass) -> Seed | tuple[()]:
    """The seed of this instance, if its next script runs now."""
    seed = world.seed[instance]
    if not seed or seed.at != stage or not world.connected[instance]:
        return ()
    if not rules.holds(OWN_NONCE, world.seeding == instance):
        return ()
    return seed


@action("instance", code="server/mirror/seed.py:Seeder._swap", lanes=(Lane.INSTANCE, Lane.VALKEY), point="seed steps")
def seed_steps(rules: Rules, world: World, instance: int) -> Iterator[World]:
    """The seed writes the heartbeats of the mitras that it read, and their versions beside those in use."""
    if not (seed := _own(rules, world, instance, Pass.READ)):
        return
    for mitra, (online, version) in enumerate(seed.rows):
        if rules.keeps("the versions of a seed are in use after its swap only"):
            world = at(world, mitra, carried=version)
        else:
            world = at(world, mitra, known=version)
        newer = any(one == mitra and noted > version for one, noted in world.notes)
        if not rules.holds("a step leaves alone who has changed since", not newer):
            continue
        if online and (seed.grace or world.beat[mitra] == Beat.NONE):
            world = at(world, mitra, beat=Beat.NEW)
        elif not online and rules.keeps("a step removes the keys of who was read as offline"):
            world = at(world, mitra, beat=Beat.NONE)
    yield at(world, instance, seed=seed._replace(at=Pass.STEPPED))


@action("instance", code="server/mirror/seed.py:Seeder._swap", lanes=(Lane.INSTANCE, Lane.VALKEY), point="seed swaps")
def seed_swaps(rules: Rules, world: World, instance: int) -> Iterator[World]:
    """The seed swaps its sets in and writes the epoch."""
    if not (seed := _own(rules, world, instance, Pass.STEPPED)):
        return
    for mitra, (online, version) in enumerate(seed.rows):
        newer = [noted for one, noted in world.notes if one == mitra and noted > version]
        if newer and rules.keeps("a swap keeps what noted changes say"):
            world = at(world, mitra, known=max(newer))
        else:
            world = at(world, mitra, shown=online, known=version)
        if world.news[mitra] and world.known[mitra] >= world.version[mitra]:
            world = at(world, mitra, news=False)  # whoever looks from now on finds the version
    world = at(world, instance, seed=seed._replace(at=Pass.SWAPPED, rows=()))
    yield nonce(world, instance)._replace(epoch=True)


@action(
    "instance",
    code="server/mirror/seed.py:Seeder._clear_strays",
    lanes=(Lane.INSTANCE, Lane.VALKEY),
    point="seed clears",
)
def seed_clears_strays(rules: Rules, world: World, instance: int) -> Iterator[World]:
    """The seed removes heartbeats of those who are not online, and frees mirror:seed."""
    if not (seed := _own(rules, world, instance, Pass.SWAPPED)):
        return
    for mitra, beat in enumerate(world.beat):
        if not world.shown[mitra] and beat and rules.keeps("strays are removed"):
            world = at(world, mitra, beat=Beat.NONE)
    ends = rules.holds("a seed without grace ends no outage", seed.grace or world.warm[instance])
    yield nonce(at(world, instance, seed=(), warm=ends), NOBODY)


@action("instance", code=_SEED)
def seed_fails(rules: Rules, world: World, instance: int) -> Iterator[World]:
    """The seed learns that it has lost Valkey or its nonce, and breaks off."""
    if not (seed := world.seed[instance]):
        return
    unread = seed.at <= Pass.WAITED and not seed.locked  # it would read on the connection that it has lost
    if not world.connected[instance] or world.seeding != instance or unread:
        ended = at(world, instance, seed=())
        if seed.at == Pass.SWAPPED and world.connected[instance]:  # its work is done, or the mirror was lost since
            ended = at(ended, instance, warm=world.epoch and (seed.grace or world.warm[instance]))
        yield ended


@action("instance", kind=Kind.FAULT, code=_SEED)
def seed_is_given_up(rules: Rules, world: World, instance: int) -> Iterator[World]:
    """A seed takes too long and is given up; its nonce stays in Valkey."""
    if world.faults and world.seed[instance]:
        yield at(world, instance, seed=())._replace(faults=world.faults - 1)


SEED = (
    seed_begins, reconcile_begins, seed_passes_the_lock, seed_reads, seed_steps, seed_swaps, seed_clears_strays,
    seed_fails, seed_is_given_up,
)  # fmt: skip
