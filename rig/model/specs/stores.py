"""What `sweep` and `cut_off` share: Postgres, Valkey and the instances as one state, the scripts, the locks, and the seed."""

from collections.abc import Iterator
from enum import IntEnum
from typing import Any, NamedTuple

from rig.model.language import Kind, Lane, Rules, action, put

NOBODY = -1  # the promise to a mitra whose last answered ping is older than W
UNCOVERED = -3  # her last promise is a debt of an instance whose block may end before W
IN_VALKEY = -2  # her last promise stands in Valkey as a heartbeat; a number from 0 on: only this instance knows it

# rules that more than one action asks, or that are explained
ALONE = "one seed at a time in the cluster"
NONCE_DECIDES = (
    "the nonce alone decides which seed counts; the lock keeps two seeds from ending each other again and again"
)
EPOCH = "every script checks the epoch first"
OWN_NONCE = "each script of a seed demands its own nonce"


class Beat(IntEnum):
    """A heartbeat in Valkey: none, older than W, or newer."""

    NONE = 0
    OLD = 1
    NEW = 2


class Owed(IntEnum):
    """What an instance still has to carry to Valkey for a mitra."""

    NOTHING = 0
    ROW = 1
    HEARTBEAT = 2  # her row and the heartbeat of a ping


class Block(IntEnum):
    """`blocks_until` of an instance's row in mirror_instances."""

    NONE = 0
    LOW = 1  # less than W is left
    FULL = 2


class Write(NamedTuple):
    """A row that was read or committed, on its way to Valkey."""

    mitra: int
    online: bool
    version: int
    beat: bool  # brings a heartbeat
    retry: bool
    moved: bool = False  # more was owed for this mitra since a retry read the row


class Stage(IntEnum):
    """How far a sweep of one mitra has come."""

    CHOSEN = 0  # seen as stale in Valkey
    ROW = 1  # the transaction holds the lock of her row
    LOCK = 2  # and the lock SWEEP
    CHECKED = 3  # it has read mirror_instances
    MARKED = 4


class Sweep(NamedTuple):
    """A sweep of one mitra, as its instance sees it."""

    mitra: int
    seen: Beat
    stage: Stage = Stage.CHOSEN
    version: int = 0  # of the row, as the transaction read it
    ended: bool = False  # Postgres has ended its transaction; the instance does not know yet


class Orphan(NamedTuple):
    """A transaction in Postgres whose instance is gone or has given it up."""

    mitra: int
    sweep: bool  # a sweep's, which holds the lock SWEEP as well; or that of a change
    committing: bool  # COMMIT was sent: either outcome is possible. Without it only a rollback is


class Late(NamedTuple):
    """A script whose reply was given up: a write, or a second look that has seen `seen`."""

    write: Write
    seen: Beat | tuple[()] = ()


class Turn(IntEnum):
    """How far a ping has come that needs Postgres."""

    MET = 0  # the script met a mark
    HELD = 1  # it holds the row's lock, and the row is online
    LOOSE = 2  # its transaction has ended; the instance does not know yet
    BLOCKED = 3  # this instance cannot use Valkey, and its row blocks sweeps
    ROW = 4  # the lock SWEEP did not come within 1 s
    READ = 5  # her row was read as online: the answer is about to be given


class Ping(NamedTuple):
    """A ping under way at an instance that needs Postgres for its answer."""

    mitra: int
    turn: Turn
    same: bool = False  # the mark in Valkey is the one that it met
    covered: bool = False  # its instance blocked sweeps for W or more when it came


class Pass(IntEnum):
    """How far a seed has come."""

    BEGUN = 0
    WAITED = 1
    READ = 2
    STEPPED = 3
    SWAPPED = 4


class Seed(NamedTuple):
    """A seed under way at an instance."""

    at: Pass
    grace: bool
    locked: bool = True  # the lock SEED in Postgres is held
    rows: tuple[tuple[bool, int], ...] = ()  # what was read: online and version of each mitra


class World(NamedTuple):
    """Both stores, all instances, what is under way between them, and what the bounds still allow."""

    # of each mitra: her row in Postgres, her keys in Valkey, and (ghost) where the last promise to her is known
    online: tuple[bool, ...]
    version: tuple[int, ...]
    news: tuple[bool, ...]  # a change was notified, and no instance has found it in Valkey yet
    shown: tuple[bool, ...]  # in mitras:online
    known: tuple[int, ...]  # in mirror:versions
    beat: tuple[Beat, ...]
    mark: tuple[int, ...]  # mirror:leaving:<id>: the version of the row that a sweep has locked; 0 for none
    promise: tuple[int, ...]  # ghost: NOBODY, IN_VALKEY, UNCOVERED, or the instance that answered from Postgres
    # of each instance: its process, and its row in mirror_instances
    connected: tuple[bool, ...]  # it reaches Valkey
    warm: tuple[bool, ...]
    debts: tuple[tuple[Owed, ...], ...]  # by mitra
    write: tuple[Write | tuple[()], ...]
    sweep: tuple[Sweep | tuple[()], ...]
    ping: tuple[Ping | tuple[()], ...]
    seed: tuple[Seed | tuple[()], ...]
    block: tuple[Block, ...]
    passed: tuple[bool, ...]  # no sweep is under way that read mirror_instances before the block
    left: tuple[bool, ...]  # the block of a process that was killed is still in force
    # of all
    epoch: bool  # the epoch in Valkey is valid
    seeding: int  # whose nonce stands in mirror:seed
    notes: frozenset[tuple[int, int]]  # changes noted for that seed: mitra and version
    carried: tuple[int, ...]  # versions that this seed has carried and not yet put in use; 0 for none
    late: frozenset[Late]
    orphans: frozenset[Orphan]
    changes: int
    reconciles: int
    timeouts: int
    faults: int


