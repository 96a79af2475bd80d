"""Specifies the way of a change from Postgres to Valkey: versions, notifications, the apply script and debts.

Sections 1 and 7 of docs/protocol.md. A seed is one step here; `seed` specifies it in full.
What a sweep would do is an invariant here: where it would find a mitra stale, nobody may have been promised anything.
"""

from collections.abc import Iterator
from enum import IntEnum
from typing import Any, NamedTuple

from rig.model.language import Kind, Lane, Rules, Spec, Step, action, invariant, mutant, put

INSTANCE, VALKEY, POSTGRES, MITRA = Lane.INSTANCE, Lane.VALKEY, Lane.POSTGRES, Lane.MITRA
WRITES, SEEDER, WATCHDOG = (
    "server/mirror/writes.py:Writes.",
    "server/mirror/seed.py:Seeder.",
    "server/mirror/watchdog.py:",
)
PROVES = "the connection for notifications proves that it is alive"
TOLD = "each transaction that changes a mitra notifies every instance"
SET_BACK = "a sequence that went back is an outage"
AHEAD = "a version of Valkey that is ahead of its row is an outage"
HIGHER = "a version is higher than the last one of its row"
COMPARES = "a new connection for notifications compares all versions"
IDENTITY = "the identity of Postgres' history stands in the epoch"


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


def changed(row: Row, what: What, version: int) -> Row:
    """A row after a change."""
    if what is What.ONLINE:
        return Row(True, row.active, version, True)
    if what is What.OFFLINE:
        return Row(False, row.active, version, False)
    return row._replace(active=row.active and what is not What.DEACTIVATION, version=version)


def is_locked(state: State, m: int) -> bool:
    """Whether a transaction holds the lock of a mitra's row."""
    under_way = any(one.change and one.change.mitra == m and one.change.stage < 2 for one in state.instances)
    return under_way or any(late.mitra == m for late in state.late_commits)


def owe(rules: Rules, state: State, i: int, m: int, debt: Debt) -> State:
    """The state after an instance has taken on a debt; a retry that is under way does not pay it."""
    one = state.instances[i]
    owed = max(debt, one.debts[m])
    retry = one.retry
    counted = rules.keeps("debts are counted, not compared")
    if retry and retry.mitra == m and (counted or owed != one.debts[m]):
        retry = retry._replace(moved=True)
    return having(state, i, debts=put(one.debts, m, owed), retry=retry)


def committed(rules: Rules, state: State, change: Change) -> State:
    """The state after a COMMIT: the row, and what every instance that listens is told."""
    m, version = change.mitra, change.row.version
    row = changed(state.rows[m], change.what, version)
    promised = state.promised if row.online and row.active else put(state.promised, m, False)
    state = state._replace(rows=put(state.rows, m, row), promised=promised)
    if rules.keeps(TOLD):
        for i, one in enumerate(state.instances):
            if one.alive and one.hears:
                state = having(state, i, heard=put(one.heard, m, max(version, one.heard[m])))
    return state


def run_script(rules: Rules, state: State, script: Script) -> tuple[State, str]:
    """The apply script: what it leaves, and "applied", "fenced off" or "cold"."""
    epoch_counts = state.epoch == (script.run, script.history)
    if not rules.holds("a script checks the epoch first", epoch_counts):
        return state, "cold"
    row, known = script.row, state.kept[script.mitra]
    if not rules.holds("an older version is refused", row.version >= known.version):
        return state, "fenced off"
    beat = known.beat
    if not row.online:
        beat = Beat.NONE
    else:
        toggled = rules.keeps("every apply carries the heartbeat of her last toggle") and row.pinged
        came = rules.keeps("who comes online in Valkey gets a heartbeat") and not (known.online and known.beat)
        beat = Beat.FRESH if script.beat or toggled or came else known.beat
    state = state._replace(kept=put(state.kept, script.mitra, Kept(row.online, row.active, row.version, beat)))
    return without_news(state), "applied"


def without_news(state: State) -> State:
    """The state without notifications whose version Valkey has: to look them up would change nothing."""
    for i, one in enumerate(state.instances):
        if any(one.heard):
            pairs = zip(one.heard, state.kept, strict=True)
            state = having(state, i, heard=tuple(heard if heard > known.version else 0 for heard, known in pairs))
    return state


