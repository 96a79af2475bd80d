"""The sweep, the ping and the mark between them: who may take a silent mitra offline, and what ends a sweep's claim."""

from collections.abc import Iterator

from rig.model.language import Kind, Lane, Rules, Spec, Step, action, invariant, mutant, put
from rig.model.specs.stores import (
    ALONE,
    EPOCH,
    IN_VALKEY,
    NOBODY,
    NONCE_DECIDES,
    SEED,
    Beat,
    Block,
    Late,
    Orphan,
    Owed,
    Ping,
    Stage,
    Sweep,
    Turn,
    World,
    Write,
    applied,
    at,
    counts,
    emptied,
    fenced_off,
    first,
    instance_is_back,
    instance_is_cut_off,
    marked,
    owing,
    relabel,
    row_is_held,
    sweep_is_open,
    told,
    usable,
)  # fmt: skip

_SWEEPS = "server/mirror/sweeps.py:Sweeps._one_offline"
_PING = "server/mirror/heartbeat.py:Heartbeat.ping"
_CHANGE = "server/mirror/writes.py:Writes.changing"
_APPLY = "server/mirror/writes.py:Writes.apply"
ONE_SWEEP = "one sweep at a time in the cluster"
OWED_HERE = "who is owed at this instance is not silent"
UNKILLED = {
    ALONE: NONCE_DECIDES,
    OWED_HERE: "her version in Valkey is not that of her row, or this instance blocks sweeps: the second look or the "
    "transaction would spare her all the same",
    ONE_SWEEP: "the lock of her row orders two sweeps of a mitra; this one is there for seeds and fallback pings, which "
    "wait until it is free, and two sweeps of two mitras do not disturb each other",
}
_TO_VALKEY, _TO_POSTGRES = (Lane.INSTANCE, Lane.VALKEY), (Lane.INSTANCE, Lane.POSTGRES)
_FROM_POSTGRES = (Lane.POSTGRES, Lane.INSTANCE)

# --- a change and its way into Valkey --------------------------------------------------------------------------


@action("instance", "mitra", kind=Kind.CLIENT, code=_CHANGE, lanes=_TO_POSTGRES, point="change commits")
def change_commits(rules: Rules, world: World, instance: int, mitra: int) -> Iterator[tuple[str, World]]:
    """A change of the mitra commits. Its row lock is held within this step only: others wait meanwhile."""
    if not world.changes or world.write[instance] or row_is_held(world, mitra):
        return
    version = world.version[mitra] + 1
    kinds = {"goes offline": False, "gets a chat": True} if world.online[mitra] else {"goes online": True}
    for detail, online in kinds.items():
        after = at(world._replace(changes=world.changes - 1), mitra, online=online, version=version)
        write = Write(mitra, online, version, detail == "goes online", False)
        yield detail, at(told(rules, after, mitra), instance, write=write)


@action("instance", code=_APPLY, lanes=_TO_VALKEY, point="change applies")
def change_is_applied(rules: Rules, world: World, instance: int) -> Iterator[World]:
    """One script carries the row to Valkey."""
    write = world.write[instance]
    if not write or not usable(rules, world, instance):
        return
    after = at(applied(rules, world, instance, write), instance, write=())
    if write.retry:
        debts = world.debts[instance]
        lost = debts[write.mitra] == Owed.HEARTBEAT and fenced_off(rules, world, write)
        if rules.holds("a debt is cleared only if its counter did not move", not write.moved) and rules.holds(
            "a retry that was fenced off does not pay a heartbeat", not lost
        ):
            after = at(after, instance, debts=put(debts, write.mitra, Owed.NOTHING))
    yield after


@action("instance", code=_APPLY, lanes=_TO_VALKEY)
def change_is_owed(rules: Rules, world: World, instance: int) -> Iterator[World]:
    """The script fails: the row is owed."""
    write = world.write[instance]
    if write and not usable(rules, world, instance):
        after = at(world, instance, write=(), warm=False)
        yield owing(after, instance, write.mitra, Owed.HEARTBEAT if write.beat else Owed.ROW)


