"""Section C: a ping is one write in Valkey and no SQL; its guard is Valkey's; without Valkey Postgres checks it."""

from collections.abc import Mapping, Sequence
from typing import Any

from rig.checks.checklist.outages import require_stopped
from rig.checks.common.http_answers import require_clean_exit, require_prompt, require_refusal, require_status
from rig.checks.common.mirror_diff import heartbeat_time
from rig.checks.common.sql_statements import ids_in, keeps_house, names, unknown_roles
from rig.checks.common.valkey_commands import SETS, WRITES
from rig.checks.framework import Bounds, Judge, Kind, Seen, check
from rig.contract import HEARTBEAT

REQUESTS_MIN = 500
TABLES = ("mitras", "mitra_online_status", "auth_sessions")
MS = 0.001  # a heartbeat is written in milliseconds


@check("C-01", "M", "The mitra is online for at least one heartbeat cycle", Kind.PRECONDITION)
def one_cycle(judge: Judge, seen: Seen, bounds: Bounds) -> None:
    pings = seen["pings"]
    for ping in pings:
        if require_status(judge, ping):
            judge.owes(ping["reply"].get("is_online") is True, f"a ping was answered {ping['reply']}")
    lasted = pings[-1]["started"] - pings[0]["started"]
    judge.require(
        lasted >= bounds["cycle_s"], f"online for {lasted:.2f} s, less than a cycle of {bounds['cycle_s']:g} s"
    )
    judge.note(f"{len(pings)} pings over {lasted:.1f} s, a cycle is {bounds['cycle_s']:g} s")


def answered(answers: Sequence[Sequence[Any]], status: int, online: bool | None = None) -> int:
    """How many of these got that status (and that `is_online`), of `[status, code, reply, count]`."""
    return sum(
        count
        for found, _, reply, count in answers
        if found == status and (online is None or (isinstance(reply, dict) and reply.get("is_online") is online))
    )


def refused(answers: Sequence[Sequence[Any]]) -> int:
    return sum(count for status, code, _, count in answers if (status, code) == (403, "ACCOUNT_INACTIVE"))


def total(answers: Sequence[Sequence[Any]]) -> int:
    return sum(answer[-1] for answer in answers)


def require_no_sql(judge: Judge, seen: Seen) -> None:
    """No statement that names an account's tables or carries the mitra's id: with quiet cadences it is the pings'."""
    unknown = unknown_roles(seen["statements"])
    judge.assume(not unknown, f"statements by unknown roles: {', '.join(unknown)}")
    for s in seen["statements"]:
        table = next((table for table in TABLES if names(s, table)), None)
        hers = seen["mitra"] in ids_in(s)
        if keeps_house(s) and not hers:
            continue  # at its own time, whoever pings
        why = f"names {table}" if table else "carries the mitra's id"
        judge.require(not (table or hers), f"{s['count']} × a statement {why}: {' '.join(s['text'].split())[:120]}")


def require_no_sql_of_any_kind(judge: Judge, seen: Seen) -> None:
    """Nor any other statement that comes with pings: none more than twice as often as while there were hardly any.

    The idle window is short, so one more of each than was seen there is allowed for.
    """
    idle = {(s["role"], s["text"]): s["count"] for s in seen["idle"]}
    ratio = seen["seconds"] / max(seen["idle_seconds"], MS)
    for s in seen["statements"]:
        allowed = 2 * (idle.get((s["role"], s["text"]), 0) + 1) * max(1.0, ratio)
        text = " ".join(s["text"].split())[:120]
        judge.require(s["count"] <= allowed, f"{s['count']} × {text}, which an idle backend does not run so often")


def require_none_a_request(judge: Judge, statements: Sequence[Mapping[str, Any]], requests: int) -> None:
    """No statement, whatever it names, that comes with one request in ten: no backend does so much unasked."""
    for s in statements:
        text = " ".join(s["text"].split())[:120]
        judge.require(s["count"] * 10 <= requests, f"{s['count']} × {text}, with {requests} requests")


def writes_by(seen: Seen) -> list[tuple[str, str, int]]:
    """Verb, key and count of each write of a contract key in the window."""
    return [(c["args"][0], c["args"][1], c["count"]) for c in seen["commands"] if c["args"][0] in WRITES]


