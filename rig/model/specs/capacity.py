"""Accept, reroute and the end of chats against a maximum that an operator changes: no load is raised above it.

A lock is held by whoever has passed the step that takes it: locks are read from where the transactions stand. The
transactions end at a COMMIT or a rollback; what a transaction writes is seen at its COMMIT only, so both are one step.
"""

from collections.abc import Iterator
from enum import IntEnum
from typing import NamedTuple

from rig.model.language import Action, Kind, Lane, Rules, Spec, Step, action, invariant, mutant, put

_CHATS_MOVE = "server/chats.py:Chats._move"
_ENSURE_ROOM = "server/capacity.py:ensure_room"
_TO_POSTGRES = (Lane.INSTANCE, Lane.POSTGRES)
_BY_HAND = (Lane.OPERATOR, Lane.POSTGRES)

SEARCHING, ENDED = 98, 99  # who holds a chat: nobody yet, nobody any more
DEFAULT, LOWERED = 2, 1  # the maximum without a row of its own, and the one that the operator sets
NO_ROW = 0

MITRA_LOCK = "a mitra's row is locked before her load is counted"
IN_ORDER = "mitras are locked in the order of their ids"
OWN_STATEMENT = "the load is counted in a statement after the lock"
CHAT_LOCK = "the chat's row is locked before it is looked at"
MOVED = "a change starts again if its chat has another mitra by now"
STILL_OPEN = "the chat is looked at again under its lock"
TABLE = "the whole table of settings is locked, not the setting's row"
READ_AFTER = "the maximum is read in a statement after the lock"
IN_POSTGRES = "the maximum is read in Postgres, not taken from memory"
ROOM = "a load at the maximum takes no further chat"


class What(IntEnum):
    """What a transaction is for."""

    NOTHING = 0
    ACCEPT = 1
    REROUTE = 2
    END = 3
    __hash__ = int.__hash__


class At(IntEnum):
    """How far a transaction is: which of its steps is done."""

    ASKED = 0
    ONE_MITRA = 1  # of two
    MITRAS = 2
    CHAT = 3
    STILL = 4  # no setting can change
    COUNTED = 5
    READ = 6
    __hash__ = int.__hash__


class Work(NamedTuple):
    """A transaction that is under way."""

    what: What = What.NOTHING
    at: At = At.ASKED
    chat: int = 0
    source: int = SEARCHING  # who held the chat when it was asked
    target: int = ENDED  # who is to hold it
    load: int = 0  # as counted
    maximum: int = 0  # as read


NONE = Work()


class State(NamedTuple):
    """The rows that are committed, and the transactions under way."""

    holder: tuple[int, ...]  # per chat
    row: int  # the setting's row
    change: int  # what the operator's transaction is to write; -1: there is none
    changing: bool  # it has its lock and has written
    work: tuple[Work, ...]  # per instance
    orphan: Work  # a transaction whose client is gone before its COMMIT was answered
    requests: int
    changes: int
    faults: int


def initial(rules: Rules) -> State:
    """The first `held` chats are taken, by one mitra each; the others are searching."""
    bounds = rules.bounds
    held, chats = bounds["held"], bounds["chats"]
    return State(
        holder=(*range(held), *(SEARCHING,) * (chats - held)),
        row=NO_ROW,
        change=-1,
        changing=False,
        work=(NONE,) * bounds["instances"],
        orphan=NONE,
        requests=bounds["requests"],
        changes=bounds["changes"],
        faults=bounds["faults"],
    )


def in_force(row: int) -> int:
    return row or DEFAULT


def load(state: State, mitra: int) -> int:
    return state.holder.count(mitra)


def mitras_of(rules: Rules, work: Work) -> tuple[int, ...]:
    """Whose rows this transaction locks, in its order."""
    wanted = [one for one in (work.target, work.source) if one not in (SEARCHING, ENDED)]
    return tuple(sorted(wanted)) if rules.keeps(IN_ORDER) else tuple(wanted)


def holds_mitra(rules: Rules, work: Work, mitra: int) -> bool:
    if work.what == What.NOTHING or work.at < At.ONE_MITRA:
        return False
    wanted = mitras_of(rules, work)
    return mitra in (wanted if work.at >= At.MITRAS else wanted[:1])


def holds_chat(work: Work, chat: int) -> bool:
    return work.what != What.NOTHING and work.at >= At.CHAT and work.chat == chat


