"""The state of both stores and of the instances, and where it begins."""

from enum import IntEnum
from typing import Any, NamedTuple

from rig.model.language import Rules, put

NOBODY = -1
NO_LOAD = -1


class Stage(IntEnum):
    """How far a seed has come."""

    LOCKED = 0
    BEGUN = 1
    READ = 2
    SWAPPED = 3


class Beat(IntEnum):
    """The heartbeat key of a mitra in Valkey."""

    NONE = 0
    OLD = 1
    FRESH = 2


class Row(NamedTuple):
    """A mitra in Postgres."""

    online: bool
    load: int
    version: int


class Kept(NamedTuple):
    """A mitra in Valkey."""

    online: bool
    load: int  # of her capacity key, NO_LOAD for none
    version: int
    beat: Beat


class Seed(NamedTuple):
    """A seed under way."""

    stage: Stage
    graced: bool
    own: bool  # `mirror:seed` holds its nonce
    read: tuple[Row, ...]
    done: tuple[bool, ...]  # per mitra: her step, or her page of strays, has been taken


class Job(NamedTuple):
    """An apply script that an instance is about to send."""

    mitra: int
    row: Row


class Late(NamedTuple):
    """A script whose reply was lost, and which Valkey may still run. Of a seed it is the one that `seed` comes to next."""

    mitra: int  # NOBODY where the script is not about one mitra
    row: Row | tuple[()]
    seed: Seed | tuple[()]


class Instance(NamedTuple):
    """One instance of the server."""

    alive: bool
    cold: bool
    seed: Seed | tuple[()]
    job: Job | tuple[()]
    debts: tuple[bool, ...]


class Hand(IntEnum):
    """Ghost: whether a change without a version is known to a seed."""

    NONE = 0
    UNSEEN = 1
    READ = 2  # by a seed that has not ended yet


class State(NamedTuple):
    """Both stores and the instances."""

    rows: tuple[Row, ...]
    kept: tuple[Kept, ...]
    epoch: bool  # it is valid
    noting: bool  # `mirror:seed` stands there
    noted: tuple[int, ...]  # per mitra: the version noted for that seed
    built: tuple[int, ...]  # per mitra: the version in that seed's new versions, 0 for none yet
    lock: int  # which instance holds the lock SEED
    by_hand: tuple[Hand, ...]  # ghost
    late: frozenset[Late]
    instances: tuple[Instance, ...]
    changes: int
    hands: int
    reconciles: int
    faults: int


def initial(rules: Rules) -> State:
    """All is mirrored; the first mitra is online, any other one too."""
    mitras, instances = len(rules.range("mitra")), len(rules.range("instance"))
    one = Instance(True, False, (), (), (False,) * mitras)
    count = rules.bounds
    return State(
        (Row(True, 0, 1),) * mitras, (Kept(True, 0, 1, Beat.FRESH),) * mitras, True, False, (0,) * mitras, (0,) * mitras, NOBODY,
        (Hand.NONE,) * mitras, frozenset(), (one,) * instances,
        count["changes"], count["hands"], count["reconciles"], count["faults"],
    )  # fmt: skip


def having(state: State, i: int, **fields: Any) -> State:
    """The state with other fields in one instance."""
    return state._replace(instances=put(state.instances, i, state.instances[i]._replace(**fields)))


def relabel(state: State, instances: tuple[int, ...], mitras: tuple[int, ...]) -> State:
    """The same state with instances and mitras in another order."""
    new = {NOBODY: NOBODY} | {old: place for place, old in enumerate(mitras)}

    def of_mitras(values: tuple[Any, ...]) -> tuple[Any, ...]:
        return tuple(values[m] for m in mitras)

    def of_seed(seed: Any) -> Any:
        return seed and seed._replace(read=seed.read and of_mitras(seed.read), done=of_mitras(seed.done))

    def of_instance(one: Instance) -> Instance:
        job = one.job and one.job._replace(mitra=new[one.job.mitra])
        return one._replace(seed=of_seed(one.seed), job=job, debts=of_mitras(one.debts))

    return state._replace(
        rows=of_mitras(state.rows), kept=of_mitras(state.kept), noted=of_mitras(state.noted), built=of_mitras(state.built),
        by_hand=of_mitras(state.by_hand), lock=instances.index(state.lock) if state.lock != NOBODY else NOBODY,
        late=frozenset(one._replace(mitra=new[one.mitra], seed=of_seed(one.seed)) for one in state.late),
        instances=tuple(of_instance(state.instances[i]) for i in instances),
    )  # fmt: skip