def require_heartbeats(judge: Judge, seen: Seen, expected: int) -> None:
    """Exactly so many SETs of the mitra's heartbeat, and no other write of a contract key."""
    judge.observed(not seen["blind_s"], f"MONITOR was not connected for {seen['blind_s']:.2f} s of the window")
    key = HEARTBEAT + seen["mitra"]
    found = sum(count for verb, written, count in writes_by(seen) if verb in SETS and written == key)
    judge.require(found == expected, f"{found} heartbeats were written in Valkey, not {expected}")
    for verb, written, count in writes_by(seen):
        judge.require(verb in SETS and written == key, f"{count} × {verb} {written} came with the pings")


def require_without_postgres(judge: Judge, seen: Seen, name: str, good: int) -> None:
    judge.assume(not seen["postgres_alive"], "Postgres was not stopped")
    asked = total(seen[name])
    judge.assume(asked >= 10, f"only {asked} requests")
    judge.require(
        good == asked, f"with Postgres stopped {asked - good} of {asked} were answered otherwise: {seen[name]}"
    )
    judge.note(f"{good} of {asked} with Postgres stopped")


@check("C-02", "BE", "500 pings: not one statement in Postgres, exactly one SET each in Valkey")
def nothing_in_postgres(judge: Judge, seen: Seen, bounds: Bounds) -> None:
    if seen["witness"] == "postgres stopped":
        require_without_postgres(judge, seen, "active", answered(seen["active"], 200, True))
        return
    sent, taken = total(seen["answers"]), answered(seen["answers"], 200, True)
    judge.observed(sent >= REQUESTS_MIN, f"only {sent} pings were sent")
    judge.require(taken == sent, f"{sent - taken} of {sent} pings were not answered 200 online: {seen['answers']}")
    others, away = total(seen["offline"]), answered(seen["offline"], 200, False)
    judge.require(away == others, f"pings of a mitra who is offline were answered {seen['offline']}")
    require_no_sql(judge, seen)
    require_no_sql_of_any_kind(judge, seen)
    require_heartbeats(judge, seen, taken)
    judge.note(f"{taken} pings and {away} offline ones: no statement, {taken} SETs")


@check("C-03", "BE", "The heartbeat moves on with each ping, to the time of the ping")
def moves_on(judge: Judge, seen: Seen, bounds: Bounds) -> None:
    judge.observed(len(seen["pings"]) >= 3, "fewer than three pings were looked at")
    previous = 0.0
    for began, ended, value in seen["pings"]:
        at = heartbeat_time(value)
        if judge.require(at is not None, f"after a ping the heartbeat is {value!r}, no time in ms UTC") and at:
            judge.require(at > previous, f"the heartbeat stayed at {value}, though she pinged again")
            off = max(began - bounds["clock_s"] - at, at - ended - bounds["clock_s"])
            judge.require(off <= 0, f"the heartbeat {value} is {off:.3f} s off the ping that it stands for")
            previous = at
    judge.note(f"{len(seen['pings'])} pings, each with a later time")


@check("C-04", "BE", "last_heartbeat_at takes the ping's time within a mirror cycle and a second")
def reaches_postgres(judge: Judge, seen: Seen, bounds: Bounds) -> None:
    if not require_status(judge, seen["ping"]):
        return
    pinged, column = heartbeat_time(seen["value"]), seen["column"]
    judge.owes(pinged is not None, f"after a ping the heartbeat in Valkey is {seen['value']!r}", "C-03")
    moved = column is not None and column > seen["before"]
    took = seen["seen_at"] - seen["ping"]["ended"] if moved else None
    judge.within("last_heartbeat_at after the ping", took, bounds["within_s"])
    if moved and pinged is not None:
        off = column - pinged
        judge.require(abs(off) < MS, f"last_heartbeat_at is {off:+.3f} s off the ping's heartbeat {seen['value']}")


@check("C-05", "CC", "The operator deactivates the mitra", Kind.ACTION)
def deactivated(judge: Judge, seen: Seen, bounds: Bounds) -> None:
    if require_status(judge, seen["exchange"]):
        reply = seen["exchange"]["reply"]
        found = (reply.get("id"), reply.get("is_active"))
        judge.owes(found == (seen["mitra"], False), f"the answer is {found}, not her with is_active false")


