"""The end of a chat by timers on every instance: it comes in time, once, and never before an extension that was paid.

Time is counted in ticks until the chat is due, that is, until its time and its goodbye window are up. The last tick is
the goodbye window. A tick is long: no notification is under way while it passes, and no lock is held.
"""

from collections.abc import Iterator
from enum import IntEnum
from typing import Any, NamedTuple

from rig.model.language import Action, Kind, Lane, Rules, Spec, Step, action, invariant, mutant, put

_CHATS_MOVE = "server/chats.py:Chats._move"
_CHATS_ARMED = "server/chats.py:Chats.armed"
_CHATS_EXPIRE = "server/chats.py:Chats.expire"
_TIMERS_FOLLOW = "server/timers.py:Timers._follow"
_TO_POSTGRES = (Lane.INSTANCE, Lane.POSTGRES)
_FROM_POSTGRES = (Lane.POSTGRES, Lane.INSTANCE)

STARTS_WITH, EXTENSION, WINDOW = 2, 1, 1  # ticks
UNSET = 9  # no timer, or no chat that needs one

UNDER_LOCK = "a change looks at the chat again under its lock"
LOCK = "a change locks the chat's row"
NOTIFIED = "a change is notified within its transaction"
OWN = "an instance heeds its own notifications"
ARMED = "a change sets the timer of its instance"
AGAIN = "a timer that came too early is set again"
RETRIED = "an ending that failed is tried again"
KEEPS_NEWER = "an ending sets no timer where a newer one is set"
LISTENS_FIRST = "an instance listens before it reads the rows"
READS = "an instance that listens anew reads the rows"
ALIVE = "a connection for notifications proves that it is alive"


class Status(IntEnum):
    """The chat's row."""

    SEARCHING = 0
    ACTIVE = 1
    PENDING = 2  # an extension waits for its payment
    ENDED = 3
    __hash__ = int.__hash__


OPEN = (Status.ACTIVE, Status.PENDING)


class What(IntEnum):
    """A change of the chat."""

    NOTHING = 0
    START = 1
    EXTEND = 2
    PAY = 3
    END = 4  # by customer or mitra, at any time
    GOODBYE = 5  # by the customer, in the goodbye window
    EXPIRE = 6  # by a timer
    __hash__ = int.__hash__


class At(IntEnum):
    """How far a change is."""

    FIRED = 0  # a timer's, which has not looked at the row
    FOUND = 1  # the row allowed it, unlocked
    HELD = 2  # the row is locked and allows it
    COMMITTED = 3
    REFUSED = 4  # a timer's, which has to ask when to come again
    AGAIN = 5  # a timer's, which knows it
    __hash__ = int.__hash__


class Work(NamedTuple):
    """A change that is under way."""

    what: What = What.NOTHING
    at: At = At.FIRED
    left: int = 0  # ticks, as this change saw them


NONE = Work()


class Ear(IntEnum):
    """The connection for notifications."""

    AWAY = 0
    HEARS = 1
    DEAF = 2  # dropped without a word
    __hash__ = int.__hash__


class Follow(IntEnum):
    """How far an instance is that follows anew."""

    DONE = 0
    BEGINS = 1
    HALF = 2  # one of both is done: it listens, or has read the rows
    ROWS = 3  # it has read the rows and is to set the timer
    __hash__ = int.__hash__


class State(NamedTuple):
    """The chat's row, and per instance its timer and what it does."""

    status: Status
    due: int  # ticks until time and window are up
    endings: int  # ghost: how often it has been ended
    up: tuple[bool, ...]
    ear: tuple[Ear, ...]
    follow: tuple[Follow, ...]
    rows: tuple[int, ...]  # what the rows said to who follows anew
    heard: tuple[tuple[int, ...], ...]  # notifications on their way, in order
    timer: tuple[int, ...]
    ending: tuple[Work, ...]  # of a timer that fired
    work: tuple[Work, ...]  # of a request
    orphan: Work  # a transaction whose client is gone
    requests: int
    faults: int


def initial(rules: Rules) -> State:
    count = rules.bounds["instances"]
    return State(
        status=Status.SEARCHING,
        due=STARTS_WITH,
        endings=0,
        up=(True,) * count,
        ear=(Ear.HEARS,) * count,
        follow=(Follow.DONE,) * count,
        rows=(UNSET,) * count,
        heard=((),) * count,
        timer=(UNSET,) * count,
        ending=(NONE,) * count,
        work=(NONE,) * count,
        orphan=NONE,
        requests=rules.bounds["requests"],
        faults=rules.bounds["faults"],
    )