@action("instance", "mitra", code="server/mirror/writes.py:Writes.retry_dirty", lanes=_TO_POSTGRES, point="debt reads")
def debt_is_read(rules: Rules, world: World, instance: int, mitra: int) -> Iterator[World]:
    """The watchdog reads the row of a debt anew."""
    owed = world.debts[instance][mitra]
    if owed and not world.write[instance] and usable(rules, world, instance):
        write = Write(mitra, world.online[mitra], world.version[mitra], owed == Owed.HEARTBEAT, True)
        yield at(world, instance, write=write)


@action("instance", "mitra", code="server/mirror/watchdog.py:Watchdog._heard", lanes=_TO_VALKEY)
def notification_is_looked_up(rules: Rules, world: World, instance: int, mitra: int) -> Iterator[World]:
    """Half a second after a notification the instance compares the version in Valkey, and takes on the debt."""
    if not world.news[mitra] or world.debts[instance][mitra] or not usable(rules, world, instance):
        return
    if any(write and write.mitra == mitra for write in world.write):
        return  # a script takes less than half a second, or it is given up
    if world.known[mitra] < world.version[mitra]:
        yield owing(world, instance, mitra, Owed.ROW)
    else:
        yield at(world, mitra, news=False)


# --- the ping --------------------------------------------------------------------------------------------------


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


@action("instance", code=_PING, lanes=_TO_POSTGRES, point="ping waits")
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


@action("instance", code=_PING, lanes=_TO_VALKEY, point="ping clears")
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


@action("instance", kind=Kind.TIME, lanes=_FROM_POSTGRES)
def postgres_ends_ping(rules: Rules, world: World, instance: int) -> Iterator[World]:
    """Postgres ends the idle transaction of a ping that holds the row; the instance does not know yet."""
    ping = world.ping[instance]
    if world.timeouts and ping and ping.turn == Turn.HELD:
        world = world._replace(timeouts=world.timeouts - 1)
        yield at(world, instance, ping=ping._replace(turn=Turn.LOOSE))


# --- the sweep -------------------------------------------------------------------------------------------------


def _sweep(world: World, instance: int, stage: Stage) -> Sweep | tuple[()]:
    """The sweep of this instance, if it stands there and its transaction has not been ended."""
    sweep = world.sweep[instance]
    return sweep if sweep and sweep.stage == stage and not sweep.ended else ()


@action("instance", "mitra", code="server/mirror/sweeps.py:Sweeps._stale", lanes=_TO_VALKEY, point="sweep looks")
def sweep_sees_silence(rules: Rules, world: World, instance: int, mitra: int) -> Iterator[World]:
    """A sweep sees in Valkey that the mitra is stale."""
    beat = world.beat[mitra]
    if world.sweep[instance] or not world.shown[mitra] or beat == Beat.NEW or not usable(rules, world, instance):
        return
    if sum(map(bool, world.sweep)) >= rules.bounds["sweeps"]:
        return
    if rules.holds(OWED_HERE, not world.debts[instance][mitra]):
        yield at(world, instance, sweep=Sweep(mitra, beat))


@action("instance", code=_SWEEPS, lanes=_TO_POSTGRES, point="change locks")
def sweep_locks_row(rules: Rules, world: World, instance: int) -> Iterator[World]:
    """The sweep's transaction begins and locks her row."""
    sweep = _sweep(world, instance, Stage.CHOSEN)
    if sweep and rules.holds("the sweep waits for the row", not row_is_held(world, sweep.mitra)):
        yield at(world, instance, sweep=sweep._replace(stage=Stage.ROW))


@action("instance", code=_SWEEPS, lanes=_TO_POSTGRES, point="sweep takes the lock")
def sweep_takes_lock(rules: Rules, world: World, instance: int) -> Iterator[tuple[str, World]]:
    """The transaction takes the lock SWEEP, exclusive, without waiting."""
    if not (sweep := _sweep(world, instance, Stage.ROW)):
        return
    if rules.holds(ONE_SWEEP, not sweep_is_open(rules, world)):
        yield "taken", at(world, instance, sweep=sweep._replace(stage=Stage.LOCK))
    else:
        yield "refused: no sweep now", at(world, instance, sweep=())