# --- a change ------------------------------------------------------------------------------------------------------------


@action(
    "instance", "mitra", kind=Kind.CLIENT, code=WRITES + "changing", point="change locks", lanes=(INSTANCE, POSTGRES)
)
def change_locks_the_row(rules: Rules, state: State, i: int, m: int) -> Iterator[Any]:
    """A change opens its transaction and locks the mitra's row."""
    one, row = state.instances[i], state.rows[m]
    if not one.alive or one.change or not rules.holds("a change locks the mitra's row first", not is_locked(state, m)):
        return
    if state.toggles and row.active:
        fewer = state._replace(toggles=state.toggles - 1)
        yield "to online", having(fewer, i, change=Change(m, What.ONLINE, Stage.LOCKED, row))
        if row.online:
            yield "to offline", having(fewer, i, change=Change(m, What.OFFLINE, Stage.LOCKED, row))
    if state.deactivations and row.active:
        fewer = state._replace(deactivations=state.deactivations - 1)
        yield "deactivation", having(fewer, i, change=Change(m, What.DEACTIVATION, Stage.LOCKED, row))
    if state.accepts and row.online and row.active:
        fewer = state._replace(accepts=state.accepts - 1)
        yield "acceptance", having(fewer, i, change=Change(m, What.ACCEPTANCE, Stage.LOCKED, row))


@action("instance", code=WRITES + "changing", lanes=(INSTANCE, POSTGRES))
def change_draws_its_version(rules: Rules, state: State, i: int) -> Iterator[Any]:
    """The transaction's last statement draws the version and sends the notification."""
    change = state.instances[i].change
    if not change or change.stage is not Stage.LOCKED:
        return
    drawn = state.drawn + 1
    higher = rules.keeps(HIGHER)
    version = max(drawn, state.rows[change.mitra].version + 1) if higher else drawn
    row = changed(state.rows[change.mitra], change.what, version)
    yield having(state, i, change=change._replace(stage=Stage.DRAWN, row=row))._replace(drawn=drawn)


@action("instance", code=WRITES + "changing", point="change commits", lanes=(INSTANCE, POSTGRES))
def change_commits(rules: Rules, state: State, i: int) -> Iterator[Any]:
    """COMMIT: the row is visible, and its notification is delivered."""
    change = state.instances[i].change
    if change and change.stage is Stage.DRAWN:
        yield having(committed(rules, state, change), i, change=change._replace(stage=Stage.COMMITTED))


@action("instance", code=WRITES + "apply", point="change applies", lanes=(INSTANCE, VALKEY))
def change_is_applied(rules: Rules, state: State, i: int) -> Iterator[Any]:
    """The apply script carries the committed row to Valkey, then the change is answered."""
    one = state.instances[i]
    if not one.change or one.change.stage is not Stage.COMMITTED:
        return
    outcome = "cold"
    if one.warm and one.linked:
        state, outcome = run_script(rules, state, script_of(state, i, one.change))
    state = answered(having(state, i, change=()), one.change)
    if outcome == "cold":
        state = having(owe(rules, state, i, one.change.mitra, debt_of(one.change)), i, warm=False)
    yield outcome, state


def script_of(state: State, i: int, change: Change) -> Script:
    """The first apply of a change."""
    return Script(change.mitra, change.row, change.what is What.ONLINE, state.run, state.instances[i].history)


def debt_of(change: Change) -> Debt:
    """What a change owes when its apply has failed."""
    return Debt.HEARTBEAT if change.what is What.ONLINE else Debt.ROW


def answered(state: State, change: Change) -> State:
    """The state after the answer: a toggle to online is a promise, if the row still says online."""
    row = state.rows[change.mitra]
    kept = change.what is What.ONLINE and row.online and row.active
    return state._replace(promised=put(state.promised, change.mitra, True)) if kept else state


# --- debts ---------------------------------------------------------------------------------------------------------------