@check("C-06", "BE", "SISMEMBER mitras:deactivated is 1 at once")
def in_the_set(judge: Judge, seen: Seen, bounds: Bounds) -> None:
    took = None if seen["visible_at"] is None else seen["visible_at"] - seen["answered_at"]
    judge.within("membership of mitras:deactivated", took, bounds["within_s"])


@check("C-07", "M", "The next heartbeat is refused with 403 ACCOUNT_INACTIVE")
def next_ping_refused(judge: Judge, seen: Seen, bounds: Bounds) -> None:
    require_refusal(judge, seen["exchange"], 403, "ACCOUNT_INACTIVE")
    if require_status(judge, seen["control"]):
        online = seen["control"]["reply"].get("is_online")
        judge.require(online is True, f"an active mitra's ping is answered is_online: {online!r}")


@check("C-08", "BE", "500 refused pings: not one statement in Postgres, the guard is Valkey's alone")
def guard_is_valkeys(judge: Judge, seen: Seen, bounds: Bounds) -> None:
    if seen["witness"] == "postgres stopped":
        require_without_postgres(judge, seen, "deactivated", refused(seen["deactivated"]))
        return
    sent, shut_out = total(seen["answers"]), refused(seen["answers"])
    judge.observed(sent >= REQUESTS_MIN, f"only {sent} pings were sent")
    judge.require(shut_out == sent, f"{sent - shut_out} of {sent} pings were not refused: {seen['answers']}")
    require_no_sql(judge, seen)
    require_none_a_request(judge, seen["statements"], sent)
    require_heartbeats(judge, seen, 0)
    judge.note(f"{shut_out} refused pings: no statement, no heartbeat")


@check("C-09", "BE", "Valkey is stopped", Kind.ACTION)
def stopped(judge: Judge, seen: Seen, bounds: Bounds) -> None:
    require_stopped(judge, seen)


@check("C-10", "M", "Without Valkey active mitras are served, deactivated ones refused, each with a fallback line")
def checked_in_postgres(judge: Judge, seen: Seen, bounds: Bounds) -> None:
    """Of the two deactivated ones one became so in the outage: nothing that was known before helps to refuse her."""
    judge.assume(seen["valkey"]["through_proxy"] != "answers", "Valkey still answered the backend")
    judge.assume(not seen["unknown"], f"statements by unknown roles: {', '.join(unknown_roles(seen['unknown']))}")
    pings = seen["pings"]
    for name, online in (("Sari", True), ("Tuti", False)):
        for ping in pings[name]:
            if require_status(judge, ping):
                said = ping["reply"].get("is_online")
                judge.require(said is online, f"a ping of {name} is answered is_online: {said!r}, not {online}")
    for name in ("Dewi", "Rani"):
        for ping in pings[name]:
            require_refusal(judge, ping, 403, "ACCOUNT_INACTIVE")
    every = [ping for of_one in pings.values() for ping in of_one]
    require_prompt(judge, every, bounds["answer_s"])
    judge.require(seen["lines"] == len(every), f"{seen['lines']} fallback lines for {len(every)} pings")
    for s in seen["wrote"]:
        judge.require(False, f"a ping in the outage wrote: {' '.join(s['text'].split())[:120]}")
    judge.note(f"{len(every)} pings, {seen['lines']} fallback lines, nothing written")


@check("C-11", "BE", "After the seed that ends the outage pings take the way through Valkey")
def back_on_valkey(judge: Judge, seen: Seen, bounds: Bounds) -> None:
    require_clean_exit(judge, seen["exit_code"])
    judge.observed(not seen["blind_s"], f"MONITOR was not connected for {seen['blind_s']:.2f} s of the window")
    sent, taken = total(seen["answers"]), answered(seen["answers"], 200, True)
    judge.require(taken == sent, f"{sent - taken} of {sent} pings were not answered 200 online: {seen['answers']}")
    require_refusal(judge, seen["refused"], 403, "ACCOUNT_INACTIVE")
    judge.require(seen["sets"] == sent, f"{seen['sets']} heartbeats were written in Valkey by {sent} pings")
    judge.require(not seen["lines"], f"{len(seen['lines'])} fallback lines after the seed line")
    judge.note(f"{sent} pings, {seen['sets']} SETs, no fallback line up to the exit")