@action("instance", code=_SWEEPS, lanes=_TO_POSTGRES, point="sweep reads instances")
def sweep_reads_instances(rules: Rules, world: World, instance: int) -> Iterator[tuple[str, World]]:
    """In a later statement the transaction reads mirror_instances and the row's version."""
    if not (sweep := _sweep(world, instance, Stage.LOCK)):
        return
    blocked = any(world.block) or any(world.left)
    if rules.holds("a block stops the sweep", not blocked):
        version = world.version[sweep.mitra]
        yield "no block", at(world, instance, sweep=sweep._replace(stage=Stage.CHECKED, version=version))
    else:
        yield "blocked: no sweep now", at(world, instance, sweep=())


def _looked(rules: Rules, world: World, write: Write, seen: Beat) -> World | tuple[()]:
    """The script *second look*: with a new mark in place of any that stands, or nothing if it spares her."""
    mitra, version = write.mitra, write.version
    if not rules.holds("the second look sees the same heartbeat", world.beat[mitra] == seen):
        return ()
    if not rules.holds("the second look demands the locked row's version", world.known[mitra] == version):
        return ()
    return marked(world, mitra, version)


@action("instance", code=_SWEEPS, lanes=_TO_VALKEY, point="sweep marks")
def sweep_takes_second_look(rules: Rules, world: World, instance: int) -> Iterator[tuple[str, World]]:
    """One script looks at her heartbeat and version again, and writes the mark."""
    sweep = world.sweep[instance]
    if not sweep or sweep.stage != Stage.CHECKED:
        return
    none = at(world, instance, sweep=())
    if not usable(rules, world, instance):
        yield "failed: no sweep now", at(none, instance, warm=False)
        return
    look = Write(sweep.mitra, True, sweep.version, False, False)
    if after := _looked(rules, world, look, sweep.seen):
        yield "marked", at(after, instance, sweep=sweep._replace(stage=Stage.MARKED))
    else:
        yield "spared", none


def rolled_back(rules: Rules, world: World, instance: int, sweep: Sweep) -> World:
    """Valkey after a sweep has learned of its rollback."""
    if sweep.stage != Stage.MARKED or not world.mark[sweep.mitra] or not usable(rules, world, instance):
        return world
    return world if rules.keeps("a sweep never deletes a mark itself") else marked(world, sweep.mitra, 0)


@action("instance", code=_SWEEPS, lanes=(Lane.POSTGRES, Lane.INSTANCE))
def sweep_learns_of_rollback(rules: Rules, world: World, instance: int) -> Iterator[World]:
    """The sweep's next statement fails, as Postgres has ended its transaction; its mark stays."""
    sweep = world.sweep[instance]
    if sweep and sweep.ended:
        yield at(rolled_back(rules, world, instance, sweep), instance, sweep=())


def _offline(rules: Rules, world: World, mitra: int) -> World:
    """Postgres after the COMMIT of a sweep."""
    return told(rules, at(world, mitra, online=False, version=world.version[mitra] + 1), mitra)


@action("instance", code=_SWEEPS, lanes=_TO_POSTGRES, point="sweep updates")
def sweep_commits(rules: Rules, world: World, instance: int) -> Iterator[World]:
    """The sweep's transaction takes the mitra offline and commits."""
    sweep = _sweep(world, instance, Stage.MARKED)
    if sweep and not world.write[instance]:
        after = _offline(rules, world, sweep.mitra)
        write = Write(sweep.mitra, False, after.version[sweep.mitra], False, False)
        yield at(after, instance, sweep=(), write=write)


# --- time ------------------------------------------------------------------------------------------------------


