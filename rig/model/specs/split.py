"""Specifies what holds while the instances rely on two different Valkeys (section 6 of docs/protocol.md).

Times are whole numbers of ticks: W is two ticks, and an instance that has lost Postgres uses Valkey for one tick at most.
A change is told to every instance by its COMMIT here; `change` specifies how, and `sweep` specifies marks in full.
"""

from collections.abc import Iterator
from enum import IntEnum
from typing import Any, NamedTuple

from rig.model.language import Kind, Lane, Rules, Spec, Step, action, invariant, mutant, put

INSTANCE, VALKEY, POSTGRES, MITRA, OPERATOR = Lane.INSTANCE, Lane.VALKEY, Lane.POSTGRES, Lane.MITRA, Lane.OPERATOR
COORDINATOR, SWEEP = "server/mirror/coordinator.py:InstanceCoordinator.", "server/mirror/sweeps.py:Sweeps._one_offline"
W, LEASE = 2, 1
NOBODY = -1
READS_LATER = "a sweep reads the table after it has its lock"


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


def counts(rules: Rules, entry: Entry, has_lock: bool) -> bool:
    """Whether the store of another instance's row counts still."""
    if has_lock or not rules.keeps("the row of an instance counts for W after its lock was lost"):
        return has_lock
    spare = LEASE if rules.keeps("and for as long as it may have used Valkey without its lock") else 0
    return entry.absent < W + spare


def obstacle(rules: Rules, state: State, i: int) -> bool:
    """Whether the table says that this instance must not sweep."""
    entries = [(one.entry, one.linked) for other, one in enumerate(state.instances) if other != i]
    entries += [(entry, False) for entry in state.left]
    if any(entry.block != NOBODY for entry, _ in entries):
        return True
    others = [(entry, has_lock) for entry, has_lock in entries if entry.store not in (NOBODY, state.instances[i].store)]
    split = any(counts(rules, entry, has_lock) for entry, has_lock in others)
    return split and rules.keeps("a sweep stops while another instance relies on another Valkey")


def told(rules: Rules, state: State, m: int, writer: int) -> State:
    """The state after a COMMIT has told its change."""
    everybody = rules.keeps("every change is told to every instance")
    for i, one in enumerate(state.instances):
        if one.alive and (everybody or i == writer):
            state = having(state, i, debts=put(one.debts, m, True))
    return state


# --- pings and changes ---------------------------------------------------------------------------------------------------


@action(
    "instance",
    "mitra",
    kind=Kind.CLIENT,
    code="server/mirror/heartbeat.py:Heartbeat.ping",
    point="ping",
    lanes=(MITRA, INSTANCE, VALKEY),
)
def ping_is_answered(rules: Rules, state: State, i: int, m: int) -> Iterator[Any]:
    """A ping is answered "online" from the instance's own Valkey; at a mark it waits until the row is free."""
    one = state.instances[i]
    known = state.stores[one.store][m]
    if not (one.alive and one.warm and known.online and known.active) or (known.mark and is_locked(state, m)):
        return
    if known.mark and not state.rows[m].online:
        return  # the row says that she is offline
    if known.beat or known.mark or state.promised[m]:
        yield keeping(state, one.store, m, beat=0, mark=0)._replace(promised=put(state.promised, m, 0))


@action(
    "instance",
    "mitra",
    kind=Kind.CLIENT,
    code="server/mirror/writes.py:Writes.changing",
    point="change locks",
    lanes=(OPERATOR, INSTANCE, POSTGRES),
)
def deactivation_commits(rules: Rules, state: State, i: int, m: int) -> Iterator[Any]:
    """A mitra is deactivated; the COMMIT tells every instance."""
    row = state.rows[m]
    if state.deactivations and row.active and state.instances[i].alive and not is_locked(state, m):
        rows = put(state.rows, m, row._replace(active=False, version=row.version + 1))
        yield told(rules, state._replace(rows=rows, deactivations=state.deactivations - 1), m, i)


