"""Section F, reachability and blast: by Valkey's rule from Valkey alone, by Postgres' looser one without it."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from rig.checks.common.availability_model import assume_clear, available, require_answer, states
from rig.checks.common.http_answers import require_clean_exit, require_prompt, require_status
from rig.checks.common.sql_statements import is_availability_query, names, unknown_roles
from rig.checks.framework import Bounds, Judge, Seen, check

STATUS = "mitra_online_status"
WRITTEN_S = 1.0  # by when a change is in Valkey; the rig looks no sooner
UNREACHABLE_BY_HEARTBEAT = ("stale", "no heartbeat", "garbled heartbeat")


def require_reachable(judge: Judge, seen: Seen, expected: Mapping[str, bool]) -> None:
    """The answer for each of these mitras: a bool and the right one."""
    for mitra, wanted in expected.items():
        exchange = seen["answers"][mitra]
        if require_status(judge, exchange):
            found = exchange["reply"].get("reachable")
            who = seen["names"].get(mitra, mitra)
            judge.require(found is wanted, f"{who} is reachable: {found!r}, not {wanted} ({why(seen, mitra)})")


def why(seen: Seen, mitra: str) -> str:
    """What the stores held of that mitra, for the message."""
    row = seen["postgres"].get(mitra)
    said = f"Postgres: {row}"
    if "mirror" in seen:
        said += f", heartbeat {seen['mirror']['heartbeats'].get(mitra)}"
    return said


def valkey_states(judge: Judge, seen: Seen) -> dict[str, str]:
    """Each online id with its state by the rule for Valkey."""
    assume_clear(judge, seen["mirror"], seen["stale_s"], seen["at"])
    owe_deactivated(judge, seen)
    return states(seen["mirror"], seen["loads"], seen["maximum"], seen["stale_s"], seen["at"])


def owe_deactivated(judge: Judge, seen: Seen) -> None:
    """Who is deactivated in Postgres is so in Valkey; a run from before both were read tells nothing."""
    lacking = set(seen.get("deactivated", ())) - set(seen["mirror"]["deactivated"])
    told = ", ".join(sorted(seen["names"].get(mitra, mitra) for mitra in lacking))
    judge.owes(not lacking, f"deactivated {WRITTEN_S:g} s ago and more, and not in mitras:deactivated: {told}", "C-06")


def by_valkey_rule(found: Mapping[str, str], mitras: Iterable[str]) -> dict[str, bool]:
    """Who of these is reachable, by the states of those online; a full mitra is reachable all the same."""
    return {mitra: found.get(mitra) in ("available", "full") for mitra in mitras}


def require_no_availability_sql(
    judge: Judge, statements: Sequence[Mapping[str, Any]], table: str | None = None
) -> None:
    """No query for availability; with `table` none that names it at all."""
    unknown = unknown_roles(statements)
    judge.assume(not unknown, f"statements by unknown roles: {', '.join(unknown)}")
    for s in statements:
        asks = is_availability_query(s) or (table is not None and names(s, table))
        judge.require(not asks, f"{s['count']} × asked of Postgres: {' '.join(s['text'].split())[:120]}")


def require_silence(judge: Judge, seen: Seen) -> None:
    """No fallback line in a log that an exit has completed."""
    require_clean_exit(judge, seen["exit_code"])
    judge.require(not seen["lines"], f"{len(seen['lines'])} fallback lines: {seen['lines'][:1]}")


@check("F-01", "BE", "An online mitra with a fresh heartbeat is reachable; one offline or deactivated is not")
def reachable(judge: Judge, seen: Seen, bounds: Bounds) -> None:
    found = valkey_states(judge, seen)
    require_reachable(judge, seen, by_valkey_rule(found, seen["answers"]))
    for state in ("available", "full", "deactivated"):
        judge.assume(state in found.values(), f"nobody was {state}")
    judge.assume(set(seen["answers"]) - set(found), "nobody was offline")
    judge.note(
        f"{len(seen['answers'])} mitras, {sum(state in ('available', 'full') for state in found.values())} reachable"
    )


@check("F-02", "BE", "A heartbeat older than stale_after_seconds makes unreachable, though Postgres says online")
def stale_is_unreachable(judge: Judge, seen: Seen, bounds: Bounds) -> None:
    """A missing heartbeat and one that is no time count as stale, and neither is a reason to ask Postgres."""
    found = valkey_states(judge, seen)
    require_reachable(judge, seen, by_valkey_rule(found, [m for m, state in found.items() if state != "deactivated"]))
    for state in (*UNREACHABLE_BY_HEARTBEAT, "available"):
        mitras = [mitra for mitra, its in found.items() if its == state]
        judge.assume(mitras, f"nobody's state was: {state}")
        online = all(seen["postgres"][mitra] == {"active": True, "online": True} for mitra in mitras)
        judge.assume(online, f"Postgres does not have those online whose state is: {state}")
    require_no_availability_sql(judge, seen["statements"], STATUS)
    require_silence(judge, seen)
    judge.note(f"stale after {seen['stale_s']:g} s; stale, missing and garbled are unreachable, just fresh is not")


@check("F-03", "BE", "Without Valkey the fallback is logged and the answer is Postgres' is_online")
def reachable_from_postgres(judge: Judge, seen: Seen, bounds: Bounds) -> None:
    judge.assume(seen["valkey"]["through_proxy"] != "answers", "Valkey still answered the backend")
    asked = 0
    for one in seen["rounds"]:
        rows = one["postgres"]
        require_reachable(
            judge, one, {mitra: rows[mitra]["online"] and rows[mitra]["active"] for mitra in one["answers"]}
        )
        require_prompt(judge, one["answers"].values(), bounds["answer_s"])
        asked += len(one["answers"])
    judge.assume(
        seen["rounds"][0]["postgres"] != seen["rounds"][1]["postgres"], "no row was changed between the rounds"
    )
    judge.require(seen["lines"] >= asked, f"{seen['lines']} fallback lines for {asked} questions")
    judge.note(f"{asked} questions, {seen['lines']} fallback lines, each answer as in Postgres")


@check("F-04", "BE", "The blast takes the way through Valkey, without a fallback")
def blast_from_valkey(judge: Judge, seen: Seen, bounds: Bounds) -> None:
    require_status(judge, seen["paid"])
    judge.require(seen["recomputes"], "no SDIFF of mitras:online during the payment")
    require_no_availability_sql(judge, seen["statements"])
    require_silence(judge, seen)
    judge.note(f"{seen['recomputes']} SDIFF, no availability query, no fallback line up to the exit")


@check("F-05", "BE", "The ids are those of SDIFF, filtered by capacity and fresh heartbeat")
def ids_match(judge: Judge, seen: Seen, bounds: Bounds) -> None:
    assume_clear(judge, seen["mirror"], seen["stale_s"], seen["at"])
    judge.observed(same_but_snapshot(seen["mirror"], seen["after"]), "the mirror changed while it was compared")
    owe_deactivated(judge, seen)
    found = states(seen["mirror"], seen["loads"], seen["maximum"], seen["stale_s"], seen["at"])
    for state in ("available", "full", "deactivated", *UNREACHABLE_BY_HEARTBEAT):
        judge.assume(state in found.values(), f"nobody's state was: {state}")
    without = [mitra for mitra in found if mitra not in seen["mirror"]["capacities"]]
    judge.assume({found[mitra] for mitra in without} >= {"available", "full"}, "no capacity key was missing")
    expected = available(found)
    if require_status(judge, seen["available"]):
        ids = seen["available"]["reply"].get("mitra_ids")
        if judge.require(isinstance(ids, list), f"the answer is {seen['available']['reply']}"):
            require_answer(judge, "findAvailableMitras", expected, ids, seen["names"])
    require_offers(judge, seen, expected)
    judge.note(f"{len(expected)} of {len(found)} online mitras, by the API as by the offers")


def same_but_snapshot(one: Mapping[str, Any], other: Mapping[str, Any]) -> bool:
    parts = ("online", "deactivated", "capacities", "heartbeats")
    return all(one[part] == other[part] for part in parts)


def require_offers(judge: Judge, seen: Seen, expected: list[str]) -> None:
    """The rows of the blast, and the count that the customer was told."""
    require_answer(judge, "the blast", expected, seen["offered"], seen["names"])
    if require_status(judge, seen["paid"]):
        told = seen["paid"]["reply"].get("offered")
        judge.require(
            told == len(seen["offered"]), f"the answer says offered: {told}, there are {len(seen['offered'])} rows"
        )


@check("F-06", "BE", "Without Valkey the blast's fallback is logged, and its offers are right by Postgres")
def blast_from_postgres(judge: Judge, seen: Seen, bounds: Bounds) -> None:
    judge.assume(seen["valkey"]["through_proxy"] != "answers", "Valkey still answered the backend")
    judge.assume(seen["expected"], "nobody is available in Postgres, so an empty blast would prove nothing")
    require_offers(judge, seen, seen["expected"])
    if require_status(judge, seen["available"]):
        ids = seen["available"]["reply"].get("mitra_ids") or []
        require_answer(judge, "findAvailableMitras", seen["expected"], ids, seen["names"])
    judge.require(
        seen["lines"] >= len(seen["requests"]), f"{seen['lines']} fallback lines for {len(seen['requests'])} blasts"
    )
    require_prompt(judge, seen["requests"], bounds["answer_s"])
    judge.note(f"{len(seen['expected'])} offers, as in Postgres; {seen['lines']} fallback lines")