@action("instance", "mitra", code=WATCHDOG + "Watchdog._heard", lanes=(POSTGRES, INSTANCE))
def notification_is_looked_up(rules: Rules, state: State, i: int, m: int) -> Iterator[Any]:
    """Half a second after a notification the instance finds that Valkey has not got that version, and owes it."""
    one = state.instances[i]
    if one.heard[m]:
        state = having(state, i, heard=put(one.heard, m, 0))
        if rules.keeps("who hears of a version that Valkey has not got owes it"):
            state = owe(rules, state, i, m, Debt.ROW)
        yield state


@action("instance", "mitra", code=WRITES + "retry_dirty", point="debt reads", lanes=(POSTGRES, INSTANCE))
def retry_reads_the_row(rules: Rules, state: State, i: int, m: int) -> Iterator[Any]:
    """The retry of a debt reads the mitra's row anew."""
    one = state.instances[i]
    if one.warm and one.linked and one.debts[m] and not one.retry:
        yield having(state, i, retry=Retry(m, state.rows[m], one.debts[m], False))


@action("instance", code=WRITES + "retry_dirty", point="debt applies", lanes=(INSTANCE, VALKEY))
def retry_is_applied(rules: Rules, state: State, i: int) -> Iterator[Any]:
    """The retry's apply script carries the row to Valkey, and the debt is cleared unless it moved."""
    one, retry = state.instances[i], state.instances[i].retry
    if not retry:
        return
    if not (one.warm and one.linked):
        yield "cold", having(state, i, retry=())
        return
    script = Script(retry.mitra, retry.row, retry.debt is Debt.HEARTBEAT, state.run, one.history)
    state, outcome = run_script(rules, state, script)
    state = having(state, i, retry=())
    if outcome == "cold":
        yield outcome, having(state, i, warm=False)
        return
    unpaid = outcome == "fenced off" and retry.debt is Debt.HEARTBEAT
    if not retry.moved and rules.holds("a heartbeat that was fenced off stays owed", not unpaid):
        state = having(state, i, debts=put(one.debts, retry.mitra, Debt.NONE))
    yield outcome, state


@action(
    "instance",
    "mitra",
    kind=Kind.CLIENT,
    code="server/mirror/heartbeat.py:Heartbeat.in_postgres",
    lanes=(MITRA, INSTANCE),
)
def ping_is_answered_from_postgres(rules: Rules, state: State, i: int, m: int) -> Iterator[Any]:
    """An instance without Valkey answers a ping from Postgres, and owes the heartbeat; its block holds off the sweeps."""
    one, row = state.instances[i], state.rows[m]
    if one.alive and not one.warm and state.pings and row.online and row.active:
        told = state._replace(pings=state.pings - 1, promised=put(state.promised, m, True))
        yield owe(rules, told, i, m, Debt.HEARTBEAT)


@action("instance", "mitra", kind=Kind.FAULT, lanes=(MITRA, INSTANCE))
def ping_has_no_reply_from_valkey(rules: Rules, state: State, i: int, m: int) -> Iterator[Any]:
    """One ping's script has no reply: it is answered from Postgres, and the instance is not cold."""
    one, row = state.instances[i], state.rows[m]
    if state.faults and one.warm and state.pings and row.online and row.active:
        told = state._replace(pings=state.pings - 1, faults=state.faults - 1)
        yield owe(rules, told._replace(promised=put(state.promised, m, True)), i, m, Debt.HEARTBEAT)


# --- notifications -------------------------------------------------------------------------------------------------------


@action("instance", code="server/mirror/coordinator.py:InstanceCoordinator._use_link", lanes=(INSTANCE, POSTGRES))
def connection_is_made_anew(rules: Rules, state: State, i: int) -> Iterator[Any]:
    """The connection for notifications does not prove that it is alive: a new one listens."""
    one = state.instances[i]
    if one.alive and not one.hears and rules.keeps(PROVES):
        yield having(state, i, hears=True, compares=rules.keeps(COMPARES))


