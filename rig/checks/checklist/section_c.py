"""Section C: a ping is one write in Valkey and no SQL. Valkey refuses the deactivated; without it Postgres does."""

from collections.abc import Sequence

from rig.checks.checklist.outages import assume_outage, require_stopped
from rig.checks.common.http_answers import require_clean_exit, require_prompt, require_refusal, require_status
from rig.checks.common.mirror_diff import heartbeat_time
from rig.checks.common.sql_statements import ids_in, keeps_house, names, unknown_roles
from rig.checks.common.valkey_commands import SETS, WRITES
from rig.checks.framework import Bounds, Judge, Kind, check
from rig.contract import HEARTBEAT
from rig.record.observations.parts import AnswerCount, CountedStatement, ValkeyReach, WithoutPostgres
from rig.record.observations.section_c import (
    CountedPings,
    DeactivatedMembership,
    Deactivation,
    HeartbeatInPostgres,
    PingsAfterOutage,
    PingsWithoutValkey,
    PingTimes,
    RefusedPing,
    SpacedPings,
)

REQUESTS_MIN = 500
TABLES = ("mitras", "mitra_online_status", "auth_sessions")
MS = 0.001  # a heartbeat has whole milliseconds


@check("C-01", "M", "The mitra is online for at least one heartbeat cycle", Kind.PRECONDITION)
def one_cycle(judge: Judge, seen: SpacedPings, bounds: Bounds) -> None:
    pings = seen.pings
    for ping in pings:
        if require_status(judge, ping):
            judge.owes(ping.fields.get("is_online") is True, f"a ping was answered {ping.reply}")
    lasted = pings[-1].started - pings[0].started
    judge.require(
        lasted >= bounds["cycle_s"], f"online for {lasted:.2f} s, less than a cycle of {bounds['cycle_s']:g} s"
    )
    judge.note(f"{len(pings)} pings over {lasted:.1f} s, a cycle is {bounds['cycle_s']:g} s")


def answered(answers: Sequence[AnswerCount], status: int, online: bool | None = None) -> int:
    """How many answers had that status, and that `is_online` if it is given."""
    return sum(
        answer.count
        for answer in answers
        if answer.status == status and (online is None or answer.fields.get("is_online") is online)
    )


def refused(answers: Sequence[AnswerCount]) -> int:
    return sum(answer.count for answer in answers if (answer.status, answer.code) == (403, "ACCOUNT_INACTIVE"))


def total(answers: Sequence[AnswerCount]) -> int:
    return sum(answer.count for answer in answers)


def listed(answers: Sequence[AnswerCount]) -> list[list[object]]:
    """The answers as `[status, code, reply, count]`, for messages."""
    return [[answer.status, answer.code, answer.reply, answer.count] for answer in answers]


def require_no_sql(judge: Judge, seen: CountedPings) -> None:
    """No statement names a table of the accounts or contains the mitra's id: all background jobs run hourly."""
    unknown = unknown_roles(seen.statements)
    judge.assume(not unknown, f"statements by unknown roles: {', '.join(unknown)}")
    for s in seen.statements:
        table = next((table for table in TABLES if names(s, table)), None)
        about_mitra = seen.mitra in ids_in(s)
        if keeps_house(s) and not about_mitra:
            continue  # a server may do so at any time
        why = f"names {table}" if table else "carries the mitra's id"
        judge.require(not (table or about_mitra), f"{s.count} × a statement {why}: {s.excerpt}")


def require_no_sql_of_any_kind(judge: Judge, seen: CountedPings) -> None:
    """No statement runs more than twice as often as in the idle window, relative to the lengths of both windows.

    The idle window is short, so one more of each statement is allowed.
    """
    idle = {(s.role, s.text): s.count for s in seen.idle}
    ratio = seen.seconds / max(seen.idle_seconds, MS)
    for s in seen.statements:
        allowed = 2 * (idle.get((s.role, s.text), 0) + 1) * max(1.0, ratio)
        judge.require(s.count <= allowed, f"{s.count} × {s.excerpt}, which an idle backend does not run so often")


def require_none_a_request(judge: Judge, statements: Sequence[CountedStatement], requests: int) -> None:
    """No statement runs as often as once per ten requests: no background job does."""
    for s in statements:
        judge.require(s.count * 10 <= requests, f"{s.count} × {s.excerpt}, with {requests} requests")


