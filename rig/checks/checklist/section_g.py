"""Section G: the sweep takes offline who fell silent, nobody else, and nobody at all while Valkey is away."""

from collections.abc import Mapping, Sequence
from typing import Any

from rig.checks.checklist.environment import require_started_in
from rig.checks.checklist.outages import assume_pings, require_skip_lines, require_stopped
from rig.checks.common.http_answers import require_status
from rig.checks.common.mirror_diff import heartbeat_time, require_lasting
from rig.checks.common.sql_statements import ids_in, unknown_roles, writes
from rig.checks.framework import Bounds, Judge, Kind, Seen, check

STATUS, AUDIT = "mitra_online_status", "mitra_online_logs"


@check("G-01", "BE", "The backend runs with a shortened auto-offline sweep", Kind.ACTION)
def sweep_shortened(judge: Judge, seen: Seen, bounds: Bounds) -> None:
    require_started_in(judge, seen)


@check("G-02", "CC", "stale_after_seconds is set, in the control center or directly in app_config", Kind.ACTION)
def stale_time_set(judge: Judge, seen: Seen, bounds: Bounds) -> None:
    by_the_api = seen["exchange"] is not None
    if by_the_api and not require_status(judge, seen["exchange"]):
        return
    ask = judge.owes if by_the_api else judge.require
    ask(seen["rows"] == [[seen["wanted"]]], f"app_config holds {seen['rows']}, not {seen['wanted']}")
    judge.note(f"stale_after_seconds = {seen['wanted']}, {seen['where']}")


@check("G-03", "M", "The mitras go online and send one heartbeat", Kind.ACTION)
def pinged_once(judge: Judge, seen: Seen, bounds: Bounds) -> None:
    for mitra, one in seen["mitras"].items():
        for exchange in (one["toggle"], one["ping"]):
            if require_status(judge, exchange):
                said = exchange["reply"].get("is_online")
                # Much later a sweep may have found her stale; a toggle is always of now.
                ask = judge.owes if exchange["action"] == "online" else judge.require
                ask(said is True, f"{exchange['action']} of {mitra} says is_online: {said!r}")
        at = heartbeat_time(one["heartbeat"])
        judge.require(at is not None, f"mitra:heartbeat:{mitra} is {one['heartbeat']!r} after the ping")
    judge.note(f"{len(seen['mitras'])} mitras pinged once")


@check("G-04", "BE", "The heartbeat key is deleted by hand", Kind.ACTION)
def key_deleted(judge: Judge, seen: Seen, bounds: Bounds) -> None:
    judge.require(seen["deleted"] == 1, f"DEL {seen['key']} answered {seen['deleted']}: the key was not there")
    judge.require(seen["value"] is None, f"{seen['key']} is back: {seen['value']!r}")


@check("G-05", "BE", "The stale time and one sweep have passed, or the effect came before", Kind.ACTION)
def waited(judge: Judge, seen: Seen, bounds: Bounds) -> None:
    enough = seen["all_offline"] or seen["waited_s"] >= bounds["within_s"]
    judge.require(enough, f"waited {seen['waited_s']:.1f} s of {bounds['within_s']:g} s")
    judge.note(f"waited {seen['waited_s']:.1f} s of {bounds['within_s']:g} s at most")


@check("G-06", "BE", "Who fell silent is offline in Postgres with one audit row; who pings is not")
def taken_offline(judge: Judge, seen: Seen, bounds: Bounds) -> None:
    """COMMITs are judged, never polls. Whose key the rig took away may go at once; the other not before their time."""
    judge.assume(not unknown_roles(seen["statements"]), f"unknown roles wrote: {unknown_roles(seen['statements'])}")
    for mitra, one in seen["silent"].items():
        who = one["name"]
        offline = judge.require(seen["rows"].get(mitra) is False, f"{who}: is_online is {seen['rows'].get(mitra)}")
        audit = seen["audit"].get(mitra, [])
        judge.require(audit == ["online", "offline"], f"{who}: the audit rows are {audit}, not online, then offline")
        at = offline_commit(seen["statements"], mitra, one["offline_seen_at"] or seen["read_at"])
        if not offline or not judge.observed(at is not None, f"{who}: no COMMIT of the change in the statement log"):
            continue
        assert at is not None
        what = f"{who}'s last ping to the COMMIT that takes her offline"
        judge.within(what, at - one["ping_answered"], bounds["within_s"])
        if not one["key_taken"]:
            early = bounds["stale_s"] - (at - one["ping_begun"])
            judge.require(
                early <= bounds["tolerance_s"], f"{who} was taken offline {early:.2f} s before her heartbeat was stale"
            )
    assume_pings(judge, seen["pings"], seen["control"], seen["from"], seen["read_at"], bounds["stale_s"])
    require_untouched(judge, seen["control"], seen)
    nobody = seen["nobody"]
    rowless = nobody not in seen["rows"] and not seen["audit"].get(nobody)
    judge.require(rowless, f"{nobody} is no mitra, yet the sweep gave it a row")