@action(
    "instance",
    "mitra",
    code="server/mirror/writes.py:Writes.apply",
    point="change applies",
    lanes=(POSTGRES, INSTANCE, VALKEY),
)
def change_is_applied(rules: Rules, state: State, i: int, m: int) -> Iterator[Any]:
    """The instance carries the row to its own Valkey, which deletes an older mark."""
    one, row = state.instances[i], state.rows[m]
    if not (one.warm and one.debts[m]):
        return
    known = state.stores[one.store][m]
    state = having(state, i, debts=put(one.debts, m, False))
    if row.version >= known.version:
        beat = known.beat if row.online and known.beat != NOBODY else 0 if row.online else NOBODY
        state = keeping(
            state, one.store, m, **row._asdict(), beat=beat, mark=0 if known.mark < row.version else known.mark
        )
    yield state


# --- the sweep -----------------------------------------------------------------------------------------------------------


@action(
    "instance",
    "mitra",
    code="server/mirror/sweeps.py:Sweeps.auto_offline",
    point="sweep looks",
    lanes=(INSTANCE, VALKEY),
)
def sweep_sees_her_stale(rules: Rules, state: State, i: int, m: int) -> Iterator[Any]:
    """A sweep finds a heartbeat in its Valkey that is older than W."""
    one = state.instances[i]
    known = state.stores[one.store][m]
    if not one.warm or one.sweep or not known.online or known.beat < W or not state.sweeps:
        return
    if rules.keeps(READS_LATER) or not obstacle(rules, state, i):
        yield having(state._replace(sweeps=state.sweeps - 1), i, sweep=Sweep(m, Stage.SEEN, known.beat))


@action("instance", code=SWEEP, point="change locks", lanes=(INSTANCE, POSTGRES))
def sweep_locks_the_row(rules: Rules, state: State, i: int) -> Iterator[Any]:
    """The sweep's transaction locks the mitra's row."""
    sweep = state.instances[i].sweep
    if sweep and sweep.stage is Stage.SEEN and not is_locked(state, sweep.mitra):
        yield having(state, i, sweep=sweep._replace(stage=Stage.LOCKED))


@action("instance", code=SWEEP, point="sweep takes the lock", lanes=(INSTANCE, POSTGRES))
def sweep_takes_its_lock(rules: Rules, state: State, i: int) -> Iterator[Any]:
    """The sweep's transaction takes the lock SWEEP without waiting, or gives up."""
    sweep = state.instances[i].sweep
    if sweep and sweep.stage is Stage.LOCKED:
        free = not is_sweeping(state)
        yield "" if free else "taken", having(state, i, sweep=sweep._replace(stage=Stage.HOLDING) if free else ())


@action("instance", code=COORDINATOR + "has_split_brain", point="sweep reads instances", lanes=(INSTANCE, POSTGRES))
def sweep_reads_the_table(rules: Rules, state: State, i: int) -> Iterator[Any]:
    """The sweep reads in `mirror_instances` whether it may go on."""
    sweep = state.instances[i].sweep
    if sweep and sweep.stage is Stage.HOLDING:
        stops = rules.keeps(READS_LATER) and obstacle(rules, state, i)
        yield "not now" if stops else "", having(state, i, sweep=() if stops else sweep._replace(stage=Stage.ALLOWED))


@action("instance", code=SWEEP, point="sweep marks", lanes=(INSTANCE, VALKEY))
def sweep_marks(rules: Rules, state: State, i: int) -> Iterator[Any]:
    """The second look writes the mark, if her heartbeat is still the stale one and Valkey has the row's version."""
    one = state.instances[i]
    sweep = one.sweep
    if not sweep or sweep.stage is not Stage.ALLOWED:
        return
    m, row = sweep.mitra, state.rows[sweep.mitra]
    known = state.stores[one.store][m]
    same = rules.holds("the second look finds the stale heartbeat again", known.beat == sweep.beat)
    if one.warm and same and known.version == row.version:
        yield keeping(having(state, i, sweep=sweep._replace(stage=Stage.MARKED)), one.store, m, mark=row.version)
    else:
        yield "spared", having(state, i, sweep=())