def require_heartbeats(judge: Judge, seen: CountedPings, expected: int) -> None:
    """Exactly so many SETs of the mitra's heartbeat key, and no other write of a key of the contract."""
    judge.observed(not seen.blind_s, f"MONITOR was not connected for {seen.blind_s:.2f} s of the window")
    key = HEARTBEAT + seen.mitra
    writes = [command for command in seen.commands if command.args[0] in WRITES]
    others = [command for command in writes if command.args[0] not in SETS or command.args[1] != key]
    heartbeats = sum(command.count for command in writes) - sum(command.count for command in others)
    message = f"{heartbeats} heartbeats were written in Valkey, not {expected}"
    judge.require_equal("heartbeats written in Valkey", heartbeats, expected, message)
    for command in others:
        judge.require(False, f"{command.count} × {command.args[0]} {command.args[1]} came with the pings")


def require_without_postgres(judge: Judge, seen: WithoutPostgres, answers: Sequence[AnswerCount], good: int) -> None:
    """All of these answers, given while Postgres was stopped, were good."""
    judge.assume(not seen.postgres_alive, "Postgres was not stopped")
    asked = total(answers)
    judge.assume(asked >= 10, f"only {asked} requests")
    judge.require(
        good == asked, f"with Postgres stopped {asked - good} of {asked} were answered otherwise: {listed(answers)}"
    )
    judge.note(f"{good} of {asked} with Postgres stopped")


@check("C-02", "BE", "500 pings: not one statement in Postgres, exactly one SET each in Valkey")
def nothing_in_postgres(judge: Judge, seen: CountedPings | WithoutPostgres, bounds: Bounds) -> None:
    if isinstance(seen, WithoutPostgres):
        require_without_postgres(judge, seen, seen.active, answered(seen.active, 200, True))
        return
    sent, taken = total(seen.answers), answered(seen.answers, 200, True)
    judge.observed(sent >= REQUESTS_MIN, f"only {sent} pings were sent")
    judge.require(taken == sent, f"{sent - taken} of {sent} pings were not answered 200 online: {listed(seen.answers)}")
    others, away = total(seen.offline), answered(seen.offline, 200, False)
    judge.require(away == others, f"pings of a mitra who is offline were answered {listed(seen.offline)}")
    require_no_sql(judge, seen)
    require_no_sql_of_any_kind(judge, seen)
    require_heartbeats(judge, seen, taken)
    judge.note(f"{taken} pings and {away} offline ones: no statement, {taken} SETs")


@check("C-03", "BE", "The heartbeat moves on with each ping, to the time of the ping")
def moves_on(judge: Judge, seen: PingTimes, bounds: Bounds) -> None:
    judge.observed(len(seen.pings) >= 3, "fewer than three pings were looked at")
    previous = 0.0
    for ping in seen.pings:
        at = heartbeat_time(ping.heartbeat)
        text = f"after a ping the heartbeat is {ping.heartbeat!r}, no time in ms UTC"
        if judge.require(at is not None, text) and at:
            judge.require(at > previous, f"the heartbeat stayed at {ping.heartbeat}, though she pinged again")
            off = max(ping.began - bounds["clock_s"] - at, at - ping.ended - bounds["clock_s"])
            judge.require(off <= 0, f"the heartbeat {ping.heartbeat} is {off:.3f} s off the ping that it stands for")
            previous = at
    judge.note(f"{len(seen.pings)} pings, each with a later time")


@check("C-04", "BE", "last_heartbeat_at takes the ping's time within a mirror cycle and a second")
def reaches_postgres(judge: Judge, seen: HeartbeatInPostgres, bounds: Bounds) -> None:
    if not require_status(judge, seen.ping):
        return
    pinged, column = heartbeat_time(seen.value), seen.column
    judge.owes(pinged is not None, f"after a ping the heartbeat in Valkey is {seen.value!r}", "C-03")
    if column is None or column <= seen.before:
        judge.within("last_heartbeat_at after the ping", None, bounds["within_s"])
        return
    judge.within("last_heartbeat_at after the ping", seen.seen_at - seen.ping.ended, bounds["within_s"])
    if pinged is not None:
        off = column - pinged
        judge.require(abs(off) < MS, f"last_heartbeat_at is {off:+.3f} s off the ping's heartbeat {seen.value}")