def offline_commit(statements: Sequence[Mapping[str, Any]], mitra: str, until: float) -> float | None:
    """When the change was committed: the last write of the status that carries the id, up to `until`, when it was seen.

    A statement need not carry it (the sweep may be a single UPDATE with a sub-select): then any write counts.
    """
    done = [s for s in statements if writes(s, STATUS) and s["committed_at"] and s["committed_at"] <= until]
    carrying = [s for s in done if mitra in ids_in(s)]
    return max((s["committed_at"] for s in carrying or done), default=None)


def require_untouched(judge: Judge, mitras: Sequence[str], seen: Seen) -> None:
    """Who pings stays online and gets no audit row after the one of their going online."""
    for mitra in mitras:
        judge.require(
            seen["rows"].get(mitra) is True, f"{mitra} keeps pinging, yet is_online is {seen['rows'].get(mitra)}"
        )
        audit = seen["audit"].get(mitra, [])
        judge.require(audit == ["online"], f"{mitra} keeps pinging, yet the audit rows are {audit}")


@check("G-07", "BE", "Who was taken offline is gone from mitras:online and has no heartbeat key")
def gone_from_the_mirror(judge: Judge, seen: Seen, bounds: Bounds) -> None:
    for mitra in seen["silent"]:
        judge.require(mitra not in seen["online"], f"{mitra} is still in mitras:online")
        heartbeat = seen["heartbeats"].get(mitra)
        judge.require(mitra not in seen["heartbeats"], f"mitra:heartbeat:{mitra} is still there: {heartbeat!r}")
    for mitra in seen["control"]:
        judge.require(mitra in seen["online"], f"{mitra}, who keeps pinging, is gone from mitras:online")
        judge.require(mitra in seen["heartbeats"], f"{mitra}, who keeps pinging, has no heartbeat key")
    require_lasting(judge, seen["expiring"])
    judge.note(f"{len(seen['silent'])} gone, {len(seen['control'])} still there")


@check("G-08", "BE", "Valkey is stopped", Kind.ACTION)
def stopped(judge: Judge, seen: Seen, bounds: Bounds) -> None:
    require_stopped(judge, seen)


@check("G-09", "BE", "Each sweep of an outage is skipped with a line")
def skipped_with_a_line(judge: Judge, seen: Seen, bounds: Bounds) -> None:
    """A tick that begins after the reconnect seed is none of the outage; the line of one before it may come late."""
    require_skip_lines(judge, seen, bounds)
    after = [at for at, _ in seen["after"] if at > seen["seeded_at"] + bounds["flush_s"]]
    judge.require(
        not after,
        f"{len(after)} more skip lines, the first {min(after, default=0) - seen['seeded_at']:.1f} s after the seed",
    )


@check("G-10", "BE", "Nobody is taken offline by an outage, neither in it nor right after it")
def nobody_offline(judge: Judge, seen: Seen, bounds: Bounds) -> None:
    """The grace after it: the reconnect seed writes `now` as every heartbeat, so a sweep right after it finds nobody stale."""
    lasted = seen["back_at"] - seen["stopped_at"]
    judge.assume(seen["valkey"]["through_proxy"] != "answers", "Valkey still answered the backend")
    judge.assume(lasted > bounds["stale_s"], f"an outage of {lasted:.1f} s makes no heartbeat stale")
    judge.assume(not unknown_roles(seen["statements"]), f"unknown roles wrote: {unknown_roles(seen['statements'])}")
    for mitra in seen["mitras"]:
        pinged = any(
            p["id"] == mitra and p["status"] == 200 and seen["stopped_at"] <= p["at"] <= seen["back_at"]
            for p in seen["pings"]
        )
        judge.assume(pinged, f"{mitra}: no ping of theirs was answered in the outage")
    inside = [s for s in seen["statements"] if seen["stopped_at"] <= s["at"] <= seen["back_at"]]
    for table in (STATUS, AUDIT):
        wrote = [s for s in inside if writes(s, table)]
        judge.require(not wrote, f"{len(wrote)} statements wrote {table} in the outage: {first_text(wrote)}")
    for mitra in seen["mitras"]:
        text = seen["heartbeats"].get(mitra)
        at = heartbeat_time(text)
        fresh = at is not None and at >= seen["back_at"] - bounds["tolerance_s"]
        judge.require(
            fresh, f"after the reconnect seed mitra:heartbeat:{mitra} is {text!r}, from before Valkey's return"
        )
    assume_pings(judge, seen["pings"], seen["mitras"], seen["seeded_at"], seen["read_at"], bounds["stale_s"])
    require_untouched(judge, seen["mitras"], seen)
    judge.note(f"{lasted:.1f} s of outage, no write, {len(seen['mitras'])} mitras online all the time")


def first_text(statements: Sequence[Mapping[str, Any]]) -> str:
    return statements[0]["text"][:120] if statements else ""