@action("instance", code=WATCHDOG + "Watchdog._look", lanes=(POSTGRES, INSTANCE))
def versions_are_compared(rules: Rules, state: State, i: int) -> Iterator[Any]:
    """All versions are compared once, Valkey's read first: what Valkey lacks is owed."""
    one = state.instances[i]
    if not (one.compares and one.warm and one.linked):
        return
    ahead = is_ahead(rules, state)
    state = having(state, i, compares=False, warm=not ahead)
    for m, row in enumerate(state.rows):
        if state.kept[m].version < row.version:
            state = owe(rules, state, i, m, Debt.ROW)
    yield "ahead of its row" if ahead else "", state


# --- outages and seeds ---------------------------------------------------------------------------------------------------


def is_set_back(rules: Rules, state: State) -> bool:
    """Whether the sequence is behind a version that Valkey has."""
    behind = any(known.version > state.drawn for known in state.kept)
    return behind and rules.keeps(SET_BACK)


def is_ahead(rules: Rules, state: State) -> bool:
    """Whether Valkey has a version that is ahead of its mitra's row."""
    ahead = any(known.version > row.version for known, row in zip(state.kept, state.rows, strict=True))
    return ahead and rules.keeps(AHEAD)


@action("instance", code=WATCHDOG + "Watchdog._look", lanes=(INSTANCE, VALKEY))
def outage_is_noticed(rules: Rules, state: State, i: int) -> Iterator[Any]:
    """The watchdog's look finds no valid epoch, or a sequence that went back: the instance is cold."""
    one = state.instances[i]
    if not (one.alive and one.warm):
        return
    history = state.history if rules.keeps(IDENTITY) else one.history
    if not one.linked or state.epoch != (state.run, history) or is_set_back(rules, state):
        yield having(state, i, warm=False)


@action("instance", code=SEEDER + "seed", lanes=(POSTGRES, INSTANCE, VALKEY))
def seed_is_made(rules: Rules, state: State, i: int) -> Iterator[Any]:
    """A seed drops versions of another history, reads Postgres, grants heartbeats, swaps the sets in, writes the epoch."""
    one = state.instances[i]
    if not (one.alive and one.linked) or one.warm:
        return
    history = state.history if rules.keeps(IDENTITY) else one.history
    drops = rules.keeps("the seed's begin drops versions of another history") and (
        state.owner != history or is_set_back(rules, state) or is_ahead(rules, state)
    )
    kept = []
    for row, known in zip(state.rows, state.kept, strict=True):
        beat = Beat.FRESH if drops or row.version >= known.version else known.beat
        kept.append(Kept(row.online, row.active, row.version, beat if row.online else Beat.NONE))
    highest = max(row.version for row in state.rows)
    drawn = (
        max(state.drawn, highest)
        if rules.keeps("a seed raises the sequence to the highest version of a row")
        else state.drawn
    )
    state = state._replace(kept=tuple(kept), epoch=(state.run, history), owner=history, drawn=drawn)
    yield having(without_news(state), i, warm=True, history=history, compares=False)


# --- what breaks, and what heals -----------------------------------------------------------------------------------------


@action("instance", kind=Kind.FAULT, lanes=(VALKEY, INSTANCE))
def reply_of_apply_is_lost(rules: Rules, state: State, i: int) -> Iterator[Any]:
    """The reply of an apply script is lost: it is owed, and Valkey may run the script later."""
    one = state.instances[i]
    if not state.faults or not (one.warm and one.linked):
        return
    state = state._replace(faults=state.faults - 1)
    if one.change and one.change.stage is Stage.COMMITTED:
        sent = state._replace(late_scripts=state.late_scripts | {script_of(state, i, one.change)})
        sent = answered(having(sent, i, change=()), one.change)
        yield "of the change", owe(rules, sent, i, one.change.mitra, debt_of(one.change))
    if retry := one.retry:
        script = Script(retry.mitra, retry.row, retry.debt is Debt.HEARTBEAT, state.run, one.history)
        yield "of the retry", having(state._replace(late_scripts=state.late_scripts | {script}), i, retry=())


@action(kind=Kind.TIME, lanes=(VALKEY,))
def late_script_lands(rules: Rules, state: State) -> Iterator[Any]:
    """Valkey runs an apply script whose reply was lost."""
    for script in state.late_scripts:
        left = state._replace(late_scripts=state.late_scripts - {script})
        if script.run == state.run:
            left, outcome = run_script(rules, left, script)
            yield f"{outcome}, version {script.row.version} of mitra {script.mitra}", left