@check("C-05", "CC", "The operator deactivates the mitra", Kind.ACTION)
def deactivated(judge: Judge, seen: Deactivation, bounds: Bounds) -> None:
    if require_status(judge, seen.exchange):
        account = (seen.exchange.fields.get("id"), seen.exchange.fields.get("is_active"))
        judge.owes(account == (seen.mitra, False), f"the answer is {account}, not her with is_active false")


@check("C-06", "BE", "SISMEMBER mitras:deactivated is 1 at once")
def in_the_set(judge: Judge, seen: DeactivatedMembership, bounds: Bounds) -> None:
    took = None if seen.visible_at is None else seen.visible_at - seen.answered_at
    judge.within("membership of mitras:deactivated", took, bounds["within_s"])


@check("C-07", "M", "The next heartbeat is refused with 403 ACCOUNT_INACTIVE")
def next_ping_refused(judge: Judge, seen: RefusedPing, bounds: Bounds) -> None:
    require_refusal(judge, seen.exchange, 403, "ACCOUNT_INACTIVE")
    if require_status(judge, seen.control):
        online = seen.control.fields.get("is_online")
        judge.require(online is True, f"an active mitra's ping is answered is_online: {online!r}")


@check("C-08", "BE", "500 refused pings: not one statement in Postgres, the guard is Valkey's alone")
def guard_is_valkeys(judge: Judge, seen: CountedPings | WithoutPostgres, bounds: Bounds) -> None:
    if isinstance(seen, WithoutPostgres):
        require_without_postgres(judge, seen, seen.deactivated, refused(seen.deactivated))
        return
    sent, shut_out = total(seen.answers), refused(seen.answers)
    judge.observed(sent >= REQUESTS_MIN, f"only {sent} pings were sent")
    judge.require(shut_out == sent, f"{sent - shut_out} of {sent} pings were not refused: {listed(seen.answers)}")
    require_no_sql(judge, seen)
    require_none_a_request(judge, seen.statements, sent)
    require_heartbeats(judge, seen, 0)
    judge.note(f"{shut_out} refused pings: no statement, no heartbeat")


@check("C-09", "BE", "Valkey is stopped", Kind.ACTION)
def stopped(judge: Judge, seen: ValkeyReach, bounds: Bounds) -> None:
    require_stopped(judge, seen)


@check("C-10", "M", "Without Valkey active mitras are served, deactivated ones refused, each with a fallback line")
def checked_in_postgres(judge: Judge, seen: PingsWithoutValkey, bounds: Bounds) -> None:
    """One of the two deactivated mitras became so in the outage: what was known before it does not help."""
    assume_outage(judge, seen.valkey)
    judge.assume(not seen.unknown, f"statements by unknown roles: {', '.join(unknown_roles(seen.unknown))}")
    for name, online in (("Sari", True), ("Tuti", False)):
        for ping in seen.pings[name]:
            if require_status(judge, ping):
                answer = ping.fields.get("is_online")
                judge.require(answer is online, f"a ping of {name} is answered is_online: {answer!r}, not {online}")
    for name in ("Dewi", "Rani"):
        for ping in seen.pings[name]:
            require_refusal(judge, ping, 403, "ACCOUNT_INACTIVE")
    every = [ping for pings in seen.pings.values() for ping in pings]
    require_prompt(judge, every, bounds["answer_s"])
    judge.require(seen.lines == len(every), f"{seen.lines} fallback lines for {len(every)} pings")
    for s in seen.wrote:
        judge.require(False, f"a ping in the outage wrote: {s.excerpt}")
    judge.note(f"{len(every)} pings, {seen.lines} fallback lines, nothing written")


@check("C-11", "BE", "After the seed that ends the outage pings take the way through Valkey")
def back_on_valkey(judge: Judge, seen: PingsAfterOutage, bounds: Bounds) -> None:
    require_clean_exit(judge, seen.exit_code)
    judge.observed(not seen.blind_s, f"MONITOR was not connected for {seen.blind_s:.2f} s of the window")
    sent, taken = total(seen.answers), answered(seen.answers, 200, True)
    judge.require(taken == sent, f"{sent - taken} of {sent} pings were not answered 200 online: {listed(seen.answers)}")
    require_refusal(judge, seen.refused, 403, "ACCOUNT_INACTIVE")
    judge.require(seen.sets == sent, f"{seen.sets} heartbeats were written in Valkey by {sent} pings")
    judge.require(not seen.lines, f"{len(seen.lines)} fallback lines after the seed line")
    judge.note(f"{sent} pings, {seen.sets} SETs, no fallback line up to the exit")