@action("instance", code=SWEEP, point="sweep updates", lanes=(INSTANCE, POSTGRES))
def sweep_commits(rules: Rules, state: State, i: int) -> Iterator[Any]:
    """COMMIT: the mitra is offline, and every instance is told."""
    sweep = state.instances[i].sweep
    if sweep and sweep.stage is Stage.MARKED:
        row = state.rows[sweep.mitra]
        rows = put(state.rows, sweep.mitra, row._replace(online=False, version=row.version + 1))
        yield told(rules, having(state, i, sweep=())._replace(rows=rows), sweep.mitra, i)


# --- from one Valkey to the other ----------------------------------------------------------------------------------------


@action("instance", kind=Kind.CLIENT, lanes=(OPERATOR, INSTANCE))
def instance_is_led_to_the_other_valkey(rules: Rules, state: State, i: int) -> Iterator[Any]:
    """The address of Valkey leads an instance to the other one; its lost connection makes it cold."""
    one = state.instances[i]
    if state.moves and one.alive:
        yield having(state._replace(moves=state.moves - 1), i, store=1 - one.store, warm=False, moves=Moves.NOT)


@action("instance", code=COORDINATOR + "announce_store", point="seed announces", lanes=(INSTANCE, POSTGRES))
def store_is_announced(rules: Rules, state: State, i: int) -> Iterator[Any]:
    """The instance writes its store into its row, and a block while it leaves another one; it commits."""
    one = state.instances[i]
    if not (one.alive and one.linked) or one.warm or one.moves is not Moves.NOT:
        return
    entry = one.entry
    if rules.keeps("a store is announced before a seed relies on it"):
        leaves = entry.store not in (NOBODY, one.store) and rules.keeps(
            "who leaves a store blocks sweeps until its seed is done"
        )
        entry = Entry(one.store, 0, 0 if leaves else entry.block)
    yield having(state, i, moves=Moves.ANNOUNCED, entry=entry)


@action("instance", code=COORDINATOR + "wait_for_sweeps", point="seed waits", lanes=(INSTANCE, POSTGRES))
def open_sweeps_are_waited_for(rules: Rules, state: State, i: int) -> Iterator[Any]:
    """The instance takes the lock SWEEP shared, once: a sweep that read the table before is over."""
    if state.instances[i].moves is not Moves.ANNOUNCED:
        return
    if rules.holds("who has announced a store waits for open sweeps", not is_sweeping(state)):
        yield having(state, i, moves=Moves.WAITED)


@action("instance", code="server/mirror/seed.py:Seeder.seed", point="seed reads", lanes=(POSTGRES, INSTANCE, VALKEY))
def seed_is_made(rules: Rules, state: State, i: int) -> Iterator[Any]:
    """The seed fills the Valkey that was announced, grants heartbeats, and the instance relies on it."""
    one = state.instances[i]
    if one.moves is not Moves.WAITED:
        return
    for m, row in enumerate(state.rows):
        graced = rules.keeps("a seed that ends an outage grants heartbeats")
        beat = 0 if graced or state.stores[one.store][m].beat == NOBODY else state.stores[one.store][m].beat
        state = keeping(state, one.store, m, **row._asdict(), beat=beat if row.online else NOBODY)
    none = (False,) * len(state.rows)
    yield having(state, i, warm=True, moves=Moves.NOT, debts=none, entry=one.entry._replace(block=NOBODY))


# --- time, what breaks, and what heals -----------------------------------------------------------------------------------


def grown(entry: Entry, alone: bool) -> Entry:
    """A row of the table after a tick."""
    block = entry.block + 1 if 0 <= entry.block < W - 1 else NOBODY
    return Entry(entry.store, min(entry.absent + alone, W + LEASE), block)