@action("instance", kind=Kind.TIME, lanes=_FROM_POSTGRES)
def postgres_ends_sweep(rules: Rules, world: World, instance: int) -> Iterator[World]:
    """Postgres ends the sweep's transaction, by a timeout; the instance does not know yet."""
    sweep = world.sweep[instance]
    if world.timeouts and sweep and sweep.stage >= Stage.ROW and not sweep.ended:
        world = world._replace(timeouts=world.timeouts - 1)
        knows = sweep.stage < Stage.CHECKED  # its next step is a statement, which fails
        yield at(world, instance, sweep=() if knows else sweep._replace(ended=True))


@action("mitra", kind=Kind.TIME, lanes=(Lane.VALKEY,))
def mark_expires(rules: Rules, world: World, mitra: int) -> Iterator[World]:
    """A mark is 60 s old and expires."""
    if not world.mark[mitra]:
        return
    held = any(orphan.mitra == mitra and orphan.sweep for orphan in world.orphans)
    held = held or any(
        one and one.mitra == mitra and one.stage == Stage.MARKED and not one.ended for one in world.sweep
    )
    if rules.holds("Postgres ends a sweep's transaction before its mark expires", not held):
        yield marked(world, mitra, 0)


@action("mitra", kind=Kind.TIME, lanes=(Lane.MITRA,))
def mitra_falls_silent(rules: Rules, world: World, mitra: int) -> Iterator[World]:
    """W passes since the last promise to the mitra, and since her heartbeat in Valkey."""
    promise, beat = world.promise[mitra], world.beat[mitra]
    if not rules.bounds["ages"] or (promise == NOBODY and beat != Beat.NEW):
        return
    world = at(world, mitra, promise=NOBODY, beat=min(beat, Beat.OLD))
    for instance, write in enumerate(world.write):  # what is owed is an old heartbeat from now on
        if write and write.mitra == mitra and write.beat:
            world = at(world, instance, write=write._replace(beat=False))
        debts = world.debts[instance]
        world = at(world, instance, debts=put(debts, mitra, min(debts[mitra], Owed.ROW)))
    yield world


# --- what breaks, and what Postgres does with transactions that nobody waits for any more ------------------------


@action("instance", kind=Kind.FAULT, code=_APPLY, lanes=_TO_VALKEY)
def reply_of_change_is_lost(rules: Rules, world: World, instance: int) -> Iterator[World]:
    """The script of a change is given up before its reply: it may run later. The row is owed."""
    write = world.write[instance]
    if world.faults and write and usable(rules, world, instance):
        after = at(world._replace(faults=world.faults - 1), instance, write=())
        after = after._replace(late=after.late | {Late(write)})
        yield owing(after, instance, write.mitra, Owed.HEARTBEAT if write.beat else Owed.ROW)


@action("instance", kind=Kind.FAULT, code=_SWEEPS, lanes=_TO_VALKEY)
def reply_of_second_look_is_lost(rules: Rules, world: World, instance: int) -> Iterator[World]:
    """The second look is given up before its reply, and the sweep rolls back: the script may run later."""
    sweep = world.sweep[instance]
    if world.faults and sweep and sweep.stage == Stage.CHECKED and usable(rules, world, instance):
        look = Late(Write(sweep.mitra, True, sweep.version, False, False), sweep.seen)
        after = at(world._replace(faults=world.faults - 1), instance, sweep=())
        yield after._replace(late=after.late | {look})


@action(lanes=(Lane.VALKEY,))
def late_script_lands(rules: Rules, world: World) -> Iterator[tuple[str, World]]:
    """A script whose reply was given up runs now."""
    for late in world.late:
        after = world._replace(late=world.late - {late})
        what = f"{'change of' if late.seen == () else 'second look at'} {late.write.mitra}"
        if not rules.holds("every script checks the epoch first", world.epoch):
            yield f"{what}, refused", after
        elif late.seen == ():
            yield what, applied(rules, after, IN_VALKEY, late.write)
        else:
            yield what, _looked(rules, after, late.write, late.seen) or after