def counts(**given: int) -> dict[str, int]:
    """Bounds: what is not given stands as here."""
    usual = {
        "instances": 2,
        "mitras": 1,
        "faults": 0,
        "losses": 1,  # 0: no process and no connection to Postgres is lost
        "sweeps": 1,  # at once
        "waiting": 0,  # pings at once that met a mark
        "fallbacks": 0,  # pings at once at an instance without Valkey
        "changes": 0,
        "reconciles": 0,
        "timeouts": 0,  # transactions that Postgres ends
        "ages": 0,  # 1: W passes, as often as may be
    }
    assert given.keys() <= usual.keys(), given
    return usual | given


def first(rules: Rules) -> World:
    """All mitras are online and long silent, everything is mirrored, nothing is under way."""
    bounds = rules.bounds
    many, alike = bounds["mitras"], bounds["instances"]
    return World(
        online=(True,) * many, version=(1,) * many, news=(False,) * many, shown=(True,) * many, known=(1,) * many,
        beat=(Beat.OLD,) * many, mark=(0,) * many, promise=(NOBODY,) * many,
        connected=(True,) * alike, warm=(True,) * alike, debts=((Owed.NOTHING,) * many,) * alike,
        write=((),) * alike, sweep=((),) * alike, ping=((),) * alike, seed=((),) * alike,
        block=(Block.NONE,) * alike, passed=(False,) * alike, left=(False,) * alike,
        epoch=True, seeding=NOBODY, notes=frozenset(), carried=(0,) * many, late=frozenset(), orphans=frozenset(),
        changes=bounds["changes"], reconciles=bounds["reconciles"], timeouts=bounds["timeouts"],
        faults=bounds["faults"],
    )  # fmt: skip


def at(world: World, place: int, **values: Any) -> World:
    """The world with other values of one mitra, or of one instance."""
    return world._replace(**{name: put(getattr(world, name), place, value) for name, value in values.items()})


# --- who holds what --------------------------------------------------------------------------------------------


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


# --- scripts of Valkey -----------------------------------------------------------------------------------------


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


# --- the seed --------------------------------------------------------------------------------------------------

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

# --- what breaks and heals in every specification --------------------------------------------------------------


@action("instance", kind=Kind.FAULT, lanes=(Lane.VALKEY, Lane.INSTANCE))
def instance_is_cut_off(rules: Rules, world: World, instance: int) -> Iterator[World]:
    """The instance loses its way to Valkey, and is cold."""
    if world.faults and world.connected[instance]:
        yield at(world, instance, connected=False, warm=False)._replace(faults=world.faults - 1)


@action("instance", kind=Kind.HEAL, lanes=(Lane.VALKEY, Lane.INSTANCE))
def instance_is_back(rules: Rules, world: World, instance: int) -> Iterator[World]:
    """The instance reaches Valkey again."""
    if not world.connected[instance]:
        yield at(world, instance, connected=True)


def relabel(world: World, instances: tuple[int, ...], mitras: tuple[int, ...]) -> World:
    """The same world: new place k holds the old instance `instances[k]` and the old mitra `mitras[k]`."""
    where = {old: new for new, old in enumerate(instances)} | {one: one for one in (NOBODY, IN_VALKEY, UNCOVERED)}
    whom = {old: new for new, old in enumerate(mitras)}

    def renamed(about: Any) -> Any:
        return about and about._replace(mitra=whom[about.mitra])

    def read(seed: Any) -> Any:
        return seed and seed._replace(rows=seed.rows and tuple(seed.rows[old] for old in mitras))

    of_mitras = ("online", "version", "news", "shown", "known", "carried", "beat", "mark")
    of_instances = ("connected", "warm", "block", "passed", "left")
    moved: dict[str, Any] = {name: tuple(getattr(world, name)[old] for old in mitras) for name in of_mitras}
    moved |= {name: tuple(getattr(world, name)[old] for old in instances) for name in of_instances}
    for name in ("write", "sweep", "ping"):
        moved[name] = tuple(renamed(getattr(world, name)[old]) for old in instances)
    return world._replace(
        **moved,
        promise=tuple(where[world.promise[old]] for old in mitras),
        debts=tuple(tuple(world.debts[old][mitra] for mitra in mitras) for old in instances),
        seed=tuple(read(world.seed[old]) for old in instances),
        seeding=where[world.seeding],
        notes=frozenset((whom[mitra], version) for mitra, version in world.notes),
        late=frozenset(one._replace(write=renamed(one.write)) for one in world.late),
        orphans=frozenset(renamed(one) for one in world.orphans),
    )
