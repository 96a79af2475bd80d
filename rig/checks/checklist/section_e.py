"""Section E: a deactivation takes effect everywhere but on routes that trust the token alone; it can be undone."""

from collections.abc import Sequence

import msgspec

from rig.checks.common.http_answers import require_refusal, require_status
from rig.checks.common.mirror_diff import heartbeat_time
from rig.checks.common.sql_statements import bare, writes
from rig.checks.framework import Bounds, Judge, Kind, check
from rig.record.observations.parts import SqlStatement, fields_of
from rig.record.observations.section_e import (
    ActiveChange,
    DeactivatedInPostgres,
    DeactivatedSet,
    OldToken,
    PingsOfPhones,
    ProtectedRoutes,
    Reactivated,
    Refreshes,
    SignInAgain,
    SignIns,
)


@check("E-01", "BE", "The mitra holds an active access token", Kind.PRECONDITION)
def has_token(judge: Judge, seen: SignIns, bounds: Bounds) -> None:
    for verified in seen.verified:
        if require_status(judge, verified):
            judge.owes(verified.fields.get("access_token"), "the sign-in answers no access token")
    user = fields_of(seen.verified[0].fields.get("user")).get("id")
    judge.owes(user == seen.sari, f"the sign-in answers the user {user}")


@check("E-02", "BE", "Protected routes open with her token, and not without one")
def opens_routes(judge: Judge, seen: ProtectedRoutes, bounds: Bounds) -> None:
    for exchange in seen.opened.values():
        require_status(judge, exchange)
    profile, row = seen.opened["profile"].fields, msgspec.structs.asdict(seen.row)
    answered = {name: profile.get(name) for name in row}
    judge.require(answered == row, f"the profile is {answered}, her row {row}")
    missing = {"is_online", "last_heartbeat_at"} - set(seen.opened["status"].fields)
    judge.require(not missing, f"the status lacks {', '.join(sorted(missing))}")
    offers = seen.opened["chat-requests"].fields.get("chat_requests")
    judge.require(offers == [], f"chat_requests is {offers!r} where nobody offered her a chat")
    for exchange in seen.closed.values():
        require_refusal(judge, exchange, 401, "UNAUTHENTICATED")


def require_active(judge: Judge, seen: ActiveChange, active: bool) -> None:
    if require_status(judge, seen.exchange):
        account = (seen.exchange.fields.get("id"), seen.exchange.fields.get("is_active"))
        judge.owes(account == (seen.sari, active), f"the answer is {account}, not her with is_active {active}")


@check("E-03", "CC", "The operator deactivates the mitra", Kind.ACTION)
def deactivated(judge: Judge, seen: ActiveChange, bounds: Bounds) -> None:
    require_active(judge, seen, False)


@check("E-04", "BE", "Postgres: is_active false and every auth_sessions row of hers revoked")
def shut_out_in_postgres(judge: Judge, seen: DeactivatedInPostgres, bounds: Bounds) -> None:
    sari, dewi = seen.sari, seen.dewi
    judge.require(seen.active.get(sari) is False, "mitras.is_active is not false for her")
    judge.require(seen.active.get(dewi) is True, "another mitra was deactivated too")
    hers = [row.revoked for row in seen.sessions if row.user == sari]
    judge.assume(len(hers) >= 2, f"only {len(hers)} sign-ins of hers are in auth_sessions")
    judge.require(all(hers), f"{hers.count(False)} of her {len(hers)} sign-ins are not revoked")
    others = [row.revoked for row in seen.sessions if row.user == dewi]
    judge.require(not any(others), "somebody else's sign-in was revoked")
    require_one_transaction(judge, seen.statements)
    judge.note(f"all {len(hers)} sign-ins revoked, in the transaction that deactivated her")


def require_one_transaction(judge: Judge, statements: Sequence[SqlStatement]) -> None:
    """No COMMIT on their connection between the write of `mitras.is_active` and each write of `auth_sessions`."""
    account = [s for s in statements if writes(s, "mitras") and "is_active" in bare(s)]
    revoked = [s for s in statements if writes(s, "auth_sessions") and "revoked_at" in bare(s)]
    if not judge.observed(account and revoked, "the two writes are not both in the statement log"):
        return
    alone = [s for s in revoked if not any(one_transaction(first, s, statements) for first in account)]
    judge.require(not alone, "the account and its sign-ins were written in two transactions")


