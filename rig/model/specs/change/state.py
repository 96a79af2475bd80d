"""The state of both stores and of the instances, where it begins, and its bounds."""

from enum import IntEnum
from typing import Any, NamedTuple

from rig.model.language import Rules, put


class What(IntEnum):
    """What a change does. An acceptance changes the load alone, so here it changes the version alone."""

    ONLINE = 0
    OFFLINE = 1
    DEACTIVATION = 2
    ACCEPTANCE = 3


class Stage(IntEnum):
    """How far a change has come."""

    LOCKED = 0
    DRAWN = 1
    COMMITTED = 2


class Beat(IntEnum):
    """The heartbeat key of a mitra in Valkey."""

    NONE = 0
    STALE = 1
    FRESH = 2


class Debt(IntEnum):
    """What an instance owes to Valkey for a mitra."""

    NONE = 0
    ROW = 1
    HEARTBEAT = 2  # her row, and a heartbeat


class Row(NamedTuple):
    """A mitra in Postgres."""

    online: bool
    active: bool
    version: int
    pinged: bool  # her last toggle to online, in `last_heartbeat_at`, is younger than W


class Kept(NamedTuple):
    """A mitra in Valkey."""

    online: bool
    active: bool
    version: int
    beat: Beat


class Change(NamedTuple):
    """A change under way at an instance."""

    mitra: int
    what: What
    stage: Stage
    row: Row  # as its last statement returned it


class Retry(NamedTuple):
    """A debt that is being paid."""

    mitra: int
    row: Row
    debt: Debt
    moved: bool  # its counter has moved since it was read


class Script(NamedTuple):
    """An apply script whose reply was lost, and which Valkey may still run."""

    mitra: int
    row: Row
    beat: bool
    run: int
    history: int


class Instance(NamedTuple):
    """One instance of the server."""

    alive: bool
    linked: bool  # it reaches Valkey
    warm: bool
    history: int  # the identity of Postgres that it knows
    hears: bool  # its connection for notifications is alive
    compares: bool  # all versions are still to be compared
    change: Change | tuple[()]
    retry: Retry | tuple[()]
    debts: tuple[Debt, ...]  # per mitra
    heard: tuple[int, ...]  # per mitra: the version of which a notification told, 0 for none


class State(NamedTuple):
    """Both stores, the instances, and what is under way between them."""

    rows: tuple[Row, ...]
    drawn: int  # the sequence's last value
    history: int  # the identity of Postgres' history
    kept: tuple[Kept, ...]
    run: int  # Valkey's run id
    epoch: tuple[int, ...]  # run id and history, () for none
    owner: int  # whose versions Valkey has
    late_commits: frozenset[Change]
    late_scripts: frozenset[Script]
    promised: tuple[bool, ...]  # ghost: told "online" within W
    instances: tuple[Instance, ...]
    toggles: int
    deactivations: int
    accepts: int
    pings: int
    ages: int
    faults: int


def initial(rules: Rules) -> State:
    """All is mirrored: every mitra online, with a heartbeat that is older than W."""
    mitras = rules.range("mitra")
    one = Instance(True, True, True, 0, True, False, (), (), (Debt.NONE,) * len(mitras), (0,) * len(mitras))
    count = rules.bounds
    return State(
        (Row(True, True, 1, False),) * len(mitras), 1, 0, (Kept(True, True, 1, Beat.STALE),) * len(mitras), 0, (0, 0), 0,
        frozenset(), frozenset(), (False,) * len(mitras), (one,) * len(rules.range("instance")),
        count["toggles"], count["deactivations"], count["accepts"], count["pings"], count["ages"], count["faults"],
    )  # fmt: skip


def having(state: State, i: int, **fields: Any) -> State:
    """The state with other fields in one instance."""
    return state._replace(instances=put(state.instances, i, state.instances[i]._replace(**fields)))


def relabel(state: State, instances: tuple[int, ...], mitras: tuple[int, ...]) -> State:
    """The same state with instances and mitras in another order."""
    new = {old: place for place, old in enumerate(mitras)}

    def of_mitras(values: tuple[Any, ...]) -> tuple[Any, ...]:
        return tuple(values[m] for m in mitras)

    def named(value: Any) -> Any:
        return value and value._replace(mitra=new[value.mitra])

    def of_instance(one: Instance) -> Instance:
        debts, heard = of_mitras(one.debts), of_mitras(one.heard)
        return one._replace(change=named(one.change), retry=named(one.retry), debts=debts, heard=heard)

    return state._replace(
        rows=of_mitras(state.rows), kept=of_mitras(state.kept), promised=of_mitras(state.promised),
        late_commits=frozenset(map(named, state.late_commits)), late_scripts=frozenset(map(named, state.late_scripts)),
        instances=tuple(of_instance(state.instances[i]) for i in instances),
    )  # fmt: skip


def bounds(**counts: int) -> dict[str, int]:
    """Bounds of two instances and, unless told otherwise, one mitra and none of all else."""
    none = {"toggles": 0, "accepts": 0, "deactivations": 0, "pings": 0, "ages": 0, "faults": 0}
    return {"instances": 2, "mitras": 1, **none, **counts}
