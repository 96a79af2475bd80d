"""Specifies the seed while changes go on beside it, also two seeds at once (section 3 of docs/protocol.md).

Everybody pings all the time here, so an old heartbeat comes from an old snapshot alone. The deactivated set is built and
swapped as the online set is, so only the latter stands here. `sweep` specifies why a seed waits for open sweeps.
"""

from collections.abc import Iterator
from enum import IntEnum
from typing import Any, NamedTuple

from rig.model.language import Kind, Lane, Rules, Spec, Step, action, invariant, mutant, put

INSTANCE, VALKEY, POSTGRES, OPERATOR = Lane.INSTANCE, Lane.VALKEY, Lane.POSTGRES, Lane.OPERATOR
SEEDER, WRITES = "server/mirror/seed.py:Seeder.", "server/mirror/writes.py:Writes."
NOBODY = -1
NO_LOAD = -1
ALONE = "one seed at a time in the cluster"


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


def under_way(state: State) -> set[int]:
    """The mitras of whom an apply script is under way."""
    return {one.job.mitra for one in state.instances if one.job} | {late.mitra for late in state.late if late.row}


def orphaned(late: frozenset[Late]) -> frozenset[Late]:
    """Late scripts after `mirror:seed` has another nonce than theirs."""
    return frozenset(one._replace(seed=one.seed and one.seed._replace(own=False)) for one in late)


def nonce_is_gone(state: State) -> State:
    """The state after no seed finds its own nonce any more."""
    instances = tuple(one._replace(seed=one.seed and one.seed._replace(own=False)) for one in state.instances)
    none = (0,) * len(state.rows)
    return state._replace(instances=instances, late=orphaned(state.late), noted=none, built=none)


# --- scripts, as Valkey runs them ----------------------------------------------------------------------------------------


def apply_script(rules: Rules, state: State, m: int, row: Row) -> State:
    """The apply script: carries a row to Valkey and notes it for the seed that is under way."""
    known = state.kept[m]
    if not rules.holds("an older version is refused", row.version >= known.version):
        return state
    if not rules.holds(
        "a version that is older than the new one of the seed is refused", row.version >= state.built[m]
    ):
        return state
    beat = known.beat if known.online and known.beat else Beat.FRESH
    after = Kept(True, row.load, row.version, beat) if row.online else Kept(False, NO_LOAD, row.version, Beat.NONE)
    if state.noting and rules.keeps("each change is noted for the seed that is under way"):
        state = state._replace(noted=put(state.noted, m, row.version))
    return state._replace(kept=put(state.kept, m, after))


def begin_script(rules: Rules, state: State) -> State:
    """The script begin: `mirror:seed` holds a new nonce, so all older seeds are refused from now on."""
    state = nonce_is_gone(state)._replace(noting=True)
    if not rules.keeps("new sets are built beside those in use"):
        state = state._replace(kept=tuple(known._replace(online=False) for known in state.kept))
    return state


def step_script(rules: Rules, state: State, seed: Seed, m: int) -> State:
    """The script step: her capacity and heartbeat, unless a newer change of hers has been noted."""
    row, known = seed.read[m], state.kept[m]
    if not rules.holds("a step demands the seed's own nonce", seed.own):
        return state
    if not rules.holds("a step leaves alone who has a newer change noted", state.noted[m] <= row.version):
        return state
    if row.online:
        beat = Beat.FRESH if seed.graced or not known.beat else known.beat
        known = known._replace(load=row.load, beat=beat)
    elif rules.keeps("a step removes the keys of who was read as offline"):
        known = known._replace(load=NO_LOAD, beat=Beat.NONE)
    if not rules.keeps("new versions are built beside those in use"):
        known = known._replace(version=row.version)
    return state._replace(kept=put(state.kept, m, known), built=put(state.built, m, row.version))