@action("instance", kind=Kind.FAULT, code=_SWEEPS, lanes=_TO_POSTGRES)
def reply_of_sweeps_commit_is_lost(rules: Rules, world: World, instance: int) -> Iterator[World]:
    """The sweep sends COMMIT and gives it up: its outcome is unknown, the mark stays."""
    sweep = _sweep(world, instance, Stage.MARKED)
    if world.faults and sweep:
        after = at(world._replace(faults=world.faults - 1), instance, sweep=())
        if not rules.keeps("an unknown outcome leaves the mark"):
            after = marked(after, sweep.mitra, 0) if usable(rules, after, instance) else after
        after = owing(after, instance, sweep.mitra, Owed.ROW)
        yield after._replace(orphans=after.orphans | {Orphan(sweep.mitra, True, True)})


@action("instance", "mitra", kind=Kind.FAULT, code=_CHANGE, lanes=_TO_POSTGRES)
def reply_of_changes_commit_is_lost(rules: Rules, world: World, instance: int, mitra: int) -> Iterator[World]:
    """A change sends COMMIT and gives it up: its outcome is unknown."""
    if world.faults and world.changes and not row_is_held(world, mitra):
        after = world._replace(faults=world.faults - 1, changes=world.changes - 1)
        after = owing(after, instance, mitra, Owed.ROW if world.online[mitra] else Owed.HEARTBEAT)
        yield after._replace(orphans=after.orphans | {Orphan(mitra, False, True)})


@action(lanes=(Lane.POSTGRES,))
def given_up_transaction_ends(rules: Rules, world: World) -> Iterator[tuple[str, World]]:
    """Postgres commits a transaction that its instance has given up, or rolls it back."""
    for orphan in world.orphans:
        after = world._replace(orphans=world.orphans - {orphan})
        yield f"mitra {orphan.mitra}: rollback", after
        if orphan.committing and orphan.sweep:
            yield f"mitra {orphan.mitra}: COMMIT of a sweep", _offline(rules, after, orphan.mitra)
        elif orphan.committing:
            online, version = not world.online[orphan.mitra], world.version[orphan.mitra] + 1
            after = at(after, orphan.mitra, online=online, version=version)
            yield f"mitra {orphan.mitra}: COMMIT of a change", told(rules, after, orphan.mitra)


@action("instance", kind=Kind.FAULT)
def process_is_killed(rules: Rules, world: World, instance: int) -> Iterator[tuple[str, World]]:
    """The process of an instance is killed, and starts anew."""
    if not world.faults or not rules.bounds["losses"]:
        return
    left = world.left[instance] or (bool(world.block[instance]) and rules.keeps("a block outlives its process"))
    after = at(
        world, instance, warm=False, debts=(Owed.NOTHING,) * len(world.online), write=(), sweep=(), ping=(), seed=(),
        block=Block.NONE, passed=False, left=left,
    )._replace(faults=world.faults - 1)  # fmt: skip
    sweep = world.sweep[instance]
    if not sweep or sweep.ended or sweep.stage == Stage.CHOSEN:
        yield "", after
        return
    locked = sweep.stage >= Stage.LOCK
    yield "its transaction still open", after._replace(orphans=after.orphans | {Orphan(sweep.mitra, locked, False)})
    if sweep.stage == Stage.MARKED:
        yield "its COMMIT under way", after._replace(orphans=after.orphans | {Orphan(sweep.mitra, True, True)})


@action(kind=Kind.FAULT, lanes=(Lane.OPERATOR, Lane.VALKEY))
def valkey_is_flushed(rules: Rules, world: World) -> Iterator[World]:
    """Somebody empties Valkey; no connection is lost."""
    if world.faults:
        yield emptied(world._replace(faults=world.faults - 1), snapshot=False)