@action(kind=Kind.TIME, lanes=(MITRA,))
def time_passes(rules: Rules, state: State) -> Iterator[Any]:
    """Half of W passes: heartbeats, promises, blocks and lost locks grow older."""
    alone = any(one.warm and not one.linked and one.entry.absent >= LEASE for one in state.instances)
    if not rules.holds("an instance that has lost Postgres stops using Valkey", not alone):
        return
    if any(one.sweep and one.sweep.stage >= Stage.LOCKED for one in state.instances):
        return  # Postgres bounds a sweep's transaction by far less
    stores = tuple(
        tuple(known._replace(beat=min(known.beat + (known.beat >= 0), W)) for known in kept) for kept in state.stores
    )
    ends = rules.keeps("a seed is given up after a few seconds")
    instances = tuple(
        one._replace(entry=grown(one.entry, not one.linked), moves=Moves.NOT if ends else one.moves)
        for one in state.instances
    )
    left = frozenset(entry for entry in (grown(old, True) for old in state.left) if entry.absent < W + LEASE)
    promised = tuple(min(age + 1, W) for age in state.promised)
    reached = state._replace(stores=stores, instances=instances, left=left, promised=promised)
    if reached != state:
        yield reached


@action("instance", code=COORDINATOR + "_keep_link", lanes=(INSTANCE,))
def instance_gives_valkey_up(rules: Rules, state: State, i: int) -> Iterator[Any]:
    """An instance whose connection to Postgres has been lost for long stops using Valkey."""
    one = state.instances[i]
    if one.warm and not one.linked and one.entry.absent >= LEASE:
        yield having(state, i, warm=False, moves=Moves.NOT)


@action("instance", kind=Kind.FAULT, lanes=(INSTANCE, POSTGRES))
def connection_with_the_lock_ends(rules: Rules, state: State, i: int) -> Iterator[Any]:
    """An instance's connection to Postgres ends, and with it the lock that tells that it lives."""
    one = state.instances[i]
    if state.faults and one.alive and one.linked:
        yield having(state._replace(faults=state.faults - 1), i, linked=False)


@action("instance", kind=Kind.HEAL, code=COORDINATOR + "_keep_link", lanes=(INSTANCE, POSTGRES))
def lock_is_taken_again(rules: Rules, state: State, i: int) -> Iterator[Any]:
    """A new connection takes the lock that tells that the instance lives."""
    one = state.instances[i]
    if one.alive and not one.linked:
        yield having(state, i, linked=True, entry=one.entry._replace(absent=0))


@action("instance", kind=Kind.FAULT, lanes=(INSTANCE,))
def instance_is_killed(rules: Rules, state: State, i: int) -> Iterator[Any]:
    """The process is killed: its lock and its transaction end, its row stays."""
    one = state.instances[i]
    if state.faults and one.alive:
        counted = one.entry.store != NOBODY and one.entry.absent < W + LEASE
        left = state.left | {one.entry} if counted else state.left
        dead = Instance(
            False, False, one.store, False, Moves.NOT, (), (False,) * len(one.debts), Entry(NOBODY, 0, NOBODY)
        )
        yield state._replace(faults=state.faults - 1, left=left, instances=put(state.instances, i, dead))


@action("instance", kind=Kind.HEAL, lanes=(INSTANCE,))
def instance_starts(rules: Rules, state: State, i: int) -> Iterator[Any]:
    """A new process starts, with a row of its own."""
    if not state.instances[i].alive:
        yield having(state, i, alive=True, linked=True)


# --- what must hold ------------------------------------------------------------------------------------------------------


def quiet(rules: Rules, state: State) -> bool:
    """Nobody has anything left to do; who is dead may stay dead, as long as one lives."""
    living = [one for one in state.instances if one.alive]
    return bool(living) and all(one.linked and one.warm and not one.sweep and not any(one.debts) for one in living)


def in_use(state: State) -> list[tuple[int, Row, Kept]]:
    """Each mitra, as Postgres and as a Valkey in use has her."""
    stores = {one.store for one in state.instances if one.alive}
    return [(m, row, state.stores[store][m]) for store in sorted(stores) for m, row in enumerate(state.rows)]


