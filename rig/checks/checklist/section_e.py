"""Section E: a deactivation reaches everything but what a stateless token opens, and can be undone."""

from rig.checks.common.http_answers import require_refusal, require_status
from rig.checks.common.mirror_diff import heartbeat_time
from rig.checks.common.sql_statements import bare, writes
from rig.checks.framework import Bounds, Judge, Kind, Seen, check


@check("E-01", "BE", "The mitra holds an active access token", Kind.PRECONDITION)
def has_token(judge: Judge, seen: Seen, bounds: Bounds) -> None:
    for verified in seen["verified"]:
        if require_status(judge, verified):
            judge.owes(verified["reply"].get("access_token"), "the sign-in answers no access token")
    first = seen["verified"][0]["reply"]
    user = (first.get("user") if isinstance(first, dict) else None) or {}
    judge.owes(user.get("id") == seen["sari"], f"the sign-in answers the user {user.get('id')}")


@check("E-02", "BE", "Protected routes open with her token, and not without one")
def opens_routes(judge: Judge, seen: Seen, bounds: Bounds) -> None:
    for exchange in seen["opened"].values():
        require_status(judge, exchange)
    profile = seen["opened"]["profile"]["reply"] or {}
    found = {name: profile.get(name) for name in seen["row"]}
    judge.require(found == seen["row"], f"the profile is {found}, her row {seen['row']}")
    lacking = {"is_online", "last_heartbeat_at"} - set(seen["opened"]["status"]["reply"] or {})
    judge.require(not lacking, f"the status lacks {', '.join(sorted(lacking))}")
    offers = (seen["opened"]["chat-requests"]["reply"] or {}).get("chat_requests")
    judge.require(offers == [], f"chat_requests is {offers!r} where nobody offered her a chat")
    for exchange in seen["closed"].values():
        require_refusal(judge, exchange, 401, "UNAUTHENTICATED")


def require_active(judge: Judge, seen: Seen, active: bool) -> None:
    if require_status(judge, seen["exchange"]):
        reply = seen["exchange"]["reply"]
        found = (reply.get("id"), reply.get("is_active"))
        judge.owes(found == (seen["sari"], active), f"the answer is {found}, not her with is_active {active}")


@check("E-03", "CC", "The operator deactivates the mitra", Kind.ACTION)
def deactivated(judge: Judge, seen: Seen, bounds: Bounds) -> None:
    require_active(judge, seen, False)


@check("E-04", "BE", "Postgres: is_active false and every auth_sessions row of hers revoked")
def shut_out_in_postgres(judge: Judge, seen: Seen, bounds: Bounds) -> None:
    sari, dewi = seen["sari"], seen["dewi"]
    judge.require(seen["active"].get(sari) is False, "mitras.is_active is not false for her")
    judge.require(seen["active"].get(dewi) is True, "another mitra was deactivated too")
    hers = [revoked for user, revoked in seen["sessions"] if user == sari]
    judge.assume(len(hers) >= 2, f"only {len(hers)} sign-ins of hers are in auth_sessions")
    judge.require(all(hers), f"{hers.count(False)} of her {len(hers)} sign-ins are not revoked")
    others = [revoked for user, revoked in seen["sessions"] if user == dewi]
    judge.require(not any(others), "somebody else's sign-in was revoked")
    require_one_transaction(judge, seen["statements"])
    judge.note(f"all {len(hers)} sign-ins revoked, in the transaction that deactivated her")


def require_one_transaction(judge: Judge, statements: list[Seen]) -> None:
    """Between the write of `mitras.is_active` and each of `auth_sessions` no COMMIT on their connection."""
    account = [s for s in statements if writes(s, "mitras") and "is_active" in bare(s)]
    revoked = [s for s in statements if writes(s, "auth_sessions") and "revoked_at" in bare(s)]
    if not judge.observed(account and revoked, "the two writes are not both in the statement log"):
        return
    split = [other for other in revoked if not any(one_transaction(one, other, statements) for one in account)]
    judge.require(not split, "the account and its sign-ins were written in two transactions")