@action(kind=Kind.FAULT, lanes=(Lane.VALKEY, Lane.INSTANCE))
def valkey_restarts(rules: Rules, world: World) -> Iterator[tuple[str, World]]:
    """Valkey restarts: connections and scripts under way are lost, every instance is cold."""
    if not world.faults:
        return
    alike = len(world.warm)
    after = world._replace(faults=world.faults - 1, warm=(False,) * alike, seed=((),) * alike, late=frozenset())
    yield "empty", emptied(after, snapshot=False)
    yield "with an old snapshot", emptied(after, snapshot=True)


# --- what must hold ---------------------------------------------------------------------------------------------


@invariant("INV-07", "nobody is taken offline within W of a ping that was answered online")
def no_promise_is_broken(rules: Rules, before: World, step: Step, after: World) -> str:
    if step.action.name == "sweep_commits" or (
        step.action.name == "given_up_transaction_ends" and step.detail.endswith("COMMIT of a sweep")
    ):
        for mitra, promise in enumerate(before.promise):
            if before.online[mitra] and not after.online[mitra] and promise != NOBODY:
                return f"mitra {mitra} was answered online within W, and the sweep's COMMIT takes her offline"
    return ""


def settled(rules: Rules, world: World) -> bool:
    """Nothing is under way, no fault is in force, nothing is owed: now the mirror has to equal the truth."""
    if not world.epoch or world.late or world.orphans or any(world.news):
        return False
    if any(world.write) or any(world.sweep) or any(world.ping) or any(world.seed) or any(map(any, world.debts)):
        return False
    return all(world.connected) and all(world.warm)


def quiet(rules: Rules, world: World) -> bool:
    """Settled, nobody is shown who has been silent for W, and nothing stands in the way of a sweep or ping."""
    if any(world.mark) or any(world.block) or not settled(rules, world):
        return False
    if any(world.left):
        return not rules.bounds["ages"]  # W ends it
    if not rules.bounds["sweeps"]:
        return True  # nobody is ever taken offline
    return all(beat == Beat.NEW or not shown for beat, shown in zip(world.beat, world.shown, strict=True))


@invariant("INV-01", "in quiet the online set equals the truth")
def mirror_equals_truth(rules: Rules, before: World, step: Step, after: World) -> str:
    if settled(rules, after):
        for mitra, (shown, online) in enumerate(zip(after.shown, after.online, strict=True)):
            if shown != online:
                words = {True: "online", False: "offline"}
                return f"mitra {mitra} is {words[online]} in Postgres, {words[shown]} in Valkey"
    return ""


@invariant("INV-04", "in quiet a heartbeat stands in Valkey if and only if the mitra is online")
def heartbeat_if_online(rules: Rules, before: World, step: Step, after: World) -> str:
    if settled(rules, after) and after.seeding == NOBODY:  # else the next seed has strays to remove
        for mitra, (beat, online) in enumerate(zip(after.beat, after.online, strict=True)):
            if online != bool(beat):
                return f"mitra {mitra} {'has no' if online else 'is offline and has a'} heartbeat"
    return ""


CHANGES = (change_commits, change_is_applied, change_is_owed, debt_is_read, notification_is_looked_up)
PINGS = (mitra_pings, ping_locks_row, ping_deletes_mark, ping_gives_up, postgres_ends_ping)
SWEEPS = (
    sweep_sees_silence, sweep_locks_row, sweep_takes_lock, sweep_reads_instances, sweep_takes_second_look,
    sweep_commits, sweep_learns_of_rollback, postgres_ends_sweep,
)  # fmt: skip
INVARIANTS = (no_promise_is_broken, mirror_equals_truth, heartbeat_if_online)


def initial(rules: Rules) -> World:
    """All mitras are online and long silent, everything is mirrored, nothing is under way."""
    return first(rules)