def swap_script(rules: Rules, state: State, seed: Seed) -> State:
    """The script swap: the new sets in place of the old ones, what noted changes say, and the epoch."""
    if not rules.holds("the swap demands the seed's own nonce", seed.own):
        return state
    kept = state.kept
    for m, row in enumerate(seed.read):
        noted = state.noted[m] if seed.own else 0
        if noted <= row.version or not rules.keeps("the swap keeps what newer changes say"):
            kept = put(kept, m, kept[m]._replace(online=row.online, version=row.version))
    return state._replace(kept=kept, epoch=True, built=(0,) * len(state.built))


def strays_script(rules: Rules, state: State, seed: Seed, m: int) -> State:
    """The script strays: no heartbeat and no capacity of who is not online."""
    if not rules.holds("the strays demand the seed's own nonce", seed.own) or state.kept[m].online:
        return state
    return state._replace(kept=put(state.kept, m, state.kept[m]._replace(load=NO_LOAD, beat=Beat.NONE)))


# --- changes -------------------------------------------------------------------------------------------------------------


@action("instance", "mitra", kind=Kind.CLIENT, code=WRITES + "changing", lanes=(INSTANCE, POSTGRES))
def change_commits(rules: Rules, state: State, i: int, m: int) -> Iterator[Any]:
    """A change commits under a new version: she toggles, or accepts a chat."""
    one, row = state.instances[i], state.rows[m]
    if not one.alive or one.job or not state.changes:
        return
    changes = {"toggle": Row(not row.online, row.load, row.version + 1)}
    if row.online and not row.load:
        changes["acceptance"] = Row(True, 1, row.version + 1)
    for detail, new in changes.items():
        state_after = state._replace(rows=put(state.rows, m, new), changes=state.changes - 1)
        yield detail, having(state_after, i, job=Job(m, new))


@action("instance", code=WRITES + "apply", point="change applies", lanes=(INSTANCE, VALKEY))
def change_is_applied(rules: Rules, state: State, i: int) -> Iterator[Any]:
    """The apply script carries a row to Valkey; without a valid epoch it is owed."""
    one = state.instances[i]
    if not one.job:
        return
    m, row = one.job
    usable = not one.cold and rules.holds("a script checks the epoch first", state.epoch)
    if usable:
        yield having(apply_script(rules, state, m, row), i, job=())
    else:
        yield "owed", having(state, i, job=(), debts=put(one.debts, m, True))


@action("instance", "mitra", code=WRITES + "retry_dirty", point="debt reads", lanes=(POSTGRES, INSTANCE))
def debt_is_read(rules: Rules, state: State, i: int, m: int) -> Iterator[Any]:
    """The retry of a debt reads the row anew."""
    one = state.instances[i]
    if one.debts[m] and not one.job and not one.cold and state.epoch:
        yield having(state, i, job=Job(m, state.rows[m]), debts=put(one.debts, m, False))


@action("mitra", kind=Kind.CLIENT, lanes=(OPERATOR, POSTGRES))
def row_is_changed_by_hand(rules: Rules, state: State, m: int) -> Iterator[Any]:
    """Somebody changes a row by hand, without a version, while no change of hers is under way: only a seed finds it."""
    row = state.rows[m]
    if state.hands and m not in under_way(state) and not any(one.debts[m] for one in state.instances):
        left = state._replace(hands=state.hands - 1, by_hand=put(state.by_hand, m, Hand.UNSEEN))
        yield "online", left._replace(rows=put(state.rows, m, row._replace(online=not row.online)))
        yield "load", left._replace(rows=put(state.rows, m, row._replace(load=1 - row.load)))


# --- the seed ------------------------------------------------------------------------------------------------------------