@invariant("INV-01", "In quiet the online set of each Valkey in use is that of Postgres")
def online_agrees(rules: Rules, before: State, step: Step, after: State) -> str:
    wrong = [m for m, row, known in in_use(after) if row.online != known.online]
    return f"mitra {wrong[0]} is online in one of the stores alone" if wrong and quiet(rules, after) else ""


@invariant("INV-07", "Nobody is taken offline within W of a ping that was answered online")
def nobody_pinging_goes_offline(rules: Rules, before: State, step: Step, after: State) -> str:
    for m, row in enumerate(before.rows):
        if row.online and not after.rows[m].online and before.promised[m] < W:
            return f"mitra {m} is taken offline, and her last ping was answered less than W ago"
    return ""


@invariant("INV-12", "In quiet no Valkey in use takes a deactivated mitra for active")
def deactivation_is_known(rules: Rules, before: State, step: Step, after: State) -> str:
    wrong = [m for m, row, known in in_use(after) if row.active != known.active]
    return (
        f"the pings of mitra {wrong[0]} are answered although she is deactivated"
        if wrong and quiet(rules, after)
        else ""
    )


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


SPEC = Spec(
    name="split",
    title="Two instances that rely on different Valkeys",
    initial=initial,
    actions=[
        ping_is_answered, deactivation_commits, change_is_applied, sweep_sees_her_stale, sweep_locks_the_row,
        sweep_takes_its_lock, sweep_reads_the_table, sweep_marks, sweep_commits, instance_is_led_to_the_other_valkey,
        store_is_announced, open_sweeps_are_waited_for, seed_is_made, time_passes, instance_gives_valkey_up,
        connection_with_the_lock_ends, lock_is_taken_again, instance_is_killed, instance_starts,
    ],
    invariants=[online_agrees, nobody_pinging_goes_offline, deactivation_is_known],
    quiet=quiet,
    relabel=relabel,
    bounds=[
        {"instances": 2, "mitras": 1, "deactivations": 0, "moves": 1, "sweeps": 2, "faults": 1},
        {"instances": 2, "mitras": 1, "deactivations": 0, "moves": 2, "sweeps": 2, "faults": 0},
        {"instances": 2, "mitras": 1, "deactivations": 1, "moves": 1, "sweeps": 2, "faults": 0},
        {"instances": 2, "mitras": 2, "deactivations": 0, "moves": 1, "sweeps": 1, "faults": 1},
    ],
    small={"instances": 2, "mitras": 1, "deactivations": 0, "moves": 1, "sweeps": 1, "faults": 0},
    deep=[
        {"instances": 2, "mitras": 1, "deactivations": 0, "moves": 2, "sweeps": 2, "faults": 1},
        {"instances": 2, "mitras": 1, "deactivations": 1, "moves": 1, "sweeps": 1, "faults": 1},
        {"instances": 2, "mitras": 2, "deactivations": 0, "moves": 1, "sweeps": 2, "faults": 1},
        {"instances": 2, "mitras": 1, "deactivations": 0, "moves": 1, "sweeps": 2, "faults": 2},
    ],
    mutants=[
        mutant(
            "who moves to another Valkey does not wait for open sweeps",
            "who has announced a store waits for open sweeps", breaks="INV-07", finding="P-06",
        ),
        mutant(
            "whether stores differ is asked before the sweep has its lock", READS_LATER, breaks="INV-07", finding="P-06",
        ),
        mutant(
            "the store of an instance is forgotten with its connection",
            "the row of an instance counts for W after its lock was lost", breaks="INV-07", finding="P-07", faults=1,
        ),
        mutant(
            "a change is told to nobody", "every change is told to every instance",
            breaks="INV-12", finding="P-13", deactivations=1,
        ),
        mutant(
            "who leaves a store does not block sweeps", "who leaves a store blocks sweeps until its seed is done",
            breaks="INV-07", moves=2,
        ),
        mutant(
            "an instance uses Valkey for ever without Postgres", "an instance that has lost Postgres stops using Valkey",
            breaks="INV-07", faults=1,
        ),
    ],
)  # fmt: skip
