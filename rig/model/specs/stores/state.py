"""The state of `sweep` and `cut_off`, where it begins, and its bounds."""

from enum import IntEnum
from typing import Any, NamedTuple

from rig.model.language import Rules, put

NOBODY = -1  # the promise to a mitra whose last answered ping is older than W
UNCOVERED = -3  # her last promise is a debt of an instance whose block may end before W
IN_VALKEY = -2  # her last promise stands in Valkey as a heartbeat; a number from 0 on: only this instance knows it


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
    changed: dict[str, Any] = {name: put(getattr(world, name), place, value) for name, value in values.items()}
    return world._replace(**changed)


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