@action("instance", kind=Kind.FAULT, lanes=(POSTGRES, INSTANCE))
def reply_of_commit_is_lost(rules: Rules, state: State, i: int) -> Iterator[Any]:
    """COMMIT has no answer in time: the client is told 503, the row is owed, and the COMMIT may still come."""
    one = state.instances[i]
    if state.faults and one.change and one.change.stage is Stage.DRAWN:
        late = state.late_commits | {one.change}
        sent = having(state._replace(faults=state.faults - 1, late_commits=late), i, change=())
        yield owe(rules, sent, i, one.change.mitra, Debt.ROW)


@action(kind=Kind.HEAL, lanes=(POSTGRES,))
def late_commit_ends(rules: Rules, state: State) -> Iterator[Any]:
    """A COMMIT of unknown outcome comes, or its transaction is rolled back."""
    for late in state.late_commits:
        left = state._replace(late_commits=state.late_commits - {late})
        yield f"committed, version {late.row.version}", committed(rules, left, late)
        yield f"rolled back, version {late.row.version}", left


@action("instance", kind=Kind.FAULT, lanes=(POSTGRES, INSTANCE))
def transaction_is_lost(rules: Rules, state: State, i: int) -> Iterator[Any]:
    """The connection of an open transaction ends before COMMIT: it is rolled back."""
    change = state.instances[i].change
    if state.faults and change and change.stage is not Stage.COMMITTED:
        yield having(state._replace(faults=state.faults - 1), i, change=())


@action("instance", kind=Kind.FAULT, lanes=(INSTANCE,))
def instance_is_killed(rules: Rules, state: State, i: int) -> Iterator[Any]:
    """The process is killed, and with it what it owed; its blocks outlive it, as the sweep's specification says."""
    one = state.instances[i]
    if not state.faults or not one.alive:
        return
    nothing = (Debt.NONE,) * len(state.rows)
    promised = tuple(was and debt is not Debt.HEARTBEAT for was, debt in zip(state.promised, one.debts, strict=True))
    dead = Instance(False, True, False, 0, False, False, (), (), nothing, (0,) * len(nothing))
    left = state._replace(faults=state.faults - 1, promised=promised, instances=put(state.instances, i, dead))
    yield left
    if one.change and one.change.stage is Stage.DRAWN:
        yield "its COMMIT under way", left._replace(late_commits=left.late_commits | {one.change})


@action("instance", kind=Kind.HEAL, lanes=(INSTANCE,))
def instance_starts(rules: Rules, state: State, i: int) -> Iterator[Any]:
    """A killed instance starts again."""
    if not state.instances[i].alive:
        yield having(state, i, alive=True, hears=True)


@action("instance", kind=Kind.FAULT, lanes=(POSTGRES, INSTANCE))
def notifications_fall_silent(rules: Rules, state: State, i: int) -> Iterator[Any]:
    """The connection for notifications is dropped without a word."""
    if state.faults and state.instances[i].hears:
        yield having(state._replace(faults=state.faults - 1), i, hears=False)


@action("instance", kind=Kind.FAULT, lanes=(INSTANCE, VALKEY))
def instance_is_cut_off(rules: Rules, state: State, i: int) -> Iterator[Any]:
    """An instance is cut off from Valkey."""
    one = state.instances[i]
    if state.faults and one.alive and one.linked:
        yield having(state._replace(faults=state.faults - 1), i, linked=False)


@action("instance", kind=Kind.HEAL, lanes=(INSTANCE, VALKEY))
def instance_reaches_valkey(rules: Rules, state: State, i: int) -> Iterator[Any]:
    """An instance that was cut off reaches Valkey again; the lost connection has made it cold."""
    if not state.instances[i].linked:
        yield having(state, i, linked=True, warm=False)


