"""Sign-in, refresh, logout and deactivation of one mitra: which sessions live, and how often a token or a code serves.

A session is one row; its refresh token is the hash in it. Tokens and codes are numbered as they are made. Whoever was
answered or not, any token that was ever made may be used by anybody at any time.
"""

from collections.abc import Iterator
from enum import IntEnum
from typing import NamedTuple

from rig.model.language import Action, Kind, Lane, Rules, Spec, Step, action, invariant, mutant, put

_AUTH_REFRESH = "server/auth.py:Auth.refresh"
_SET_ACTIVE = "server/mitras.py:set_active"
_TO_POSTGRES = (Lane.INSTANCE, Lane.POSTGRES)
_FROM_MITRA = (Lane.MITRA, Lane.INSTANCE)

CLOSED = 99  # no code is open
NO_ROW = 99  # a token that is no session's (any more)

CODE_LOCK = "a sign-in locks the code's row"
CODE_AGAIN = "a sign-in looks at the code under its lock"
CODE_ONCE = "a sign-in deletes its code"
MITRA_LOCK = "a sign-in locks the mitra's row"
ACTIVE_AGAIN = "a sign-in looks under that lock whether the mitra is active"
DEACTIVATION_LOCK = "a deactivation locks the mitra's row"
TOGETHER = "sessions are revoked in the transaction that deactivates"
OWN_STATEMENT = "sessions are revoked in a statement after the lock"
NONE_SKIPPED = "a revocation waits for a session that is locked"
IN_PLACE = "a refresh replaces the hash in its row"
SESSION_LOCK = "a refresh locks the session's row"
HASH_AGAIN = "a refresh looks at the hash again under its lock"
NOT_REVOKED = "a refresh needs a session that is not revoked"
ACTIVE = "a refresh needs an active mitra"


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


# --- sign-in -----------------------------------------------------------------------------------------------------


@action(kind=Kind.CLIENT, code="server/otp.py:Otp.request", lanes=(Lane.MITRA, Lane.POSTGRES))
def code_is_requested(rules: Rules, state: State) -> Iterator[State]:
    """A new code replaces the open one, as soon as nobody has its row locked."""
    if state.requests and code_is_free(state):
        fresh = state._replace(code=len(state.sign_ins), sign_ins=(*state.sign_ins, 0))
        yield fresh._replace(requests=state.requests - 1)


@action("instance", kind=Kind.CLIENT, code="server/auth.py:Auth.verify", lanes=_FROM_MITRA)
def sign_in_is_asked(rules: Rules, state: State, instance: int) -> Iterator[State]:
    """The mitra signs in with the code that is open."""
    if state.requests and state.work[instance] == NONE and state.code != CLOSED:
        yield asked(state, instance, Work(What.SIGN_IN, At.BEGUN, state.code))


@action("instance", code="server/otp.py:Otp.check", lanes=_TO_POSTGRES)
def code_is_checked(rules: Rules, state: State, instance: int) -> Iterator[tuple[str, State]]:
    """The code's row is locked, and the code compared."""
    work = state.work[instance]
    if work.what != What.SIGN_IN or work.at != At.BEGUN or not rules.holds(CODE_LOCK, code_is_free(state)):
        return
    if rules.holds(CODE_AGAIN, state.code == work.given):
        yield "right", on(state, instance, work._replace(at=At.CODE))
    else:
        yield "refused", on(state, instance, NONE)


@action("instance", code="server/auth.py:Auth._user", lanes=_TO_POSTGRES)
def mitra_is_looked_up(rules: Rules, state: State, instance: int) -> Iterator[tuple[str, State]]:
    """The mitra's row is locked, shared, and read, to see if she is active."""
    work = state.work[instance]
    if work.what != What.SIGN_IN or work.at != At.CODE:
        return
    if not rules.holds(MITRA_LOCK, mitra_is_free(rules, state, shared=True)):
        return
    active = state.active if rules.keeps(ACTIVE_AGAIN) else work.active
    if active:
        yield "active", on(state, instance, work._replace(at=At.READY))
    else:
        yield "refused", on(state, instance, NONE)


# --- refresh and logout ------------------------------------------------------------------------------------------


@action("instance", kind=Kind.CLIENT, code=_AUTH_REFRESH, lanes=_FROM_MITRA)
def refresh_begins(rules: Rules, state: State, instance: int) -> Iterator[tuple[str, State]]:
    """The UPDATE of a refresh begins: what it finds is as of now."""
    if not state.requests or state.work[instance] != NONE:
        return
    for token in range(len(state.refreshes)):
        row = place_of(state, token)
        if row == NO_ROW or not rules.holds(NOT_REVOKED, not state.sessions[row].revoked):
            continue
        if rules.holds(ACTIVE, state.active):
            yield f"token {token}", asked(state, instance, Work(What.REFRESH, At.BEGUN, token, row))


