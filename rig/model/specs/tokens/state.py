"""The committed rows and the transactions under way: where they begin, their locks, what a COMMIT leaves, and the bounds."""

from enum import IntEnum
from typing import NamedTuple

from rig.model.language import Rules, put
from rig.model.specs.tokens.rules import CODE_ONCE, IN_PLACE, MITRA_LOCK

CLOSED = 99  # no code is open
NO_ROW = 99  # a token that is no session's (any more)


class What(IntEnum):
    """What a transaction is for."""

    NOTHING = 0
    SIGN_IN = 1
    REFRESH = 2
    LOGOUT = 3
    DEACTIVATE = 4
    REACTIVATE = 5
    __hash__ = int.__hash__


class At(IntEnum):
    """How far a transaction is: which of its steps is done."""

    BEGUN = 0
    CODE = 1  # the code's row is locked
    MITRA = 2  # the mitra's row is locked
    READY = 3  # all is written that it writes; COMMIT comes
    __hash__ = int.__hash__


class Work(NamedTuple):
    """A transaction that is under way."""

    what: What = What.NOTHING
    at: At = At.BEGUN
    given: int = 0  # the code or the token
    row: int = NO_ROW  # the session's place
    seen: int = 0  # how many sessions there were when it began
    active: bool = True  # whether the mitra was, when it began
    revokes: frozenset[int] = frozenset()  # places of the sessions that its COMMIT revokes


NONE = Work()


class Session(NamedTuple):
    """A row of `auth_sessions`."""

    token: int
    revoked: bool = False


class State(NamedTuple):
    """The committed rows, and the transactions under way."""

    active: bool
    by_hand: bool  # ghost: the mitra was deactivated by hand, her sessions left as they were
    code: int  # that is open
    sessions: tuple[Session, ...]
    refreshes: tuple[int, ...]  # ghost: per token, how often it was served
    sign_ins: tuple[int, ...]  # ghost: per code
    work: tuple[Work, ...]  # per instance
    orphan: Work  # a transaction whose client is gone
    requests: int
    faults: int


def initial(rules: Rules) -> State:
    """`sessions` are there already; one code is open."""
    bounds = rules.bounds
    count = bounds["sessions"]
    return State(
        active=True,
        by_hand=False,
        code=0,
        sessions=tuple(map(Session, range(count))),
        refreshes=(0,) * count,
        sign_ins=(0,),
        work=(NONE,) * bounds["instances"],
        orphan=NONE,
        requests=bounds["requests"],
        faults=bounds["faults"],
    )


def on(state: State, instance: int, work: Work) -> State:
    return state._replace(work=put(state.work, instance, work))


def under_way(state: State) -> list[Work]:
    return [one for one in (*state.work, state.orphan) if one.what != What.NOTHING]


def code_is_free(state: State) -> bool:
    return not any(one.what == What.SIGN_IN and one.at >= At.CODE for one in under_way(state))


def mitra_is_free(rules: Rules, state: State, shared: bool) -> bool:
    """Whether the mitra's row can be locked; a sign-in shares its lock with other sign-ins."""
    for one in under_way(state):
        if one.at < At.MITRA:
            continue
        if one.what in (What.DEACTIVATE, What.REACTIVATE):
            return False
        if one.what == What.SIGN_IN and not shared and rules.keeps(MITRA_LOCK):
            return False
    return True


def locked_sessions(state: State) -> frozenset[int]:
    """The places of the sessions whose rows are locked."""
    found: set[int] = set()
    for one in under_way(state):
        if one.at == At.READY:
            found |= one.revokes
            if one.what in (What.REFRESH, What.LOGOUT):
                found.add(one.row)
    return frozenset(found)


def place_of(state: State, token: int) -> int:
    for place, session in enumerate(state.sessions):
        if session.token == token:
            return place
    return NO_ROW


def asked(state: State, instance: int, work: Work) -> State:
    work = work._replace(seen=len(state.sessions), active=state.active)
    return on(state, instance, work)._replace(requests=state.requests - 1)


def committed(rules: Rules, state: State, work: Work) -> State:
    """The rows as this transaction leaves them."""
    sessions = tuple(one._replace(revoked=True) if at in work.revokes else one for at, one in enumerate(state.sessions))
    state = state._replace(sessions=sessions)
    token = len(state.refreshes)
    if work.what == What.SIGN_IN:
        sign_ins = put(state.sign_ins, work.given, state.sign_ins[work.given] + 1)
        state = state._replace(sessions=(*sessions, Session(token)), refreshes=(*state.refreshes, 0), sign_ins=sign_ins)
        return state._replace(code=CLOSED) if rules.keeps(CODE_ONCE) else state
    if work.what == What.REFRESH:
        refreshes = put(state.refreshes, work.given, state.refreshes[work.given] + 1)
        state = state._replace(refreshes=(*refreshes, 0))
        if rules.keeps(IN_PLACE):
            return state._replace(sessions=put(sessions, work.row, sessions[work.row]._replace(token=token)))
        old = put(sessions, work.row, sessions[work.row]._replace(revoked=True))
        return state._replace(sessions=(*old, Session(token)))
    if work.what == What.DEACTIVATE:
        return state._replace(active=False, by_hand=False)
    if work.what == What.REACTIVATE:
        return state._replace(active=True, by_hand=False)
    return state


def relabel(state: State, instances: tuple[int, ...], mitras: tuple[int, ...]) -> State:
    return state._replace(work=tuple(state.work[old] for old in instances))


BOUNDS = {"instances": 2, "sessions": 1, "requests": 4, "faults": 1}
SMALL = BOUNDS | {"requests": 2, "faults": 0}