@action(kind=Kind.FAULT, lanes=(VALKEY,))
def valkey_loses_data(rules: Rules, state: State) -> Iterator[Any]:
    """Valkey is emptied, or replaced by a replica that lags behind."""
    if not state.faults:
        return
    state = state._replace(faults=state.faults - 1)
    empty = (Kept(False, True, 0, Beat.NONE),) * len(state.rows)
    yield "emptied", state._replace(kept=empty, epoch=(), owner=-1)
    for i in range(len(state.instances)):
        state = having(state, i, warm=False)
    old = (Kept(True, True, 1, Beat.STALE),) * len(state.rows)
    yield "failover to a lagging replica", state._replace(run=state.run + 1, kept=old, epoch=(0, 0), owner=0)


@action(kind=Kind.FAULT, lanes=(POSTGRES,))
def postgres_goes_back(rules: Rules, state: State) -> Iterator[Any]:
    """Postgres is away for seconds and comes back as an older copy; or the sequence is set back by hand.

    What was under way before has ended by then, so a script of the old history that is still on its way is left out.
    """
    if not state.faults or state.drawn == 1:
        return
    state = state._replace(faults=state.faults - 1)
    yield "the sequence by hand", state._replace(drawn=1)
    for i, one in enumerate(state.instances):
        if one.change and one.change.stage is Stage.COMMITTED:
            state = owe(rules, state, i, one.change.mitra, Debt.ROW)
        compares = one.alive and rules.keeps(COMPARES)
        state = having(state, i, hears=one.alive, compares=compares, change=(), retry=(), heard=(0,) * len(state.rows))
    old = (Row(True, True, 1, False),) * len(state.rows)
    nothing = {"late_commits": frozenset(), "late_scripts": frozenset(), "promised": (False,) * len(old)}
    state = state._replace(rows=old, drawn=1, **nothing)
    yield "under its old identity", state
    yield "under a new identity", state._replace(history=state.history + 1)


@action("mitra", kind=Kind.TIME, lanes=(MITRA,))
def heartbeat_grows_old(rules: Rules, state: State, m: int) -> Iterator[Any]:
    """W passes without a ping of this mitra: nothing is promised to her any longer."""
    answers = any(one.change and one.change.mitra == m for one in state.instances)  # a change takes seconds, not W
    if state.ages and not answers and (state.kept[m].beat is Beat.FRESH or state.rows[m].pinged):
        known = state.kept[m]
        beat = Beat.STALE if known.beat else Beat.NONE
        yield state._replace(
            ages=state.ages - 1, promised=put(state.promised, m, False),
            kept=put(state.kept, m, known._replace(beat=beat)),
            rows=put(state.rows, m, state.rows[m]._replace(pinged=False)),
        )  # fmt: skip


# --- what must hold ------------------------------------------------------------------------------------------------------


def quiet(rules: Rules, state: State) -> bool:
    """Nobody has anything left to do; who is dead may stay dead, as long as one lives."""
    if state.late_commits or state.epoch != (state.run, state.history) or not any(one.alive for one in state.instances):
        return False
    for one in state.instances:
        if one.alive:
            deaf = not one.hears and rules.keeps(PROVES)
            if not (one.linked and one.warm) or one.change or one.retry or any(one.debts) or any(one.heard):
                return False
            if one.compares or deaf or is_set_back(rules, state):
                return False
    return True


def in_quiet(rules: Rules, state: State, differs: Any) -> str:
    """Who differs, where the state is quiet."""
    pairs = enumerate(zip(state.rows, state.kept, strict=True))
    wrong = [str(m) for m, (row, known) in pairs if differs(row, known)]
    return (
        f"mitra {wrong[0]}: {state.rows[int(wrong[0])]}, {state.kept[int(wrong[0])]}"
        if wrong and quiet(rules, state)
        else ""
    )


@invariant("INV-01", "In quiet Valkey's online set is that of Postgres")
def online_agrees(rules: Rules, before: State, step: Step, after: State) -> str:
    return in_quiet(rules, after, lambda row, known: row.online != known.online)


@invariant("INV-02", "In quiet Valkey's deactivated set is that of Postgres")
def active_agrees(rules: Rules, before: State, step: Step, after: State) -> str:
    return in_quiet(rules, after, lambda row, known: row.active != known.active)


@invariant("INV-04", "In quiet there is a heartbeat exactly for who is online")
def heartbeat_agrees(rules: Rules, before: State, step: Step, after: State) -> str:
    return in_quiet(rules, after, lambda row, known: row.online != bool(known.beat))