def on(state: State, instance: int, **changes: Any) -> State:
    """The state with other values in the place of an instance."""
    return state._replace(**{name: put(getattr(state, name), instance, value) for name, value in changes.items()})


def left(state: State) -> int:
    """The ticks that a timer would be set to by the row."""
    return state.due if state.status in OPEN else UNSET


def allows(state: State, what: What) -> bool:
    """Whether the row allows this change."""
    status, due = state.status, state.due
    if what == What.START:
        return status == Status.SEARCHING
    if what == What.EXTEND:
        return status == Status.ACTIVE and due > WINDOW
    if what == What.PAY:
        return status == Status.PENDING and due > 0
    if what == What.END:
        return status in OPEN
    if what == What.GOODBYE:
        return status in OPEN and due <= WINDOW
    return status in OPEN and due == 0


def is_locked(state: State) -> bool:
    if state.orphan != NONE:
        return True
    return any(one.at == At.HELD for kind in (state.work, state.ending) for one in kind)


def committed(rules: Rules, state: State, what: What, instance: int) -> State:
    """The row as the change leaves it, and its notification; `instance`: who made it, -1 where nobody lives."""
    if what == What.START:
        state = state._replace(status=Status.ACTIVE, due=STARTS_WITH)
    elif what == What.EXTEND:
        state = state._replace(status=Status.PENDING)
    elif what == What.PAY:
        state = state._replace(status=Status.ACTIVE, due=state.due + EXTENSION)
    else:
        state = state._replace(status=Status.ENDED, endings=state.endings + 1)
    if not rules.keeps(NOTIFIED):
        return state
    heard = list(state.heard)
    for other, ear in enumerate(state.ear):
        if ear == Ear.HEARS and (other != instance or rules.keeps(OWN)):
            heard[other] += (left(state),)
    return state._replace(heard=tuple(heard))


# --- requests ----------------------------------------------------------------------------------------------------


@action("instance", kind=Kind.CLIENT, code=_CHATS_MOVE, lanes=(Lane.CUSTOMER, Lane.INSTANCE))
def change_is_asked(rules: Rules, state: State, instance: int) -> Iterator[tuple[str, State]]:
    """Customer or mitra ask for a change; the row, unlocked, allows it."""
    if not state.requests or not state.up[instance] or state.work[instance] != NONE:
        return
    for what in (What.START, What.EXTEND, What.PAY, What.END, What.GOODBYE):
        if allows(state, what):
            asked = on(state, instance, work=Work(what, At.FOUND))
            yield what.name.lower(), asked._replace(requests=state.requests - 1)


@action("instance", code=_CHATS_MOVE, lanes=_TO_POSTGRES)
def change_locks_the_row(rules: Rules, state: State, instance: int) -> Iterator[tuple[str, State]]:
    """The change locks the chat's row and looks at it again."""
    work = state.work[instance]
    if work.what == What.NOTHING or work.at != At.FOUND or not rules.holds(LOCK, not is_locked(state)):
        return
    if rules.holds(UNDER_LOCK, allows(state, work.what)):
        yield "", on(state, instance, work=work._replace(at=At.HELD))
    else:
        yield "refused", on(state, instance, work=NONE)


@action("instance", code=_CHATS_MOVE, lanes=_TO_POSTGRES)
def change_commits(rules: Rules, state: State, instance: int) -> Iterator[State]:
    """The change is committed, with its notification."""
    work = state.work[instance]
    if work.at == At.HELD:
        state = committed(rules, state, work.what, instance)
        yield on(state, instance, work=Work(work.what, At.COMMITTED, left(state)))


@action("instance", code=_CHATS_ARMED)
def change_sets_its_timer(rules: Rules, state: State, instance: int) -> Iterator[State]:
    """The instance sets its timer as its own change left the row."""
    work = state.work[instance]
    if work.at == At.COMMITTED:
        yield on(state, instance, work=NONE, timer=work.left if rules.keeps(ARMED) else state.timer[instance])


@action("instance", code="server/timers.py:Timers._heard", lanes=_FROM_POSTGRES)
def notification_is_heard(rules: Rules, state: State, instance: int) -> Iterator[State]:
    """An instance hears of a change and sets its timer."""
    if heard := state.heard[instance]:
        yield on(state, instance, heard=heard[1:], timer=heard[0])


# --- the end by a timer ------------------------------------------------------------------------------------------