SPEC = Spec(
    name="sweep",
    title="Sweep, ping and mark, with epoch, seed and debts",
    initial=initial,
    actions=(
        *CHANGES, *PINGS, *SWEEPS, *SEED, mark_expires, mitra_falls_silent, reply_of_change_is_lost,
        reply_of_second_look_is_lost, late_script_lands, reply_of_sweeps_commit_is_lost,
        reply_of_changes_commit_is_lost, given_up_transaction_ends, process_is_killed, valkey_is_flushed,
        valkey_restarts, instance_is_cut_off, instance_is_back,
    ),
    invariants=INVARIANTS,
    quiet=quiet,
    bounds=(
        counts(mitras=2, faults=1, waiting=1),
        counts(faults=2, waiting=1),
        counts(faults=1, waiting=1, changes=1),
        counts(sweeps=2, waiting=2, timeouts=2, changes=1),
        counts(waiting=1, changes=2),
        counts(instances=1, faults=2, sweeps=0, changes=1, reconciles=1),
        counts(instances=1, faults=1, waiting=1, changes=1, reconciles=1, ages=1),
    ),
    small=counts(faults=1, waiting=1),
    deep=(
        counts(faults=1, sweeps=2, waiting=1, timeouts=1),
        counts(faults=2, changes=1),
        counts(mitras=2, faults=1, changes=1),
        counts(instances=1, mitras=2, faults=1, waiting=1, changes=1, ages=1),
    ),
    relabel=relabel,
    unkilled=UNKILLED
    | {
        "a seed without grace ends no outage": "a periodic seed that ends an outage gives grace: without both, a mutant shows it",
        "a periodic seed that ends an outage gives grace": "a seed without grace ends no outage: without both, a mutant shows it",
    },
    shown_by={
        "a block stops the sweep": "cut_off",
        "a debt is cleared only if its counter did not move": "cut_off",
        "a retry that was fenced off does not pay a heartbeat": "cut_off",
        "a step removes the keys of who was read as offline": "seed",
    },
    mutants=(
        mutant(
            "the seed does not wait for sweeps", "the seed waits for open sweeps", breaks="INV-07", finding="P-01",
            instances=1,
        ),
        mutant("a script checks no epoch", EPOCH, breaks="INV-07", instances=1, faults=2, waiting=0),
        mutant(
            "the second look takes any version", "the second look demands the locked row's version", breaks="INV-07",
            instances=1, waiting=0, changes=1,
        ),
        mutant(
            "a sweep does not wait for the row", "the sweep waits for the row", breaks="INV-07", instances=1, waiting=0, changes=1,
            reconciles=1, ages=1,
        ),
        mutant(
            "a transaction outlives its mark", "Postgres ends a sweep's transaction before its mark expires",
            breaks="INV-07", finding="P-02", faults=0,
        ),
        mutant(
            "an earlier change deletes a mark", "only a newer change deletes a mark",
            "the second look demands the locked row's version", breaks="INV-07", finding="P-04", faults=0, changes=1,
        ),
        mutant(
            "a COMMIT of unknown outcome deletes the mark", "an unknown outcome leaves the mark", breaks="INV-07",
            finding="P-05", instances=1,
        ),
        mutant(
            "a periodic seed gives no grace", "a periodic seed that ends an outage gives grace",
            "a seed without grace ends no outage", breaks="INV-07", finding="P-11", instances=1, reconciles=1,
        ),
        mutant(
            "the lock SWEEP is that of another connection", "the lock SWEEP belongs to the sweep's transaction",
            breaks="INV-07", instances=1, faults=2,
        ),
        mutant(
            "a sweep that was rolled back deletes the mark", "a sweep never deletes a mark itself", breaks="INV-07",
            faults=0, sweeps=2, timeouts=1,
        ),
        mutant(
            "a ping deletes any mark", "a ping deletes only the mark that it met", breaks="INV-07", faults=0, sweeps=2, timeouts=2,
            waiting=2,
        ),
        mutant(
            "what a seed has carried does not count before its swap", "what a seed has carried counts before its swap, too",
            breaks="INV-04", waiting=0, changes=1,
        ),
        mutant(
            "the step of a seed puts its versions in use", "the versions of a seed are in use after its swap only",
            breaks="INV-01", instances=1, faults=2, waiting=0, sweeps=0, changes=1, reconciles=1,
        ),
    ),
)  # fmt: skip