@action("instance", code=SEEDER + "seed", lanes=(INSTANCE, POSTGRES))
def seed_takes_its_lock(rules: Rules, state: State, i: int) -> Iterator[Any]:
    """A seed that is due takes the lock SEED: after a start, after an outage, or periodically."""
    one = state.instances[i]
    if not one.alive or one.seed or not rules.holds(ALONE, state.lock == NOBODY):
        return
    locked = state._replace(lock=i if state.lock == NOBODY else state.lock)
    no = (False,) * len(state.rows)
    if one.cold:
        yield "after a start", having(locked, i, seed=Seed(Stage.LOCKED, True, False, (), no))
    elif not state.epoch:
        yield "after an outage", having(locked, i, cold=True, seed=Seed(Stage.LOCKED, True, False, (), no))
    if not one.cold and (state.reconciles or any(state.by_hand)):
        less = locked._replace(reconciles=max(state.reconciles - 1, 0))
        yield "periodic", having(less, i, seed=Seed(Stage.LOCKED, False, False, (), no))


@action("instance", code=SEEDER + "_begin", point="seed begins", lanes=(INSTANCE, VALKEY))
def seed_begins(rules: Rules, state: State, i: int) -> Iterator[Any]:
    """The script begin writes the seed's nonce into `mirror:seed`; without a valid epoch the seed grants heartbeats."""
    seed = state.instances[i].seed
    if seed and seed.stage is Stage.LOCKED:
        outage = not state.epoch or state.instances[i].cold
        ends = outage and rules.keeps("a seed that ends an outage grants heartbeats")
        begun = Seed(Stage.BEGUN, seed.graced or ends, True, (), seed.done)
        if rules.keeps("changes are noted before Postgres is read"):
            state = begin_script(rules, state)
        yield having(state, i, seed=begun)


@action("instance", code=SEEDER + "seed", point="seed reads", lanes=(POSTGRES, INSTANCE))
def seed_reads(rules: Rules, state: State, i: int) -> Iterator[Any]:
    """One statement reads all of Postgres."""
    seed = state.instances[i].seed
    if seed and seed.stage is Stage.BEGUN:
        read, own = state.rows, seed.own
        if not rules.keeps("changes are noted before Postgres is read"):
            state, own = begin_script(rules, state), True
        by_hand = tuple(hand and Hand.READ for hand in state.by_hand)
        yield having(state, i, seed=Seed(Stage.READ, seed.graced, own, read, seed.done))._replace(by_hand=by_hand)


@action("instance", "mitra", code=SEEDER + "_swap", point="seed steps", lanes=(INSTANCE, VALKEY))
def seed_steps(rules: Rules, state: State, i: int, m: int) -> Iterator[Any]:
    """A step carries a mitra's capacity and heartbeat, and builds the new sets."""
    seed = state.instances[i].seed
    if (
        seed
        and seed.stage is Stage.READ
        and not seed.done[m]
        and goes_on(rules, seed, "a step demands the seed's own nonce")
    ):
        yield having(step_script(rules, state, seed, m), i, seed=seed._replace(done=put(seed.done, m, True)))


def goes_on(rules: Rules, seed: Seed, rule: str) -> bool:
    """Whether a script of this seed is not refused."""
    return seed.own or rule in rules.without


@action("instance", code=SEEDER + "_swap", point="seed swaps", lanes=(INSTANCE, VALKEY))
def seed_swaps(rules: Rules, state: State, i: int) -> Iterator[Any]:
    """The swap puts the new sets in place and writes the epoch."""
    seed = state.instances[i].seed
    if (
        seed
        and seed.stage is Stage.READ
        and all(seed.done)
        and goes_on(rules, seed, "the swap demands the seed's own nonce")
    ):
        after = swap_script(rules, state, seed)
        yield having(after, i, seed=seed._replace(stage=Stage.SWAPPED, done=(False,) * len(seed.done)))


@action("instance", "mitra", code=SEEDER + "_clear_strays", point="seed clears", lanes=(INSTANCE, VALKEY))
def seed_clears_strays(rules: Rules, state: State, i: int, m: int) -> Iterator[Any]:
    """A page of strays: heartbeats and capacities of who is not online go."""
    seed = state.instances[i].seed
    if (
        seed
        and seed.stage is Stage.SWAPPED
        and not seed.done[m]
        and goes_on(rules, seed, "the strays demand the seed's own nonce")
    ):
        yield having(strays_script(rules, state, seed, m), i, seed=seed._replace(done=put(seed.done, m, True)))