@invariant("INV-07", "A sweep finds nobody stale who was told that she is online")
def promise_is_kept(rules: Rules, before: State, step: Step, after: State) -> str:
    blocked = any(Debt.HEARTBEAT in one.debts for one in after.instances)
    if blocked or after.epoch != (after.run, after.history):
        return ""
    for m, known in enumerate(after.kept):
        stale = known.online and known.beat is not Beat.FRESH and known.version == after.rows[m].version
        if stale and after.promised[m] and after.rows[m].online and not is_locked(after, m):
            return f"mitra {m} was told that she is online, and Valkey has an old heartbeat"
    return ""


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


SPEC = Spec(
    name="change",
    title="A change and its way from Postgres to Valkey",
    initial=initial,
    actions=[
        change_locks_the_row, change_draws_its_version, change_commits, change_is_applied, notification_is_looked_up,
        retry_reads_the_row, retry_is_applied, ping_is_answered_from_postgres, ping_has_no_reply_from_valkey, connection_is_made_anew,
        versions_are_compared, outage_is_noticed, seed_is_made, reply_of_apply_is_lost, late_script_lands,
        reply_of_commit_is_lost, late_commit_ends, transaction_is_lost, instance_is_killed, instance_starts,
        notifications_fall_silent, instance_is_cut_off, instance_reaches_valkey, valkey_loses_data, postgres_goes_back,
        heartbeat_grows_old,
    ],
    invariants=[online_agrees, active_agrees, heartbeat_agrees, promise_is_kept],
    quiet=quiet,
    relabel=relabel,
    bounds=[
        bounds(accepts=1, pings=1, ages=1, faults=1),
        bounds(deactivations=1, accepts=1, faults=1),
        bounds(toggles=1, faults=2),
        bounds(mitras=2, toggles=1, accepts=1, faults=1),
    ],
    small=bounds(toggles=1, faults=1),
    deep=[
        bounds(toggles=2, ages=1, faults=1),
        bounds(toggles=1, pings=1, faults=2),
    ],
    unkilled={
        "a script checks the epoch first": "what a script writes without a valid epoch, the next seed corrects: the check is "
        "for pings, readers and the second look",
        SET_BACK: "the other two signs of a restored Postgres suffice for the mirror; this one needs no reading of rows, so "
        "the watchdog can look each second",
    },
    mutants=[
        mutant(
            "a late COMMIT is told to nobody", TOLD, breaks="INV-02", finding="P-12",
            deactivations=1, toggles=0,
        ),
        mutant("a writer that dies tells nobody", TOLD, breaks="INV-01"),
        mutant(
            "who comes online in Valkey has no heartbeat", "who comes online in Valkey gets a heartbeat",
            breaks="INV-04", toggles=1, accepts=1,
        ),
        mutant(
            "a retry that was fenced off pays the heartbeat", "a heartbeat that was fenced off stays owed",
            breaks="INV-07", toggles=0, accepts=1, pings=1,
        ),
        mutant(
            "debts are compared by value", "debts are counted, not compared", breaks="INV-01", finding="S-05",
            toggles=1, accepts=1, faults=2,
        ),
        mutant("a deaf connection is kept for ever", PROVES, breaks="INV-01", finding="S-07", faults=2),
        mutant("a new connection compares nothing", COMPARES, breaks="INV-01", finding="S-07", faults=2),
        mutant("Postgres may go back unnoticed", IDENTITY, SET_BACK, AHEAD, breaks="INV-01", finding="S-08"),
        mutant(
            "versions of another history are kept", "the seed's begin drops versions of another history",
            breaks="INV-04", finding="S-08",
        ),
        mutant("versions go back with a sequence set by hand", HIGHER, breaks="INV-01", finding="S-08", accepts=1),
        mutant(
            "a sequence set by hand stays behind", "a seed raises the sequence to the highest version of a row",
            breaks="LIVENESS", finding="S-08",
        ),
        mutant(
            "an apply that is fenced off loses the toggle's heartbeat",
            "every apply carries the heartbeat of her last toggle", breaks="INV-07", accepts=1, faults=0,
        ),
    ],
)  # fmt: skip