def holds_table(work: Work) -> bool:
    return work.what in (What.ACCEPT, What.REROUTE) and work.at >= At.STILL


def all_work(state: State) -> tuple[Work, ...]:
    return (*state.work, state.orphan)


def mitra_is_free(rules: Rules, state: State, mitra: int) -> bool:
    return not any(holds_mitra(rules, one, mitra) for one in all_work(state))


def table_is_free(rules: Rules, state: State) -> bool:
    """Whether a lock that forbids changes is granted. Who comes behind a waiting change waits as well."""
    if rules.keeps(TABLE):
        return state.change == -1
    return state.row == NO_ROW or not state.changing  # the row's lock: where there is no row nothing is locked


def change_is_free(rules: Rules, state: State) -> bool:
    """Whether the operator's change gets its lock."""
    if not rules.keeps(TABLE) and state.row == NO_ROW:
        return True
    return not any(holds_table(one) for one in all_work(state))


def on(state: State, instance: int, work: Work) -> State:
    return state._replace(work=put(state.work, instance, work))


# --- what is asked -----------------------------------------------------------------------------------------------


@action(
    "instance",
    "chat",
    "mitra",
    kind=Kind.CLIENT,
    code="server/blast.py:Blast.accept",
    lanes=(Lane.MITRA, Lane.INSTANCE),
)
def accept_is_asked(rules: Rules, state: State, instance: int, chat: int, mitra: int) -> Iterator[State]:
    """A mitra accepts a chat that is offered to her."""
    if state.work[instance] == NONE and state.requests and state.holder[chat] == SEARCHING:
        work = Work(What.ACCEPT, At.ASKED, chat, SEARCHING, mitra, load(state, mitra), in_force(state.row))
        yield on(state, instance, work)._replace(requests=state.requests - 1)


@action(
    "instance",
    "chat",
    "mitra",
    kind=Kind.CLIENT,
    code="server/chats.py:Chats.reroute",
    lanes=(Lane.OPERATOR, Lane.INSTANCE),
)
def reroute_is_asked(rules: Rules, state: State, instance: int, chat: int, mitra: int) -> Iterator[State]:
    """The operator reroutes a chat to another mitra; the instance looks who has it."""
    source = state.holder[chat]
    if state.work[instance] == NONE and state.requests and source not in (SEARCHING, ENDED, mitra):
        work = Work(What.REROUTE, At.ASKED, chat, source, mitra, load(state, mitra), in_force(state.row))
        yield on(state, instance, work)._replace(requests=state.requests - 1)


@action("instance", "chat", kind=Kind.CLIENT, code="server/chats.py:Chats._end", lanes=(Lane.CUSTOMER, Lane.INSTANCE))
def end_is_asked(rules: Rules, state: State, instance: int, chat: int) -> Iterator[State]:
    """A chat is to end; the instance looks who has it."""
    source = state.holder[chat]
    if state.work[instance] == NONE and state.requests and source not in (SEARCHING, ENDED):
        yield on(state, instance, Work(What.END, At.ASKED, chat, source))._replace(requests=state.requests - 1)


# --- the steps of a transaction ----------------------------------------------------------------------------------


@action("instance", code="server/mirror/writes.py:Writes.changing", lanes=_TO_POSTGRES)
def mitra_is_locked(rules: Rules, state: State, instance: int) -> Iterator[State]:
    """The next row of those in `mitras` whose load may change is locked."""
    work = state.work[instance]
    if work.what == What.NOTHING or work.at > At.ONE_MITRA:
        return
    wanted = mitras_of(rules, work)
    at_second = work.at == At.ONE_MITRA
    if not rules.holds(MITRA_LOCK, mitra_is_free(rules, state, wanted[at_second])):
        return
    both = at_second or len(wanted) == 1
    yield on(state, instance, work._replace(at=At.MITRAS if both else At.ONE_MITRA))


@action("instance", code=_CHATS_MOVE, lanes=_TO_POSTGRES)
def chat_is_locked(rules: Rules, state: State, instance: int) -> Iterator[tuple[str, State]]:
    """The chat's row is locked and looked at."""
    work = state.work[instance]
    if work.what == What.NOTHING or work.at != At.MITRAS:
        return
    if not rules.holds(CHAT_LOCK, not any(holds_chat(one, work.chat) for one in all_work(state))):
        return
    holder = state.holder[work.chat]
    if work.what != What.ACCEPT and not rules.holds(MOVED, holder in (work.source, ENDED)):
        work = Work(work.what, At.ASKED, work.chat, holder, work.target, work.load, work.maximum)
        again = work.target != holder
        yield "it has moved meanwhile", on(state, instance, work if again else NONE)
    elif not rules.holds(STILL_OPEN, holder == SEARCHING if work.what == What.ACCEPT else holder != ENDED):
        yield "refused", on(state, instance, NONE)
    else:
        yield "", on(state, instance, work._replace(at=At.CHAT))


