"""Section F, reachability and blast: by the rule for Valkey, and without Valkey by the looser rule for Postgres."""

from collections.abc import Iterable, Mapping, Sequence

import msgspec

from rig.checks.checklist.outages import assume_outage
from rig.checks.common.availability_model import assume_clear, available, require_answer, states
from rig.checks.common.http_answers import require_clean_exit, require_prompt, require_status
from rig.checks.common.sql_statements import is_availability_query, names, unknown_roles
from rig.checks.framework import Bounds, Judge, check
from rig.record.observations.parts import CountedStatement, HttpExchange, MirrorState
from rig.record.observations.section_f import (
    BlastByMirror,
    BlastFromValkey,
    BlastWithoutValkey,
    Offers,
    Reachability,
    ReachabilityByMirror,
    ReachabilityWhenStale,
    ReachabilityWithoutValkey,
    SeenByMirror,
)

STATUS = "mitra_online_status"
WRITTEN_S = 1.0  # by when a change is in Valkey; the rig does not look sooner
UNREACHABLE_BY_HEARTBEAT = ("stale", "no heartbeat", "garbled heartbeat")


def require_reachable(judge: Judge, seen: Reachability | ReachabilityByMirror, expected: Mapping[str, bool]) -> None:
    """The answer for each of these mitras is the expected bool."""
    for mitra, wanted in expected.items():
        exchange = seen.answers[mitra]
        if require_status(judge, exchange):
            answer, name = exchange.fields.get("reachable"), seen.names.get(mitra, mitra)
            message = f"{name} is reachable: {answer!r}, not {wanted} ({why(seen, mitra)})"
            judge.require(answer is wanted, message)


def why(seen: Reachability | ReachabilityByMirror, mitra: str) -> str:
    """What the stores held about that mitra, for the message."""
    row = seen.postgres.get(mitra)
    text = f"Postgres: {None if row is None else msgspec.structs.asdict(row)}"
    if isinstance(seen, ReachabilityByMirror):
        text += f", heartbeat {seen.mirror.heartbeats.get(mitra)}"
    return text


def valkey_states(judge: Judge, seen: SeenByMirror) -> dict[str, str]:
    """The state of each online mitra by the rule for Valkey."""
    assume_clear(judge, seen.mirror, seen.stale_s, seen.at)
    owe_deactivated(judge, seen)
    return states(seen.mirror, seen.loads, seen.maximum, seen.stale_s, seen.at)


def owe_deactivated(judge: Judge, seen: SeenByMirror) -> None:
    """Every mitra who is deactivated in Postgres is so in Valkey, if the record has both."""
    missing = set(seen.deactivated or ()) - set(seen.mirror.deactivated)
    mitras = ", ".join(sorted(seen.names.get(mitra, mitra) for mitra in missing))
    message = f"deactivated {WRITTEN_S:g} s ago and more, and not in mitras:deactivated: {mitras}"
    judge.owes(not missing, message, "C-06")


def by_valkey_rule(states_by_id: Mapping[str, str], mitras: Iterable[str]) -> dict[str, bool]:
    """Whether each of these mitras is reachable; one at capacity is. `states_by_id` has those who are online."""
    return {mitra: states_by_id.get(mitra) in ("available", "full") for mitra in mitras}


def require_no_availability_sql(judge: Judge, statements: Sequence[CountedStatement], table: str | None = None) -> None:
    """No query for availability. With `table`, no statement that names it at all."""
    unknown = unknown_roles(statements)
    judge.assume(not unknown, f"statements by unknown roles: {', '.join(unknown)}")
    for s in statements:
        asks = is_availability_query(s) or (table is not None and names(s, table))
        judge.require(not asks, f"{s.count} × asked of Postgres: {s.excerpt}")


def require_silence(judge: Judge, seen: ReachabilityWhenStale | BlastFromValkey) -> None:
    """No fallback line in the log, which is complete as the server has exited."""
    require_clean_exit(judge, seen.exit_code)
    judge.require(not seen.lines, f"{len(seen.lines)} fallback lines: {seen.lines[:1]}")


@check("F-01", "BE", "An online mitra with a fresh heartbeat is reachable; one offline or deactivated is not")
def reachable(judge: Judge, seen: ReachabilityByMirror, bounds: Bounds) -> None:
    mitras = valkey_states(judge, seen)
    expected = by_valkey_rule(mitras, seen.answers)
    require_reachable(judge, seen, expected)
    for state in ("available", "full", "deactivated"):
        judge.assume(state in mitras.values(), f"nobody was {state}")
    judge.assume(set(seen.answers) - set(mitras), "nobody was offline")
    reachable_count = sum(state in ("available", "full") for state in mitras.values())
    judge.note(f"{len(seen.answers)} mitras, {reachable_count} reachable")


