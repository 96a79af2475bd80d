"""Time, what breaks, and what heals."""

from collections.abc import Iterator

from rig.model.language import Kind, Lane, Rules, action
from rig.model.specs.lanes import FROM_POSTGRES, TO_POSTGRES
from rig.model.specs.timers.rules import CHATS_MOVE, RETRIED
from rig.model.specs.timers.state import NONE, OPEN, UNSET, At, Ear, Follow, State, What, Work, committed, is_locked, on


@action(kind=Kind.TIME)
def time_passes(rules: Rules, state: State) -> Iterator[State]:
    """A tick passes."""
    if any(state.heard) or is_locked(state) or any(one == Follow.ROWS for one in state.follow):
        return
    if any(one.at in (At.COMMITTED, At.AGAIN) for kind in (state.work, state.ending) for one in kind):
        return
    timers = tuple(one if one == UNSET else max(one - 1, 0) for one in state.timer)
    yield state._replace(due=max(state.due - 1, 0) if state.status in OPEN else state.due, timer=timers)


@action("instance", kind=Kind.FAULT, lanes=FROM_POSTGRES)
def connection_for_notifications_is_lost(rules: Rules, state: State, instance: int) -> Iterator[State]:
    """The connection for notifications is lost, and the instance notices it."""
    if state.faults and state.up[instance] and state.ear[instance] == Ear.HEARS:
        lost = on(state, instance, ear=Ear.AWAY, follow=Follow.BEGINS, rows=UNSET, heard=())
        yield lost._replace(faults=state.faults - 1)


@action("instance", kind=Kind.FAULT, lanes=FROM_POSTGRES)
def connection_is_dropped_without_a_word(rules: Rules, state: State, instance: int) -> Iterator[State]:
    """The connection for notifications is dropped, and nobody is told."""
    if state.faults and state.up[instance] and state.ear[instance] == Ear.HEARS:
        yield on(state, instance, ear=Ear.DEAF, heard=())._replace(faults=state.faults - 1)


@action("instance", kind=Kind.FAULT, code="server/timers.py:Timers._expired", lanes=TO_POSTGRES)
def ending_fails(rules: Rules, state: State, instance: int) -> Iterator[State]:
    """Postgres does not take the ending, and rolls back what it had begun."""
    ending = state.ending[instance]
    if state.faults and ending.what == What.EXPIRE and ending.at in (At.FIRED, At.FOUND, At.HELD, At.REFUSED):
        again = Work(What.EXPIRE, At.AGAIN, 0) if rules.keeps(RETRIED) else NONE
        yield on(state, instance, ending=again)._replace(faults=state.faults - 1)


@action("instance", kind=Kind.FAULT, code=CHATS_MOVE, lanes=TO_POSTGRES)
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