@action("instance", code="server/timers.py:Timers._due")
def timer_fires(rules: Rules, state: State, instance: int) -> Iterator[State]:
    """The timer is due."""
    if state.timer[instance] == 0 and state.ending[instance] == NONE:
        yield on(state, instance, timer=UNSET, ending=Work(What.EXPIRE, At.FIRED))


@action("instance", code=_CHATS_EXPIRE, lanes=_TO_POSTGRES)
def ending_looks(rules: Rules, state: State, instance: int) -> Iterator[State]:
    """The ending looks at the row, unlocked."""
    ending = state.ending[instance]
    if ending.what == What.EXPIRE and ending.at == At.FIRED:
        at = At.FOUND if allows(state, What.EXPIRE) else At.REFUSED
        yield on(state, instance, ending=ending._replace(at=at))


@action("instance", code=_CHATS_MOVE, lanes=_TO_POSTGRES)
def ending_locks_the_row(rules: Rules, state: State, instance: int) -> Iterator[State]:
    """The ending locks the chat's row and looks at it again."""
    ending = state.ending[instance]
    if ending.at == At.FOUND and rules.holds(LOCK, not is_locked(state)):
        at = At.HELD if rules.holds(UNDER_LOCK, allows(state, What.EXPIRE)) else At.REFUSED
        yield on(state, instance, ending=ending._replace(at=at))


@action("instance", code=_CHATS_MOVE, lanes=_TO_POSTGRES)
def ending_commits(rules: Rules, state: State, instance: int) -> Iterator[State]:
    """The chat is ended, with its notification."""
    if state.ending[instance].at == At.HELD:
        yield on(committed(rules, state, What.EXPIRE, instance), instance, ending=Work(What.EXPIRE, At.COMMITTED))


@action("instance", code=_CHATS_ARMED)
def ending_takes_its_timer_away(rules: Rules, state: State, instance: int) -> Iterator[State]:
    """The instance takes away what timer the ended chat has."""
    if state.ending[instance].at == At.COMMITTED:
        yield on(state, instance, ending=NONE, timer=UNSET)


@action("instance", code=_CHATS_EXPIRE, lanes=_TO_POSTGRES)
def ending_asks_when(rules: Rules, state: State, instance: int) -> Iterator[State]:
    """An ending that came too early reads when to come again."""
    if state.ending[instance].at == At.REFUSED:
        again = left(state) if rules.keeps(AGAIN) else UNSET
        yield on(state, instance, ending=Work(What.EXPIRE, At.AGAIN, again))


@action("instance", code="server/timers.py:Timers._end")
def ending_sets_the_timer_again(rules: Rules, state: State, instance: int) -> Iterator[State]:
    """The timer is set again, unless a newer one is set."""
    ending = state.ending[instance]
    if ending.at == At.AGAIN:
        timer = state.timer[instance]
        if ending.left != UNSET and rules.holds(KEEPS_NEWER, timer == UNSET):
            timer = ending.left
        yield on(state, instance, ending=NONE, timer=timer)


# --- to follow the other instances -------------------------------------------------------------------------------


@action("instance", kind=Kind.HEAL, code=_TIMERS_FOLLOW, lanes=_TO_POSTGRES)
def instance_follows(rules: Rules, state: State, instance: int) -> Iterator[tuple[str, State]]:
    """An instance that starts, or has lost its connection, listens on a new one and reads the rows."""
    if not state.up[instance] or state.follow[instance] not in (Follow.BEGINS, Follow.HALF):
        return
    first = state.follow[instance] == Follow.BEGINS
    if first == rules.keeps(LISTENS_FIRST):
        then = (Follow.HALF if first else Follow.ROWS) if rules.keeps(READS) else Follow.DONE
        yield "it listens", on(state, instance, ear=Ear.HEARS, follow=then)
    else:
        then = Follow.HALF if first else Follow.ROWS
        yield "it reads the rows", on(state, instance, rows=left(state), follow=then)


@action("instance", kind=Kind.HEAL, code=_TIMERS_FOLLOW)
def rows_set_the_timer(rules: Rules, state: State, instance: int) -> Iterator[State]:
    """The timer is set as the rows said; a chat that needs none is not among them."""
    if state.follow[instance] == Follow.ROWS:
        rows = state.rows[instance]
        timer = state.timer[instance] if rows == UNSET else rows
        yield on(state, instance, follow=Follow.DONE, rows=UNSET, timer=timer)


@action("instance", kind=Kind.HEAL, code="server/timers.py:Timers._keep_following", lanes=_TO_POSTGRES)
def deafness_is_noticed(rules: Rules, state: State, instance: int) -> Iterator[State]:
    """The connection does not prove that it is alive: the instance makes a new one."""
    if state.ear[instance] == Ear.DEAF and rules.keeps(ALIVE):
        yield on(state, instance, ear=Ear.AWAY, follow=Follow.BEGINS)