@check("F-02", "BE", "A heartbeat older than stale_after_seconds makes unreachable, though Postgres says online")
def stale_is_unreachable(judge: Judge, seen: ReachabilityWhenStale, bounds: Bounds) -> None:
    """A missing heartbeat and one that is no time count as stale. Neither is a reason to ask Postgres."""
    by_id = valkey_states(judge, seen)
    active = [mitra for mitra, state in by_id.items() if state != "deactivated"]
    require_reachable(judge, seen, by_valkey_rule(by_id, active))
    for state in (*UNREACHABLE_BY_HEARTBEAT, "available"):
        mitras = [mitra for mitra in by_id if by_id[mitra] == state]
        judge.assume(mitras, f"nobody's state was: {state}")
        online = all(seen.postgres[mitra].active and seen.postgres[mitra].online for mitra in mitras)
        judge.assume(online, f"Postgres does not have those online whose state is: {state}")
    require_no_availability_sql(judge, seen.statements, STATUS)
    require_silence(judge, seen)
    judge.note(f"stale after {seen.stale_s:g} s; stale, missing and garbled are unreachable, just fresh is not")


@check("F-03", "BE", "Without Valkey the fallback is logged and the answer is Postgres' is_online")
def reachable_from_postgres(judge: Judge, seen: ReachabilityWithoutValkey, bounds: Bounds) -> None:
    assume_outage(judge, seen.valkey)
    asked = 0
    for questions in seen.rounds:
        rows = questions.postgres
        expected = {mitra: rows[mitra].online and rows[mitra].active for mitra in questions.answers}
        require_reachable(judge, questions, expected)
        require_prompt(judge, questions.answers.values(), bounds["answer_s"])
        asked += len(questions.answers)
    judge.assume(seen.rounds[0].postgres != seen.rounds[1].postgres, "no row was changed between the rounds")
    judge.require(seen.lines >= asked, f"{seen.lines} fallback lines for {asked} questions")
    judge.note(f"{asked} questions, {seen.lines} fallback lines, each answer as in Postgres")


@check("F-04", "BE", "The blast takes the way through Valkey, without a fallback")
def blast_from_valkey(judge: Judge, seen: BlastFromValkey, bounds: Bounds) -> None:
    require_status(judge, seen.paid)
    judge.require(seen.recomputes, "no SDIFF of mitras:online during the payment")
    require_no_availability_sql(judge, seen.statements)
    require_silence(judge, seen)
    judge.note(f"{seen.recomputes} SDIFF, no availability query, no fallback line up to the exit")


def ids_of(available: HttpExchange) -> list[str]:
    """The ids in the answer to who is available; empty if it has none."""
    ids = available.fields.get("mitra_ids")
    return [str(mitra) for mitra in ids] if isinstance(ids, list) else []


@check("F-05", "BE", "The ids are those of SDIFF, filtered by capacity and fresh heartbeat")
def ids_match(judge: Judge, seen: BlastByMirror, bounds: Bounds) -> None:
    assume_clear(judge, seen.mirror, seen.stale_s, seen.at)
    judge.observed(same_mitras(seen.mirror, seen.after), "the mirror changed while it was compared")
    owe_deactivated(judge, seen)
    by_id = states(seen.mirror, seen.loads, seen.maximum, seen.stale_s, seen.at)
    for state in ("available", "full", "deactivated", *UNREACHABLE_BY_HEARTBEAT):
        judge.assume(state in by_id.values(), f"nobody's state was: {state}")
    without = {by_id[mitra] for mitra in by_id if mitra not in seen.mirror.capacities}
    judge.assume(without >= {"available", "full"}, "no capacity key was missing")
    expected = available(by_id)
    if require_status(judge, seen.available):
        has_list = isinstance(seen.available.fields.get("mitra_ids"), list)
        if judge.require(has_list, f"the answer is {seen.available.reply}"):
            require_answer(judge, "findAvailableMitras", expected, ids_of(seen.available), seen.names)
    require_offers(judge, seen, expected)
    judge.note(f"{len(expected)} of {len(by_id)} online mitras, by the API as by the offers")


def same_mitras(first: MirrorState, second: MirrorState) -> bool:
    """Whether both hold the same, apart from the snapshot."""
    parts = ("online", "deactivated", "capacities", "heartbeats")
    return all(getattr(first, part) == getattr(second, part) for part in parts)


def require_offers(judge: Judge, seen: Offers | BlastByMirror, expected: list[str]) -> None:
    """The offers of the blast, and their number in the customer's answer."""
    require_answer(judge, "the blast", expected, seen.offered, seen.names)
    if require_status(judge, seen.paid):
        offered, rows = seen.paid.fields.get("offered"), len(seen.offered)
        judge.require(offered == rows, f"the answer says offered: {offered}, there are {rows} rows")


@check("F-06", "BE", "Without Valkey the blast's fallback is logged, and its offers are right by Postgres")
def blast_from_postgres(judge: Judge, seen: BlastWithoutValkey, bounds: Bounds) -> None:
    assume_outage(judge, seen.valkey)
    judge.assume(seen.expected, "nobody is available in Postgres, so an empty blast would prove nothing")
    require_offers(judge, seen, seen.expected)
    if require_status(judge, seen.available):
        require_answer(judge, "findAvailableMitras", seen.expected, ids_of(seen.available), seen.names)
    judge.require(seen.lines >= len(seen.requests), f"{seen.lines} fallback lines for {len(seen.requests)} blasts")
    require_prompt(judge, seen.requests, bounds["answer_s"])
    judge.note(f"{len(seen.expected)} offers, as in Postgres; {seen.lines} fallback lines")