def one_transaction(one: Seen, other: Seen, statements: list[Seen]) -> bool:
    same = one["pid"] == other["pid"]
    low, high = sorted((statements.index(one), statements.index(other)))
    between = [s["text"].strip().upper() for s in statements[low:high] if s["pid"] == one["pid"]]
    split = any(text.startswith(("COMMIT", "END")) for text in between)
    begun = one is other or any(
        s["pid"] == one["pid"] and s["text"].strip().upper().startswith(("BEGIN", "START")) for s in statements[:low]
    )
    return same and not split and begun


def require_stamp(judge: Judge, seen: Seen, bounds: Bounds, what: str) -> None:
    judge.within(what, seen["written_at"] - seen["answered_at"], bounds["within_s"])


@check("E-05", "BE", "SISMEMBER mitras:deactivated is 1")
def in_deactivated(judge: Judge, seen: Seen, bounds: Bounds) -> None:
    judge.require(seen["member"], "she is not in mitras:deactivated")
    require_stamp(judge, seen, bounds, "membership of mitras:deactivated")


@check("E-06", "BE", "Her current access token still works on routes that don't check the account again")
def token_still_opens(judge: Judge, seen: Seen, bounds: Bounds) -> None:
    if require_status(judge, seen["profile"]):
        found = seen["profile"]["reply"].get("id")
        judge.require(found == seen["sari"], f"the profile is that of {found}")
    for exchange in seen["guarded"]:
        require_refusal(judge, exchange, 403, "ACCOUNT_INACTIVE")
    judge.require(seen["online"] == [[True]], f"a refused toggle changed is_online to {seen['online']}")


@check("E-07", "BE", "Her heartbeat is refused with 403 ACCOUNT_INACTIVE at once")
def ping_refused(judge: Judge, seen: Seen, bounds: Bounds) -> None:
    for exchange in seen["sari"]:
        require_refusal(judge, exchange, 403, "ACCOUNT_INACTIVE")
    require_status(judge, seen["dewi"])


@check("E-08", "BE", "Her next refresh fails, on every phone")
def refresh_refused(judge: Judge, seen: Seen, bounds: Bounds) -> None:
    for exchange in seen["sari"]:
        require_refusal(judge, exchange, 401, "REFRESH_INVALID")
    require_refusal(judge, seen["sign_in"], 403, "ACCOUNT_INACTIVE")
    require_status(judge, seen["dewi"])


@check("E-09", "CC", "The operator re-activates the mitra", Kind.ACTION)
def reactivated(judge: Judge, seen: Seen, bounds: Bounds) -> None:
    require_active(judge, seen, True)


@check("E-10", "BE", "Postgres is_active true, SISMEMBER mitras:deactivated 0")
def back_in(judge: Judge, seen: Seen, bounds: Bounds) -> None:
    judge.require(seen["active"].get(seen["sari"]) is True, "mitras.is_active is not true for her")
    judge.require(not seen["member"], "she is still in mitras:deactivated")
    alive = [user for user, revoked in seen["sessions"] if user == seen["sari"] and not revoked]
    judge.require(not alive, f"re-activation brought {len(alive)} of her revoked sign-ins back")
    require_stamp(judge, seen, bounds, "her leaving of mitras:deactivated")


@check("E-11", "M", "She signs in again and her pings count")
def signs_in_again(judge: Judge, seen: Seen, bounds: Bounds) -> None:
    for exchange in seen["old"]:
        require_refusal(judge, exchange, 401, "REFRESH_INVALID")
    if require_status(judge, seen["verified"]):
        judge.require(seen["verified"]["reply"].get("refresh_token"), "the sign-in answers no refresh token")
    if require_status(judge, seen["ping"]):
        found = seen["ping"]["reply"].get("is_online")
        judge.require(found is True, f"the ping answers is_online: {found!r}; deactivation takes nobody offline")
    before, after = heartbeat_time(seen["before"]), heartbeat_time(seen["after"])
    judge.require(
        after and (before is None or after > before), f"her heartbeat went from {seen['before']} to {seen['after']}"
    )
