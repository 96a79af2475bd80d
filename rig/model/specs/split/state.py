"""The state of Postgres, of two Valkeys and of the instances, where it begins, and who holds a lock."""

from enum import IntEnum
from typing import Any, NamedTuple

from rig.model.language import Rules, put

W, LEASE = 2, 1
NOBODY = -1


class Moves(IntEnum):
    """How far an instance without a seed has come."""

    NOT = 0
    ANNOUNCED = 1
    WAITED = 2


class Stage(IntEnum):
    """How far a sweep has come."""

    SEEN = 0
    LOCKED = 1
    HOLDING = 2
    ALLOWED = 3
    MARKED = 4


class Row(NamedTuple):
    """A mitra in Postgres."""

    online: bool
    active: bool
    version: int


class Kept(NamedTuple):
    """A mitra in one Valkey."""

    online: bool
    active: bool
    version: int
    beat: int  # the age of the heartbeat, NOBODY for none
    mark: int  # the version in the mark `mirror:leaving`, 0 for none


class Entry(NamedTuple):
    """An instance's row in `mirror_instances`."""

    store: int  # NOBODY before the first announcement
    absent: int  # for how long its lock has been gone
    block: int  # the age of its block, NOBODY for none


class Sweep(NamedTuple):
    """A sweep under way."""

    mitra: int
    stage: Stage
    beat: int  # the stale heartbeat that was seen


class Instance(NamedTuple):
    """One instance of the server."""

    alive: bool
    linked: bool  # its connection to Postgres stands, with its lock
    store: int  # the Valkey that it reaches
    warm: bool
    moves: Moves
    sweep: Sweep | tuple[()]
    debts: tuple[bool, ...]
    entry: Entry


class State(NamedTuple):
    """Postgres, two Valkeys, and the instances."""

    rows: tuple[Row, ...]
    stores: tuple[tuple[Kept, ...], ...]
    left: frozenset[Entry]  # rows of instances that are gone
    promised: tuple[int, ...]  # ghost: how long ago a ping was answered online
    instances: tuple[Instance, ...]
    deactivations: int
    moves: int
    sweeps: int
    faults: int


def initial(rules: Rules) -> State:
    """Both instances rely on the first Valkey; the second one is empty; every mitra has been silent for W."""
    mitras = len(rules.range("mitra"))
    one = Instance(True, True, 0, True, Moves.NOT, (), (False,) * mitras, Entry(0, 0, NOBODY))
    full, empty = (Kept(True, True, 1, W, 0),) * mitras, (Kept(False, True, 0, NOBODY, 0),) * mitras
    instances = (one,) * len(rules.range("instance"))
    rows, count = (Row(True, True, 1),) * mitras, rules.bounds
    promised = (W,) * mitras
    return State(
        rows, (full, empty), frozenset(), promised, instances,
        count["deactivations"], count["moves"], count["sweeps"], count["faults"],
    )  # fmt: skip


def having(state: State, i: int, **fields: Any) -> State:
    """The state with other fields in one instance."""
    return state._replace(instances=put(state.instances, i, state.instances[i]._replace(**fields)))


def keeping(state: State, store: int, m: int, **fields: Any) -> State:
    """The state with other fields of one mitra in one Valkey."""
    kept = put(state.stores[store], m, state.stores[store][m]._replace(**fields))
    return state._replace(stores=put(state.stores, store, kept))


def is_locked(state: State, m: int) -> bool:
    """Whether a sweep's transaction holds the lock of a mitra's row."""
    return any(one.sweep and one.sweep.mitra == m and one.sweep.stage >= Stage.LOCKED for one in state.instances)


def is_sweeping(state: State) -> bool:
    """Whether a transaction holds the lock SWEEP."""
    return any(one.sweep and one.sweep.stage >= Stage.HOLDING for one in state.instances)


def relabel(state: State, instances: tuple[int, ...], mitras: tuple[int, ...]) -> State:
    """The same state with instances and mitras in another order."""
    new = {old: place for place, old in enumerate(mitras)}

    def of_mitras(values: tuple[Any, ...]) -> tuple[Any, ...]:
        return tuple(values[m] for m in mitras)

    def of_instance(one: Instance) -> Instance:
        sweep = one.sweep and one.sweep._replace(mitra=new[one.sweep.mitra])
        return one._replace(sweep=sweep, debts=of_mitras(one.debts))

    return state._replace(
        rows=of_mitras(state.rows), stores=tuple(of_mitras(kept) for kept in state.stores),
        promised=of_mitras(state.promised), instances=tuple(of_instance(state.instances[i]) for i in instances),
    )  # fmt: skip
