"""Sign-in, refresh, logout and deactivation, up to COMMIT."""

from collections.abc import Iterator

from rig.model.language import Kind, Lane, Rules, action
from rig.model.specs.lanes import FROM_MITRA, TO_POSTGRES
from rig.model.specs.tokens.rules import (
    ACTIVE,
    ACTIVE_AGAIN,
    CODE_AGAIN,
    CODE_LOCK,
    DEACTIVATION_LOCK,
    HASH_AGAIN,
    MITRA_LOCK,
    NONE_SKIPPED,
    NOT_REVOKED,
    OWN_STATEMENT,
    SESSION_LOCK,
    TOGETHER,
)
from rig.model.specs.tokens.state import (
    CLOSED,
    NO_ROW,
    NONE,
    At,
    State,
    What,
    Work,
    asked,
    code_is_free,
    committed,
    locked_sessions,
    mitra_is_free,
    on,
    place_of,
)

_AUTH_REFRESH = "server/auth.py:Auth.refresh"
_SET_ACTIVE = "server/mitras.py:set_active"

# --- sign-in -----------------------------------------------------------------------------------------------------


@action(kind=Kind.CLIENT, code="server/otp.py:Otp.request", lanes=(Lane.MITRA, Lane.POSTGRES))
def code_is_requested(rules: Rules, state: State) -> Iterator[State]:
    """A new code replaces the open one, as soon as nobody has its row locked."""
    if state.requests and code_is_free(state):
        fresh = state._replace(code=len(state.sign_ins), sign_ins=(*state.sign_ins, 0))
        yield fresh._replace(requests=state.requests - 1)


@action("instance", kind=Kind.CLIENT, code="server/auth.py:Auth.verify", lanes=FROM_MITRA)
def sign_in_is_asked(rules: Rules, state: State, instance: int) -> Iterator[State]:
    """The mitra signs in with the code that is open."""
    if state.requests and state.work[instance] == NONE and state.code != CLOSED:
        yield asked(state, instance, Work(What.SIGN_IN, At.BEGUN, state.code))


@action("instance", code="server/otp.py:Otp.check", lanes=TO_POSTGRES)
def code_is_checked(rules: Rules, state: State, instance: int) -> Iterator[tuple[str, State]]:
    """The code's row is locked, and the code compared."""
    work = state.work[instance]
    if work.what != What.SIGN_IN or work.at != At.BEGUN or not rules.holds(CODE_LOCK, code_is_free(state)):
        return
    if rules.holds(CODE_AGAIN, state.code == work.given):
        yield "right", on(state, instance, work._replace(at=At.CODE))
    else:
        yield "refused", on(state, instance, NONE)


@action("instance", code="server/auth.py:Auth._user", lanes=TO_POSTGRES)
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


@action("instance", kind=Kind.CLIENT, code=_AUTH_REFRESH, lanes=FROM_MITRA)
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


@action("instance", kind=Kind.CLIENT, code="server/auth.py:Auth.logout", lanes=FROM_MITRA)
def logout_begins(rules: Rules, state: State, instance: int) -> Iterator[tuple[str, State]]:
    """The UPDATE of a logout begins: what it finds is as of now."""
    if state.requests and state.work[instance] == NONE:
        for row, session in enumerate(state.sessions):
            if not session.revoked:
                yield f"token {session.token}", asked(state, instance, Work(What.LOGOUT, At.BEGUN, session.token, row))


@action("instance", code=_AUTH_REFRESH, lanes=TO_POSTGRES)
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


@action("instance", code="server/mirror/writes.py:Writes.changing", lanes=TO_POSTGRES)
def mitra_is_locked(rules: Rules, state: State, instance: int) -> Iterator[State]:
    """The mitra's row is locked."""
    work = state.work[instance]
    if work.what not in (What.DEACTIVATE, What.REACTIVATE) or work.at != At.BEGUN:
        return
    if rules.holds(DEACTIVATION_LOCK, mitra_is_free(rules, state, shared=False)):
        seen = len(state.sessions) if rules.keeps(OWN_STATEMENT) else work.seen
        yield on(state, instance, work._replace(at=At.MITRA, seen=seen))


@action("instance", code=_SET_ACTIVE, lanes=TO_POSTGRES)
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


@action("instance", code="server/db.py:Database.transaction", lanes=TO_POSTGRES)
def transaction_commits(rules: Rules, state: State, instance: int) -> Iterator[tuple[str, State]]:
    """The transaction is committed: its rows are seen and its locks are free."""
    work = state.work[instance]
    if work.at == At.READY:
        yield work.what.name.lower().replace("_", "-"), on(committed(rules, state, work), instance, NONE)