@action("instance", kind=Kind.CLIENT, code="server/auth.py:Auth.logout", lanes=_FROM_MITRA)
def logout_begins(rules: Rules, state: State, instance: int) -> Iterator[tuple[str, State]]:
    """The UPDATE of a logout begins: what it finds is as of now."""
    if state.requests and state.work[instance] == NONE:
        for row, session in enumerate(state.sessions):
            if not session.revoked:
                yield f"token {session.token}", asked(state, instance, Work(What.LOGOUT, At.BEGUN, session.token, row))


@action("instance", code=_AUTH_REFRESH, lanes=_TO_POSTGRES)
def session_is_locked(rules: Rules, state: State, instance: int) -> Iterator[tuple[str, State]]:
    """The session's row is locked; if it has changed meanwhile, it is looked at again."""
    work = state.work[instance]
    if work.what not in (What.REFRESH, What.LOGOUT) or work.at != At.BEGUN:
        return
    if not rules.holds(SESSION_LOCK, work.row not in locked_sessions(state)):
        return
    session = state.sessions[work.row]
    same, living = session.token == work.given, not session.revoked
    ready = work._replace(at=At.READY)
    if work.what == What.REFRESH and rules.holds(HASH_AGAIN, same) and rules.holds(NOT_REVOKED, living):
        yield "updated", on(state, instance, ready)
    elif work.what == What.LOGOUT and same and living:
        yield "updated", on(state, instance, ready._replace(revokes=frozenset([work.row])))
    else:
        yield "refused", on(state, instance, NONE)


# --- deactivation ------------------------------------------------------------------------------------------------


@action("instance", kind=Kind.CLIENT, code=_SET_ACTIVE, lanes=(Lane.OPERATOR, Lane.INSTANCE))
def operator_sets_active(rules: Rules, state: State, instance: int) -> Iterator[tuple[str, State]]:
    """The operator deactivates the mitra, or lets her in again."""
    if state.requests and state.work[instance] == NONE:
        yield "deactivate", asked(state, instance, Work(What.DEACTIVATE))
        yield "reactivate", asked(state, instance, Work(What.REACTIVATE))


@action("instance", code="server/mirror/writes.py:Writes.changing", lanes=_TO_POSTGRES)
def mitra_is_locked(rules: Rules, state: State, instance: int) -> Iterator[State]:
    """The mitra's row is locked."""
    work = state.work[instance]
    if work.what not in (What.DEACTIVATE, What.REACTIVATE) or work.at != At.BEGUN:
        return
    if rules.holds(DEACTIVATION_LOCK, mitra_is_free(rules, state, shared=False)):
        seen = len(state.sessions) if rules.keeps(OWN_STATEMENT) else work.seen
        yield on(state, instance, work._replace(at=At.MITRA, seen=seen))


@action("instance", code=_SET_ACTIVE, lanes=_TO_POSTGRES)
def sessions_are_revoked(rules: Rules, state: State, instance: int) -> Iterator[State]:
    """The row is updated and, for a deactivation, each session revoked; a locked one is waited for."""
    work = state.work[instance]
    if work.at != At.MITRA:
        return
    revokes: frozenset[int] = frozenset()
    if work.what == What.DEACTIVATE:
        live = frozenset(place for place, one in enumerate(state.sessions[: work.seen]) if not one.revoked)
        locked = locked_sessions(state)
        if not rules.holds(NONE_SKIPPED, not live & locked):
            return
        revokes = live - locked
    if not rules.keeps(TOGETHER) and work.what == What.DEACTIVATE:
        state = state._replace(active=False)
    yield on(state, instance, work._replace(at=At.READY, revokes=revokes))


@action(kind=Kind.CLIENT, lanes=(Lane.OPERATOR, Lane.POSTGRES))
def mitra_is_deactivated_by_hand(rules: Rules, state: State) -> Iterator[State]:
    """The operator deactivates the mitra by hand and leaves her sessions as they are."""
    if state.requests and state.active and mitra_is_free(rules, state, shared=False):
        yield state._replace(active=False, by_hand=True, requests=state.requests - 1)


# --- COMMIT ------------------------------------------------------------------------------------------------------


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


@action("instance", code="server/db.py:Database.transaction", lanes=_TO_POSTGRES)
def transaction_commits(rules: Rules, state: State, instance: int) -> Iterator[tuple[str, State]]:
    """The transaction is committed: its rows are seen and its locks are free."""
    work = state.work[instance]
    if work.at == At.READY:
        yield work.what.name.lower().replace("_", "-"), on(committed(rules, state, work), instance, NONE)


@action("instance", kind=Kind.FAULT, lanes=(Lane.POSTGRES, Lane.INSTANCE))
def transaction_rolls_back(rules: Rules, state: State, instance: int) -> Iterator[State]:
    """The transaction's connection is lost, or its process killed: Postgres rolls back."""
    if state.faults and state.work[instance] != NONE:
        yield on(state, instance, NONE)._replace(faults=state.faults - 1)


