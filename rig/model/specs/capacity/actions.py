"""What is asked, the steps of a transaction, and the maximum that an operator changes."""

from collections.abc import Iterator

from rig.model.language import Kind, Lane, Rules, action, put
from rig.model.specs.capacity.locks import all_work, change_is_free, holds_chat, mitra_is_free, mitras_of, table_is_free
from rig.model.specs.capacity.rules import (
    CHAT_LOCK,
    IN_POSTGRES,
    MITRA_LOCK,
    MOVED,
    OWN_STATEMENT,
    READ_AFTER,
    ROOM,
    STILL_OPEN,
)
from rig.model.specs.capacity.state import (
    DEFAULT,
    ENDED,
    LOWERED,
    NO_ROW,
    NONE,
    SEARCHING,
    At,
    State,
    What,
    Work,
    in_force,
    load,
    on,
)
from rig.model.specs.lanes import BY_HAND, TO_POSTGRES

_CHATS_MOVE = "server/chats.py:Chats._move"
_ENSURE_ROOM = "server/capacity.py:ensure_room"

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


@action("instance", code="server/mirror/writes.py:Writes.changing", lanes=TO_POSTGRES)
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


@action("instance", code=_CHATS_MOVE, lanes=TO_POSTGRES)
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


@action("instance", code=_ENSURE_ROOM, lanes=TO_POSTGRES)
def settings_are_locked(rules: Rules, state: State, instance: int) -> Iterator[State]:
    """The table of settings is locked, so that none of them changes before this COMMIT."""
    work = state.work[instance]
    if work.what in (What.ACCEPT, What.REROUTE) and work.at == At.CHAT and table_is_free(rules, state):
        yield on(state, instance, work._replace(at=At.STILL))


@action("instance", code=_ENSURE_ROOM, lanes=TO_POSTGRES)
def load_is_counted(rules: Rules, state: State, instance: int) -> Iterator[State]:
    """The mitra's load is counted."""
    work = state.work[instance]
    if work.what != What.NOTHING and work.at == At.STILL:
        counted = load(state, work.target) if rules.keeps(OWN_STATEMENT) else work.load
        yield on(state, instance, work._replace(at=At.COUNTED, load=counted))


@action("instance", code=_ENSURE_ROOM, lanes=TO_POSTGRES)
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


@action("instance", code=_CHATS_MOVE, lanes=TO_POSTGRES)
def change_of_the_chat_commits(rules: Rules, state: State, instance: int) -> Iterator[State]:
    """The chat's row is updated and the transaction committed: its locks are free."""
    work = state.work[instance]
    if may_commit(work):
        yield on(written(state, work), instance, NONE)


# --- the maximum -------------------------------------------------------------------------------------------------


@action(kind=Kind.CLIENT, code="server/mirror/settings.py:AppConfig.set", lanes=BY_HAND)
def maximum_is_asked_to_change(rules: Rules, state: State) -> Iterator[tuple[str, State]]:
    """The operator changes the maximum, by the API or by hand; the statement waits for its lock."""
    if state.changes and state.change == -1:
        for row, detail in ((LOWERED, "to a lower one"), (DEFAULT, "to the default"), (NO_ROW, "its row is deleted")):
            if row != state.row:
                yield detail, state._replace(change=row, changes=state.changes - 1)


@action(lanes=BY_HAND)
def maximum_is_written(rules: Rules, state: State) -> Iterator[State]:
    """The operator's statement has its lock and has written the row."""
    if state.change != -1 and not state.changing and change_is_free(rules, state):
        yield state._replace(changing=True)


@action(lanes=BY_HAND)
def change_of_the_maximum_commits(rules: Rules, state: State) -> Iterator[tuple[str, State]]:
    """The operator's transaction is over."""
    if state.changing:
        over = state._replace(change=-1, changing=False)
        yield "committed", over._replace(row=state.change)
        yield "rolled back", over