@action("instance", code=SEEDER + "_clear_strays", point="seed ends", lanes=(INSTANCE, VALKEY))
def seed_ends(rules: Rules, state: State, i: int) -> Iterator[Any]:
    """The script end gives `mirror:seed` free, the lock SEED is given back, and the instance is warm."""
    seed = state.instances[i].seed
    if not seed or seed.stage is not Stage.SWAPPED or not all(seed.done):
        return
    if not rules.holds("a seed ends well only with its own nonce", seed.own):
        return
    if seed.own:
        state = state._replace(noting=False, noted=(0,) * len(state.noted))
        state = state._replace(late=orphaned(state.late))
    done = having(state, i, seed=(), cold=False)
    told = [row == read for m, (row, read) in enumerate(zip(state.rows, seed.read, strict=True))]
    pairs = zip(state.by_hand, told, strict=True)
    by_hand = tuple(Hand.NONE if hand is Hand.READ and carried else hand for hand, carried in pairs)
    yield done._replace(by_hand=by_hand, lock=NOBODY if state.lock == i else state.lock)


@action("instance", code=SEEDER + "seed", lanes=(INSTANCE,))
def seed_is_given_up(rules: Rules, state: State, i: int) -> Iterator[Any]:
    """A seed whose nonce is gone is refused by the next script, and is given up."""
    seed = state.instances[i].seed
    if seed and seed.stage is not Stage.LOCKED and not seed.own:
        yield given_up(state, i)


def given_up(state: State, i: int) -> State:
    """The state after an instance's seed has been given up."""
    return having(state, i, seed=())._replace(lock=NOBODY if state.lock == i else state.lock)


# --- what breaks, and what heals -----------------------------------------------------------------------------------------


@action("instance", kind=Kind.FAULT, lanes=(VALKEY, INSTANCE))
def reply_is_lost(rules: Rules, state: State, i: int) -> Iterator[Any]:
    """The reply of a script is lost: its sender gives up, and Valkey may run it later."""
    one, seed = state.instances[i], state.instances[i].seed
    if not state.faults:
        return
    fewer = state._replace(faults=state.faults - 1)
    if one.job and state.epoch and not one.cold:
        late = fewer._replace(late=state.late | {Late(one.job.mitra, one.job.row, ())})
        yield "apply", having(late, i, job=(), debts=put(one.debts, one.job.mitra, True))
    if not seed or seed.stage is Stage.BEGUN:
        return
    quits = given_up(fewer, i)
    if seed.stage is Stage.LOCKED:
        yield "begin", quits._replace(late=state.late | {Late(NOBODY, (), seed)})
    elif all(seed.done):
        yield "swap or end", quits._replace(late=state.late | {Late(NOBODY, (), seed)})
    else:
        for m, is_done in enumerate(seed.done):
            if not is_done:
                yield f"of mitra {m}", quits._replace(late=state.late | {Late(m, (), seed)})


@action(kind=Kind.TIME, lanes=(VALKEY,))
def script_lands_late(rules: Rules, state: State) -> Iterator[Any]:
    """Valkey runs a script whose reply was lost."""
    for late in state.late:
        left = state._replace(late=state.late - {late})
        seed = late.seed
        if late.row:
            landed = rules.holds("a script checks the epoch first", state.epoch)
            yield "apply", apply_script(rules, left, late.mitra, late.row) if landed else left
        elif seed.stage is Stage.LOCKED:
            yield "begin", begin_script(rules, left)
        elif late.mitra != NOBODY:
            what = step_script if seed.stage is Stage.READ else strays_script
            yield f"of mitra {late.mitra}", what(rules, left, seed, late.mitra)
        elif seed.stage is Stage.READ:
            yield "swap", swap_script(rules, left, seed)
        else:
            yield "end", left._replace(noting=state.noting and not seed.own)