# --- time and faults ---------------------------------------------------------------------------------------------


@action(kind=Kind.TIME)
def time_passes(rules: Rules, state: State) -> Iterator[State]:
    """A tick passes."""
    if any(state.heard) or is_locked(state) or any(one == Follow.ROWS for one in state.follow):
        return
    if any(one.at in (At.COMMITTED, At.AGAIN) for kind in (state.work, state.ending) for one in kind):
        return
    timers = tuple(one if one == UNSET else max(one - 1, 0) for one in state.timer)
    yield state._replace(due=max(state.due - 1, 0) if state.status in OPEN else state.due, timer=timers)


@action("instance", kind=Kind.FAULT, lanes=_FROM_POSTGRES)
def connection_for_notifications_is_lost(rules: Rules, state: State, instance: int) -> Iterator[State]:
    """The connection for notifications is lost, and the instance notices it."""
    if state.faults and state.up[instance] and state.ear[instance] == Ear.HEARS:
        lost = on(state, instance, ear=Ear.AWAY, follow=Follow.BEGINS, rows=UNSET, heard=())
        yield lost._replace(faults=state.faults - 1)


@action("instance", kind=Kind.FAULT, lanes=_FROM_POSTGRES)
def connection_is_dropped_without_a_word(rules: Rules, state: State, instance: int) -> Iterator[State]:
    """The connection for notifications is dropped, and nobody is told."""
    if state.faults and state.up[instance] and state.ear[instance] == Ear.HEARS:
        yield on(state, instance, ear=Ear.DEAF, heard=())._replace(faults=state.faults - 1)


@action("instance", kind=Kind.FAULT, code="server/timers.py:Timers._expired", lanes=_TO_POSTGRES)
def ending_fails(rules: Rules, state: State, instance: int) -> Iterator[State]:
    """Postgres does not take the ending, and rolls back what it had begun."""
    ending = state.ending[instance]
    if state.faults and ending.what == What.EXPIRE and ending.at in (At.FIRED, At.FOUND, At.HELD, At.REFUSED):
        again = Work(What.EXPIRE, At.AGAIN, 0) if rules.keeps(RETRIED) else NONE
        yield on(state, instance, ending=again)._replace(faults=state.faults - 1)


@action("instance", kind=Kind.FAULT, code=_CHATS_MOVE, lanes=_TO_POSTGRES)
def commit_is_not_answered(rules: Rules, state: State, instance: int) -> Iterator[tuple[str, State]]:
    """COMMIT is sent, its answer does not come: the transaction stays open without a client."""
    if not state.faults or state.orphan != NONE:
        return
    spent = state._replace(faults=state.faults - 1)
    if state.work[instance].at == At.HELD:
        orphan = Work(state.work[instance].what, At.HELD, instance)
        yield "of a request", on(spent, instance, work=NONE)._replace(orphan=orphan)
    if state.ending[instance].at == At.HELD:
        again = Work(What.EXPIRE, At.AGAIN, 0) if rules.keeps(RETRIED) else NONE
        orphan = Work(What.EXPIRE, At.HELD, instance)
        yield "of an ending", on(spent, instance, ending=again)._replace(orphan=orphan)


@action(lanes=(Lane.POSTGRES,))
def late_commit_ends(rules: Rules, state: State) -> Iterator[tuple[str, State]]:
    """A transaction without a client is over."""
    if state.orphan != NONE:
        over = state._replace(orphan=NONE)
        yield "committed", committed(rules, over, state.orphan.what, state.orphan.left)
        yield "rolled back", over


@action("instance", kind=Kind.FAULT)
def process_is_killed(rules: Rules, state: State, instance: int) -> Iterator[State]:
    """The process is killed, wherever it stands; Postgres rolls back what it had begun."""
    if state.faults and state.up[instance]:
        dead = on(
            state, instance, up=False, ear=Ear.AWAY, follow=Follow.DONE, rows=UNSET, heard=(), timer=UNSET,
            ending=NONE, work=NONE,
        )  # fmt: skip
        orphan = state.orphan
        if orphan != NONE and orphan.left == instance:
            dead = dead._replace(orphan=orphan._replace(left=UNSET))
        yield dead._replace(faults=state.faults - 1)