@action("instance", kind=Kind.FAULT, lanes=_TO_POSTGRES)
def commit_is_not_answered(rules: Rules, state: State, instance: int) -> Iterator[State]:
    """COMMIT is sent, its answer does not come: the transaction stays open without a client."""
    work = state.work[instance]
    if state.faults and work.at == At.READY and state.orphan == NONE:
        yield on(state, instance, NONE)._replace(orphan=work, faults=state.faults - 1)


@action(lanes=(Lane.POSTGRES,))
def late_commit_ends(rules: Rules, state: State) -> Iterator[tuple[str, State]]:
    """A transaction without a client is over."""
    if state.orphan != NONE:
        over = state._replace(orphan=NONE)
        yield "committed", committed(rules, over, state.orphan)
        yield "rolled back", over


# --- what must hold ----------------------------------------------------------------------------------------------


def quiet(rules: Rules, state: State) -> bool:
    return not under_way(state)


@invariant("INV-20", "No session of an inactive mitra lives")
def inactive_has_no_session(rules: Rules, before: State, step: Step, after: State) -> str:
    if after.active or after.by_hand:
        return ""
    for session in after.sessions:
        if not session.revoked:
            return f"the mitra is inactive, and the session of token {session.token} is not revoked"
    return ""


@invariant("INV-20", "A refresh token serves once")
def token_serves_once(rules: Rules, before: State, step: Step, after: State) -> str:
    if before.refreshes != after.refreshes and max(after.refreshes) > 1:
        return f"token {after.refreshes.index(max(after.refreshes))} has two successors"
    return ""


@invariant("INV-20", "A code makes one session")
def code_serves_once(rules: Rules, before: State, step: Step, after: State) -> str:
    return "a code made two sessions" if max(after.sign_ins) > 1 else ""


@invariant("INV-20", "A refresh needs a living session of an active mitra")
def refresh_is_due(rules: Rules, before: State, step: Step, after: State) -> str:
    if len(after.refreshes) == len(before.refreshes) or len(after.sessions) > len(before.sessions):
        return ""
    work = before.work[step.parameters[0]] if step.parameters else before.orphan
    if before.sessions[work.row].revoked:
        return f"token {work.given} was served, and its session is revoked"
    return "" if work.active else f"token {work.given} was served, and its mitra was inactive before it was asked"


def relabel(state: State, instances: tuple[int, ...], mitras: tuple[int, ...]) -> State:
    return state._replace(work=tuple(state.work[old] for old in instances))


BOUNDS = {"instances": 2, "sessions": 1, "requests": 4, "faults": 1}
SMALL = BOUNDS | {"requests": 2, "faults": 0}

SPEC = Spec(
    name="tokens",
    title="Refresh tokens, codes and deactivation",
    initial=initial,
    actions=tuple(value for value in list(globals().values()) if isinstance(value, Action)),
    invariants=(inactive_has_no_session, token_serves_once, code_serves_once, refresh_is_due),
    quiet=quiet,
    bounds=(BOUNDS, BOUNDS | {"sessions": 2, "requests": 3, "faults": 2}),
    small=SMALL,
    deep=(BOUNDS | {"requests": 5, "faults": 2}, BOUNDS | {"instances": 3}),
    relabel=relabel,
    mutants=(
        mutant("a sign-in does not lock its code", CODE_LOCK, breaks="INV-20", **SMALL),
        mutant("a sign-in looks at the code before the lock alone", CODE_AGAIN, breaks="INV-20", **SMALL),
        mutant("a sign-in leaves its code open", CODE_ONCE, breaks="INV-20", **SMALL),
        mutant("a sign-in does not lock the mitra", MITRA_LOCK, breaks="INV-20", **SMALL),
        mutant("a sign-in looks at the mitra before the lock", ACTIVE_AGAIN, breaks="INV-20", **SMALL),
        mutant("a deactivation does not lock the mitra", DEACTIVATION_LOCK, breaks="INV-20", **SMALL),
        mutant("sessions are revoked in a second transaction", TOGETHER, breaks="INV-20", **SMALL),
        mutant("sessions are looked up before the lock", OWN_STATEMENT, breaks="INV-20", **SMALL),
        mutant("a session that is being refreshed is not revoked", NONE_SKIPPED, breaks="INV-20", **SMALL),
        mutant("a refresh makes a new row", IN_PLACE, breaks="INV-20", **SMALL),
        mutant("a refresh takes no lock", SESSION_LOCK, breaks="INV-20", **SMALL),
        mutant("a refresh does not look at the hash again", HASH_AGAIN, breaks="INV-20", **SMALL),
        mutant("a refresh does not ask whether its session is revoked", NOT_REVOKED, breaks="INV-20", **SMALL),
        mutant("a refresh does not ask whether the mitra is active", ACTIVE, breaks="INV-20", **SMALL),
    ),
)