@action("instance", kind=Kind.FAULT, lanes=(INSTANCE, POSTGRES))
def lock_is_lost(rules: Rules, state: State, i: int) -> Iterator[Any]:
    """The connection that holds the lock SEED ends; the seed does not know and goes on."""
    if state.faults and state.lock == i:
        yield state._replace(faults=state.faults - 1, lock=NOBODY)


@action("instance", kind=Kind.FAULT, lanes=(INSTANCE,))
def instance_is_killed(rules: Rules, state: State, i: int) -> Iterator[Any]:
    """The process is killed; the others owe what it had committed, where they find that Valkey has not got the version."""
    one = state.instances[i]
    if not state.faults or not one.alive:
        return
    dead = given_up(state, i)
    owed = one.debts if not one.job else put(one.debts, one.job.mitra, True)
    pairs = zip(state.rows, state.kept, strict=True)
    missing = tuple(was and row.version > known.version for was, (row, known) in zip(owed, pairs, strict=True))
    for other, instance in enumerate(state.instances):
        if other != i and instance.alive:
            debts = tuple(a or b for a, b in zip(instance.debts, missing, strict=True))
            dead = having(dead, other, debts=debts)
    none = Instance(False, True, (), (), (False,) * len(owed))
    yield dead._replace(faults=state.faults - 1, instances=put(dead.instances, i, none))


@action("instance", kind=Kind.HEAL, lanes=(INSTANCE,))
def instance_starts(rules: Rules, state: State, i: int) -> Iterator[Any]:
    """A killed instance starts again; it is cold until its seed is done."""
    if not state.instances[i].alive:
        yield having(state, i, alive=True)


@action(kind=Kind.FAULT, lanes=(VALKEY,))
def valkey_loses_data(rules: Rules, state: State) -> Iterator[Any]:
    """Valkey is emptied, or restarts from an old snapshot."""
    if not state.faults:
        return
    state = nonce_is_gone(state)._replace(faults=state.faults - 1, epoch=False, noting=False)
    yield "emptied", state._replace(kept=(Kept(False, NO_LOAD, 0, Beat.NONE),) * len(state.rows))
    old = (Kept(True, 0, 1, Beat.OLD),) * len(state.rows)
    for i in range(len(state.instances)):
        state = having(state, i, cold=True)
    yield "old snapshot", state._replace(kept=old, late=frozenset())


# --- what must hold ------------------------------------------------------------------------------------------------------


def quiet(rules: Rules, state: State) -> bool:
    """Nobody has anything left to do; who is dead may stay dead, as long as one lives."""
    living = [one for one in state.instances if one.alive]
    if not living or not state.epoch or any(state.by_hand):
        return False
    return not any(one.cold or one.seed or one.job or any(one.debts) for one in living)


def in_quiet(rules: Rules, state: State, wrong: Any) -> str:
    """Of whom Valkey is wrong, where the state is quiet."""
    found = [m for m, row in enumerate(state.rows) if wrong(row, state.kept[m])]
    return f"mitra {found[0]}: {state.rows[found[0]]}, {state.kept[found[0]]}" if found and quiet(rules, state) else ""


@invariant("INV-01", "In quiet Valkey's online set is that of Postgres")
def online_agrees(rules: Rules, before: State, step: Step, after: State) -> str:
    return in_quiet(rules, after, lambda row, known: row.online != known.online)


@invariant("INV-03", "In quiet the capacity of who is online is her load")
def capacity_agrees(rules: Rules, before: State, step: Step, after: State) -> str:
    return in_quiet(rules, after, lambda row, known: row.online and row.load != known.load)


@invariant("INV-04", "In quiet there are a heartbeat and a capacity exactly for who is online")
def heartbeat_agrees(rules: Rules, before: State, step: Step, after: State) -> str:
    return in_quiet(rules, after, lambda row, known: row.online != bool(known.beat) or row.online != (known.load >= 0))


