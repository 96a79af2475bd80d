"""Requests, the end by a timer, and how an instance follows the others."""

from collections.abc import Iterator

from rig.model.language import Kind, Lane, Rules, action
from rig.model.specs.lanes import FROM_POSTGRES, TO_POSTGRES
from rig.model.specs.timers.rules import (
    AGAIN,
    ALIVE,
    ARMED,
    CHATS_MOVE,
    KEEPS_NEWER,
    LISTENS_FIRST,
    LOCK,
    READS,
    UNDER_LOCK,
)
from rig.model.specs.timers.state import (
    NONE,
    UNSET,
    At,
    Ear,
    Follow,
    State,
    What,
    Work,
    allows,
    committed,
    is_locked,
    left,
    on,
)

_CHATS_SET_TIMER = "server/chats.py:Chats.set_timer"
_CHATS_EXPIRE = "server/chats.py:Chats.expire"
_TIMERS_FOLLOW = "server/timers.py:Timers._follow"

# --- requests ----------------------------------------------------------------------------------------------------


@action("instance", kind=Kind.CLIENT, code=CHATS_MOVE, lanes=(Lane.CUSTOMER, Lane.INSTANCE))
def change_is_asked(rules: Rules, state: State, instance: int) -> Iterator[tuple[str, State]]:
    """Customer or mitra ask for a change; the row, unlocked, allows it."""
    if not state.requests or not state.up[instance] or state.work[instance] != NONE:
        return
    for what in (What.START, What.EXTEND, What.PAY, What.END, What.GOODBYE):
        if allows(state, what):
            asked = on(state, instance, work=Work(what, At.FOUND))
            yield what.name.lower(), asked._replace(requests=state.requests - 1)


@action("instance", code=CHATS_MOVE, lanes=TO_POSTGRES)
def change_locks_the_row(rules: Rules, state: State, instance: int) -> Iterator[tuple[str, State]]:
    """The change locks the chat's row and looks at it again."""
    work = state.work[instance]
    if work.what == What.NOTHING or work.at != At.FOUND or not rules.holds(LOCK, not is_locked(state)):
        return
    if rules.holds(UNDER_LOCK, allows(state, work.what)):
        yield "", on(state, instance, work=work._replace(at=At.HELD))
    else:
        yield "refused", on(state, instance, work=NONE)


@action("instance", code=CHATS_MOVE, lanes=TO_POSTGRES)
def change_commits(rules: Rules, state: State, instance: int) -> Iterator[State]:
    """The change is committed, with its notification."""
    work = state.work[instance]
    if work.at == At.HELD:
        state = committed(rules, state, work.what, instance)
        yield on(state, instance, work=Work(work.what, At.COMMITTED, left(state)))


@action("instance", code=_CHATS_SET_TIMER)
def change_sets_its_timer(rules: Rules, state: State, instance: int) -> Iterator[State]:
    """The instance sets its timer as its own change left the row."""
    work = state.work[instance]
    if work.at == At.COMMITTED:
        yield on(state, instance, work=NONE, timer=work.left if rules.keeps(ARMED) else state.timer[instance])


@action("instance", code="server/timers.py:Timers._on_notification", lanes=FROM_POSTGRES)
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


@action("instance", code=_CHATS_EXPIRE, lanes=TO_POSTGRES)
def ending_looks(rules: Rules, state: State, instance: int) -> Iterator[State]:
    """The ending looks at the row, unlocked."""
    ending = state.ending[instance]
    if ending.what == What.EXPIRE and ending.at == At.FIRED:
        at = At.FOUND if allows(state, What.EXPIRE) else At.REFUSED
        yield on(state, instance, ending=ending._replace(at=at))


@action("instance", code=CHATS_MOVE, lanes=TO_POSTGRES)
def ending_locks_the_row(rules: Rules, state: State, instance: int) -> Iterator[State]:
    """The ending locks the chat's row and looks at it again."""
    ending = state.ending[instance]
    if ending.at == At.FOUND and rules.holds(LOCK, not is_locked(state)):
        at = At.HELD if rules.holds(UNDER_LOCK, allows(state, What.EXPIRE)) else At.REFUSED
        yield on(state, instance, ending=ending._replace(at=at))


@action("instance", code=CHATS_MOVE, lanes=TO_POSTGRES)
def ending_commits(rules: Rules, state: State, instance: int) -> Iterator[State]:
    """The chat is ended, with its notification."""
    if state.ending[instance].at == At.HELD:
        yield on(committed(rules, state, What.EXPIRE, instance), instance, ending=Work(What.EXPIRE, At.COMMITTED))


@action("instance", code=_CHATS_SET_TIMER)
def ending_takes_its_timer_away(rules: Rules, state: State, instance: int) -> Iterator[State]:
    """The instance takes away what timer the ended chat has."""
    if state.ending[instance].at == At.COMMITTED:
        yield on(state, instance, ending=NONE, timer=UNSET)


@action("instance", code=_CHATS_EXPIRE, lanes=TO_POSTGRES)
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


@action("instance", kind=Kind.HEAL, code=_TIMERS_FOLLOW, lanes=TO_POSTGRES)
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


@action("instance", kind=Kind.HEAL, code="server/timers.py:Timers._keep_following", lanes=TO_POSTGRES)
def deafness_is_noticed(rules: Rules, state: State, instance: int) -> Iterator[State]:
    """The connection does not prove that it is alive: the instance makes a new one."""
    if state.ear[instance] == Ear.DEAF and rules.keeps(ALIVE):
        yield on(state, instance, ear=Ear.AWAY, follow=Follow.BEGINS)