def one_transaction(first: SqlStatement, second: SqlStatement, statements: Sequence[SqlStatement]) -> bool:
    """Whether both belong to the same transaction; the order of the two does not matter."""
    low, high = sorted((statements.index(first), statements.index(second)))
    before = [s.text.strip().upper() for s in statements[:low] if s.pid == first.pid]
    between = [s.text.strip().upper() for s in statements[low:high] if s.pid == first.pid]
    begun = first is second or any(text.startswith(("BEGIN", "START")) for text in before)
    ended = any(text.startswith(("COMMIT", "END")) for text in between)
    return first.pid == second.pid and begun and not ended


def require_stamp(judge: Judge, seen: DeactivatedSet, bounds: Bounds, what: str) -> None:
    judge.within(what, seen.written_at - seen.answered_at, bounds["within_s"])


@check("E-05", "BE", "SISMEMBER mitras:deactivated is 1")
def in_deactivated(judge: Judge, seen: DeactivatedSet, bounds: Bounds) -> None:
    judge.require(seen.member, "she is not in mitras:deactivated")
    require_stamp(judge, seen, bounds, "membership of mitras:deactivated")


@check("E-06", "BE", "Her current access token still works on routes that don't check the account again")
def token_still_opens(judge: Judge, seen: OldToken, bounds: Bounds) -> None:
    if require_status(judge, seen.profile):
        owner = seen.profile.fields.get("id")
        judge.require(owner == seen.sari, f"the profile is that of {owner}")
    for exchange in seen.guarded:
        require_refusal(judge, exchange, 403, "ACCOUNT_INACTIVE")
    judge.require(seen.online == [[True]], f"a refused toggle changed is_online to {seen.online}")


@check("E-07", "BE", "Her heartbeat is refused with 403 ACCOUNT_INACTIVE at once")
def ping_refused(judge: Judge, seen: PingsOfPhones, bounds: Bounds) -> None:
    for exchange in seen.sari:
        require_refusal(judge, exchange, 403, "ACCOUNT_INACTIVE")
    require_status(judge, seen.dewi)


@check("E-08", "BE", "Her next refresh fails, on every phone")
def refresh_refused(judge: Judge, seen: Refreshes, bounds: Bounds) -> None:
    for exchange in seen.sari:
        require_refusal(judge, exchange, 401, "REFRESH_INVALID")
    require_refusal(judge, seen.sign_in, 403, "ACCOUNT_INACTIVE")
    require_status(judge, seen.dewi)


@check("E-09", "CC", "The operator re-activates the mitra", Kind.ACTION)
def reactivated(judge: Judge, seen: ActiveChange, bounds: Bounds) -> None:
    require_active(judge, seen, True)


@check("E-10", "BE", "Postgres is_active true, SISMEMBER mitras:deactivated 0")
def back_in(judge: Judge, seen: Reactivated, bounds: Bounds) -> None:
    judge.require(seen.active.get(seen.sari) is True, "mitras.is_active is not true for her")
    judge.require(not seen.member, "she is still in mitras:deactivated")
    valid = [row for row in seen.sessions if row.user == seen.sari and not row.revoked]
    judge.require(not valid, f"re-activation brought {len(valid)} of her revoked sign-ins back")
    require_stamp(judge, seen, bounds, "her leaving of mitras:deactivated")


@check("E-11", "M", "She signs in again and her pings count")
def signs_in_again(judge: Judge, seen: SignInAgain, bounds: Bounds) -> None:
    for exchange in seen.old:
        require_refusal(judge, exchange, 401, "REFRESH_INVALID")
    if require_status(judge, seen.verified):
        judge.require(seen.verified.fields.get("refresh_token"), "the sign-in answers no refresh token")
    if require_status(judge, seen.ping):
        online = seen.ping.fields.get("is_online")
        judge.require(online is True, f"the ping answers is_online: {online!r}; deactivation takes nobody offline")
    before, after = heartbeat_time(seen.before), heartbeat_time(seen.after)
    judge.require(
        after and (before is None or after > before), f"her heartbeat went from {seen.before} to {seen.after}"
    )