@invariant("INV-07", "A sweep finds no old heartbeat of who pings all the time")
def nobody_pinging_is_stale(rules: Rules, before: State, step: Step, after: State) -> str:
    for m, known in enumerate(after.kept):
        found = after.epoch and known.online and known.beat is Beat.OLD and known.version == after.rows[m].version
        if found and after.rows[m].online:
            return f"mitra {m} pings all the time, and a sweep finds her heartbeat old"
    return ""


@invariant("INV-15", "A seed never leaves the online set empty while Postgres has online mitras")
def online_set_is_never_empty(rules: Rules, before: State, step: Step, after: State) -> str:
    was = before.epoch and any(known.online for known in before.kept)
    empty = after.epoch and not any(known.online for known in after.kept)
    truth = any(row.online and known.online for row, known in zip(after.rows, before.kept, strict=True))
    return (
        "the online set is empty for a while" if was and empty and truth and step.action.name == "seed_begins" else ""
    )


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


SPEC = Spec(
    name="seed",
    title="The seed while changes go on",
    initial=initial,
    actions=[
        change_commits, change_is_applied, debt_is_read, row_is_changed_by_hand, seed_takes_its_lock, seed_begins,
        seed_reads, seed_steps, seed_swaps, seed_clears_strays, seed_ends, seed_is_given_up, reply_is_lost,
        script_lands_late, lock_is_lost, instance_is_killed, instance_starts, valkey_loses_data,
    ],
    invariants=[online_agrees, capacity_agrees, heartbeat_agrees, nobody_pinging_is_stale, online_set_is_never_empty],
    quiet=quiet,
    relabel=relabel,
    bounds=[
        {"instances": 2, "mitras": 2, "changes": 2, "hands": 0, "reconciles": 2, "faults": 1},
        {"instances": 2, "mitras": 1, "changes": 1, "hands": 0, "reconciles": 1, "faults": 2},
        {"instances": 2, "mitras": 1, "changes": 1, "hands": 1, "reconciles": 1, "faults": 1},
        {"instances": 2, "mitras": 1, "changes": 2, "hands": 0, "reconciles": 2, "faults": 1},
    ],
    small={"instances": 2, "mitras": 1, "changes": 1, "hands": 0, "reconciles": 1, "faults": 1},
    deep=[
        {"instances": 2, "mitras": 2, "changes": 1, "hands": 0, "reconciles": 1, "faults": 2},
        {"instances": 2, "mitras": 1, "changes": 2, "hands": 0, "reconciles": 2, "faults": 2},
    ],
    unkilled={
        "a script checks the epoch first": "what a script writes without a valid epoch, the next seed corrects: the check is "
        "for pings, readers and the second look",
        "a seed ends well only with its own nonce": "its steps and its swap have carried all that Postgres has; what a seed "
        "with another nonce leaves are keys of ids that Postgres does not know, and there are none here",
        ALONE: "the nonce alone decides which seed counts; the lock keeps two seeds from ending each other again and again",
    },
    mutants=[
        mutant(
            "an older seed swaps after a newer one", ALONE, "the swap demands the seed's own nonce",
            breaks="INV-01", finding="P-14", reconciles=2, faults=0,
        ),
        mutant(
            "an older seed clears strays while a newer one goes on", ALONE, "the strays demand the seed's own nonce",
            breaks="INV-03", finding="P-15", hands=1, faults=0,
        ),
        mutant(
            "a periodic seed that ends an outage grants nothing", "a seed that ends an outage grants heartbeats",
            breaks="INV-07", finding="P-11",
        ),
        mutant(
            "a seed that breaks off after its swap leaves keys of who is offline",
            "a step removes the keys of who was read as offline", breaks="INV-04",
        ),
        mutant(
            "changes are noted for no seed", "each change is noted for the seed that is under way", breaks="INV-01",
            faults=0,
        ),
        mutant(
            "the sets in use are emptied first", "new sets are built beside those in use", breaks="INV-15", faults=0,
        ),
    ],
)  # fmt: skip