@action("instance", kind=Kind.HEAL, code="server/timers.py:Timers.rebuild")
def process_starts(rules: Rules, state: State, instance: int) -> Iterator[State]:
    """The process starts."""
    if not state.up[instance]:
        yield on(state, instance, up=True, follow=Follow.BEGINS)


# --- what must hold ----------------------------------------------------------------------------------------------


def settled(rules: Rules, state: State) -> bool:
    """Nothing is under way; one instance may be down. That a connection is deaf counts only if it is noticed."""
    if state.orphan != NONE or any(state.heard) or 0 in state.timer or not any(state.up):
        return False
    if any(one != Follow.DONE for one in state.follow) or (Ear.DEAF in state.ear and rules.keeps(ALIVE)):
        return False
    return all(one == NONE for kind in (state.work, state.ending) for one in kind)


def quiet(rules: Rules, state: State) -> bool:
    return settled(rules, state) and all(state.up) and Ear.DEAF not in state.ear


@invariant("INV-21", "No chat is counted past its end and its goodbye window")
def chats_end(rules: Rules, before: State, step: Step, after: State) -> str:
    if after.due == 0 and after.status in OPEN and settled(rules, after):
        return "the chat is over and still counted, and no timer is due"
    return ""


@invariant("INV-21", "No chat is ended before its time")
def no_early_end(rules: Rules, before: State, step: Step, after: State) -> str:
    if after.endings > before.endings and before.due > 0:
        what = "" if not step.parameters else step.action.name
        if what == "ending_commits" or (what == "" and before.orphan.what == What.EXPIRE):
            return f"a timer ended a chat that was paid for {before.due} more"
        work = before.work[step.parameters[0]] if step.parameters else before.orphan
        if work.what == What.GOODBYE and before.due > WINDOW:
            return "a goodbye ended a chat whose time was not up"
    return ""


@invariant("INV-21", "A chat ends once")
def one_end(rules: Rules, before: State, step: Step, after: State) -> str:
    if after.endings > 1:
        return "the chat was ended twice"
    if before.status == Status.ENDED and after.status != Status.ENDED:
        return "a chat that had ended is open again"
    return ""


def relabel(state: State, instances: tuple[int, ...], mitras: tuple[int, ...]) -> State:
    names = ("up", "ear", "follow", "rows", "heard", "timer", "ending", "work")
    moved = {name: tuple(getattr(state, name)[old] for old in instances) for name in names}
    orphan = state.orphan
    if orphan != NONE and orphan.left != UNSET:
        orphan = orphan._replace(left=instances.index(orphan.left))
    return state._replace(orphan=orphan, **moved)


BOUNDS = {"instances": 2, "requests": 3, "faults": 1}
ONE = {"instances": 1, "requests": 3, "faults": 1}

SPEC = Spec(
    name="timers",
    title="Timers over two instances and a restart",
    initial=initial,
    actions=tuple(value for value in list(globals().values()) if isinstance(value, Action)),
    invariants=(chats_end, no_early_end, one_end),
    quiet=quiet,
    bounds=(BOUNDS, BOUNDS | {"requests": 2, "faults": 2}),
    small=ONE,
    deep=(BOUNDS | {"requests": 4}, BOUNDS | {"faults": 2}),
    relabel=relabel,
    mutants=(
        mutant("a connection that is deaf is not noticed", ALIVE, breaks="INV-21", finding="S-07", **BOUNDS | {"requests": 1, "faults": 2}),
        mutant("a change is not looked at again under its lock", UNDER_LOCK, breaks="INV-21", **ONE),
        mutant("a change takes no lock", LOCK, breaks="INV-21", **ONE),
        mutant("a change is not notified", NOTIFIED, breaks="INV-21", **BOUNDS | {"requests": 1}),
        mutant("an instance ignores its own notifications", OWN, breaks="INV-21", **ONE | {"requests": 1}),
        mutant("a timer that came too early is forgotten", AGAIN, breaks="INV-21", **ONE),
        mutant("an ending that failed is forgotten", RETRIED, breaks="INV-21", **ONE | {"requests": 1}),
        mutant("the rows are read before it listens", LISTENS_FIRST, breaks="INV-21", **ONE | {"requests": 1}),
        mutant("the rows are not read after a start", READS, breaks="INV-21", **ONE | {"requests": 1}),
        mutant("a change sets no timer at its own instance", ARMED, OWN, breaks="INV-21", **ONE | {"requests": 1, "faults": 0}),
    ),
    unkilled={
        ARMED: "the instance's own notification sets the timer too, but later; both missing is a mutant",
        KEEPS_NEWER: "an older timer only fires too early, finds the chat not due and is set again",
    },
)  # fmt: skip