@action("instance", code=_ENSURE_ROOM, lanes=_TO_POSTGRES)
def settings_are_locked(rules: Rules, state: State, instance: int) -> Iterator[State]:
    """The table of settings is locked, so that none of them changes before this COMMIT."""
    work = state.work[instance]
    if work.what in (What.ACCEPT, What.REROUTE) and work.at == At.CHAT and table_is_free(rules, state):
        yield on(state, instance, work._replace(at=At.STILL))


@action("instance", code=_ENSURE_ROOM, lanes=_TO_POSTGRES)
def load_is_counted(rules: Rules, state: State, instance: int) -> Iterator[State]:
    """The mitra's load is counted."""
    work = state.work[instance]
    if work.what != What.NOTHING and work.at == At.STILL:
        counted = load(state, work.target) if rules.keeps(OWN_STATEMENT) else work.load
        yield on(state, instance, work._replace(at=At.COUNTED, load=counted))


@action("instance", code=_ENSURE_ROOM, lanes=_TO_POSTGRES)
def maximum_is_read(rules: Rules, state: State, instance: int) -> Iterator[tuple[str, State]]:
    """The maximum is read, and compared with the load."""
    work = state.work[instance]
    if work.what == What.NOTHING or work.at != At.COUNTED:
        return
    maximum = in_force(state.row) if rules.keeps(READ_AFTER) else work.maximum
    maximum = maximum if rules.keeps(IN_POSTGRES) else DEFAULT
    if rules.holds(ROOM, work.load < maximum):
        yield "there is room", on(state, instance, work._replace(at=At.READ, load=0, maximum=0))
    else:
        yield "refused, rolled back", on(state, instance, NONE)


def written(state: State, work: Work) -> State:
    """The rows once this transaction is committed."""
    return state._replace(holder=put(state.holder, work.chat, work.target))


def may_commit(work: Work) -> bool:
    if work.what == What.END:
        return work.at == At.CHAT
    return work.what != What.NOTHING and work.at == At.READ


@action("instance", code=_CHATS_MOVE, lanes=_TO_POSTGRES)
def change_of_the_chat_commits(rules: Rules, state: State, instance: int) -> Iterator[State]:
    """The chat's row is updated and the transaction committed: its locks are free."""
    work = state.work[instance]
    if may_commit(work):
        yield on(written(state, work), instance, NONE)


# --- the maximum -------------------------------------------------------------------------------------------------


@action(kind=Kind.CLIENT, code="server/mirror/settings.py:AppConfig.set", lanes=_BY_HAND)
def maximum_is_asked_to_change(rules: Rules, state: State) -> Iterator[tuple[str, State]]:
    """The operator changes the maximum, by the API or by hand; the statement waits for its lock."""
    if state.changes and state.change == -1:
        for row, detail in ((LOWERED, "to a lower one"), (DEFAULT, "to the default"), (NO_ROW, "its row is deleted")):
            if row != state.row:
                yield detail, state._replace(change=row, changes=state.changes - 1)


@action(lanes=_BY_HAND)
def maximum_is_written(rules: Rules, state: State) -> Iterator[State]:
    """The operator's statement has its lock and has written the row."""
    if state.change != -1 and not state.changing and change_is_free(rules, state):
        yield state._replace(changing=True)


@action(lanes=_BY_HAND)
def change_of_the_maximum_commits(rules: Rules, state: State) -> Iterator[tuple[str, State]]:
    """The operator's transaction is over."""
    if state.changing:
        over = state._replace(change=-1, changing=False)
        yield "committed", over._replace(row=state.change)
        yield "rolled back", over


# --- faults ------------------------------------------------------------------------------------------------------


@action("instance", kind=Kind.FAULT, lanes=(Lane.POSTGRES, Lane.INSTANCE))
def transaction_rolls_back(rules: Rules, state: State, instance: int) -> Iterator[State]:
    """The transaction's connection is lost, or its process killed: Postgres rolls back."""
    if state.faults and state.work[instance] != NONE:
        yield on(state, instance, NONE)._replace(faults=state.faults - 1)


@action("instance", kind=Kind.FAULT, lanes=_TO_POSTGRES)
def commit_is_not_answered(rules: Rules, state: State, instance: int) -> Iterator[State]:
    """COMMIT is sent, its answer does not come: the transaction stays open without a client."""
    work = state.work[instance]
    if state.faults and may_commit(work) and state.orphan == NONE:
        yield on(state, instance, NONE)._replace(orphan=work, faults=state.faults - 1)


@action(lanes=(Lane.POSTGRES,))
def late_commit_ends(rules: Rules, state: State) -> Iterator[tuple[str, State]]:
    """A transaction without a client is over."""
    if state.orphan != NONE:
        over = state._replace(orphan=NONE)
        yield "committed", written(over, state.orphan)
        yield "rolled back", over


# --- what must hold ----------------------------------------------------------------------------------------------


def quiet(rules: Rules, state: State) -> bool:
    return state.change == -1 and state.orphan == NONE and all(one == NONE for one in state.work)


@invariant("INV-13", "No load is raised above the maximum in force")
def loads_have_room(rules: Rules, before: State, step: Step, after: State) -> str:
    if before.holder == after.holder:
        return ""
    for mitra in rules.range("mitra"):
        now = load(after, mitra)
        if now > load(before, mitra) and now > in_force(after.row):
            return f"the load of mitra {mitra} is raised to {now}, the maximum in force is {in_force(after.row)}"
    return ""


@invariant("INV-03", "A load changes under the lock of its mitra")
def loads_are_locked(rules: Rules, before: State, step: Step, after: State) -> str:
    if before.holder == after.holder:
        return ""
    for mitra in rules.range("mitra"):
        if load(after, mitra) != load(before, mitra):
            work = before.work[step.parameters[0]] if step.parameters else before.orphan
            if not holds_mitra(rules, work, mitra):
                return (
                    f"the load of mitra {mitra} is changed by who has not locked her row: her capacity is not mirrored"
                )
    return ""


def relabel(state: State, instances: tuple[int, ...], mitras: tuple[int, ...]) -> State:
    """Instances only: mitras are locked in the order of their ids, so they are not alike."""
    return state._replace(work=tuple(state.work[old] for old in instances))


BOUNDS = {"instances": 2, "mitras": 2, "chats": 2, "held": 0, "requests": 3, "changes": 1, "faults": 1}
SMALL = BOUNDS | {"mitras": 1, "requests": 2, "faults": 0}
TWO = SMALL | {"mitras": 2, "chats": 1, "changes": 0}

SPEC = Spec(
    name="capacity",
    title="Capacity: accept, reroute and the maximum",
    initial=initial,
    actions=tuple(value for value in list(globals().values()) if isinstance(value, Action)),
    invariants=(loads_have_room, loads_are_locked),
    quiet=quiet,
    bounds=(BOUNDS, BOUNDS | {"requests": 2, "changes": 2}, BOUNDS | {"held": 2}),
    small=SMALL,
    deep=(
        BOUNDS | {"requests": 4, "changes": 2},
        BOUNDS | {"chats": 3, "requests": 4},
        BOUNDS | {"instances": 3},
    ),
    relabel=relabel,
    mutants=(
        mutant("the setting's row is locked, which may not be there", TABLE, breaks="INV-13", finding="S-06", **SMALL),
        mutant("the mitra's row is not locked", MITRA_LOCK, breaks="INV-13", **SMALL),
        mutant("the load is counted before the lock", OWN_STATEMENT, breaks="INV-13", **SMALL),
        mutant("the maximum is read before the lock", READ_AFTER, breaks="INV-13", **SMALL),
        mutant("the maximum is taken from memory", IN_POSTGRES, breaks="INV-13", **SMALL),
        mutant("a full mitra takes one more", ROOM, breaks="INV-13", **SMALL),
        mutant("the chat's row is not locked", CHAT_LOCK, breaks="INV-03", **TWO),
        mutant("a chat is not looked at again", STILL_OPEN, breaks="INV-03", **TWO),
        mutant("a chat that moved is changed all the same", MOVED, breaks="INV-03", **TWO | {"requests": 3}),
        mutant("mitras are locked in any order", IN_ORDER, breaks="LIVENESS", **TWO | {"chats": 2, "held": 2}),
    ),
)  # fmt: skip
