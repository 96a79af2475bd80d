"""Section J: in an outage Postgres answers everything in time, and Valkey's return restores all without a hand."""

from rig.checks.checklist.outages import require_stopped
from rig.checks.checklist.section_c import answered, total
from rig.checks.checklist.section_f import require_no_availability_sql, require_offers
from rig.checks.common.availability_model import require_answer, require_beacon
from rig.checks.common.http_answers import require_clean_exit, require_prompt, require_status
from rig.checks.common.mirror_diff import heartbeat_time, require_mirror_is_truth
from rig.checks.common.sql_statements import ids_in, unknown_roles
from rig.checks.framework import Bounds, Judge, Kind, Seen, check


def assume_outage(judge: Judge, seen: Seen) -> None:
    judge.assume(seen["valkey"]["through_proxy"] != "answers", "Valkey still answered the backend")


@check("J-01", "BE", "Valkey is stopped", Kind.ACTION)
def stopped(judge: Judge, seen: Seen, bounds: Bounds) -> None:
    require_stopped(judge, seen)


@check("J-02", "C", "The beacon falls back to Postgres: the same kind of answer, the right count, more queries")
def beacon_in_the_outage(judge: Judge, seen: Seen, bounds: Bounds) -> None:
    """The count differs from the one before the outage, so that a remembered answer would be seen."""
    assume_outage(judge, seen)
    for when in ("asked_before", "asked"):
        unknown = unknown_roles(seen[when])
        judge.assume(not unknown, f"statements by unknown roles: {', '.join(unknown)}")
    judge.assume(answered(seen["before"], 200) == total(seen["before"]), f"before the outage: {seen['before']}")
    counts = {reply.get("count") for status, _, reply, _ in seen["before"] if status == 200}
    judge.assume(seen["expected"] not in counts, f"the count is {seen['expected']} in the outage as before it")
    for poll in seen["polls"]:
        if require_status(judge, poll):
            require_beacon(judge, poll, seen["expected"], "in the outage")
    require_prompt(judge, seen["polls"], bounds["answer_s"])
    before, during = (sum(s["count"] for s in seen[when]) for when in ("asked_before", "asked"))
    judge.require(before == 0, f"{before} availability queries while Valkey was there")
    judge.require(during >= 1, "no availability query in the outage: who answers then?")
    judge.note(f"{len(seen['polls'])} polls, availability queries: {before} before, {during} during")


@check("J-03", "C", "The blast falls back to Postgres, and the chat takes place")
def blast_in_the_outage(judge: Judge, seen: Seen, bounds: Bounds) -> None:
    assume_outage(judge, seen)
    judge.assume(seen["mitra"] in seen["expected"], "Postgres does not have the accepting mitra available")
    require_offers(judge, seen, seen["expected"])
    judge.require(sum(s["count"] for s in seen["asked"]) >= 1, "no availability query during the payment")
    if require_status(judge, seen["accepted"]):
        reply = seen["accepted"]["reply"]
        found = (reply.get("status"), reply.get("mitra_id"))
        judge.require(found == ("active", seen["mitra"]), f"the accepted chat is {found}")
    require_prompt(judge, [seen["paid"], seen["accepted"]], bounds["answer_s"])
    judge.note(f"{len(seen['offered'])} offers as in Postgres, accepted, active")


@check("J-04", "M", "A ping is answered 200, its fallback logged, and no row updated")
def pings_in_the_outage(judge: Judge, seen: Seen, bounds: Bounds) -> None:
    assume_outage(judge, seen)
    judge.assume(not seen["unknown"], f"statements by unknown roles: {', '.join(unknown_roles(seen['unknown']))}")
    for ping in seen["pings"]:
        if require_status(judge, ping):
            online = ping["reply"].get("is_online")
            judge.require(online is True, f"a ping is answered is_online: {online!r}")
    require_prompt(judge, seen["pings"], bounds["answer_s"])
    judge.require(seen["lines"] == len(seen["pings"]), f"{seen['lines']} fallback lines for {len(seen['pings'])} pings")
    for s in seen["wrote"]:
        judge.require(False, f"a ping in the outage wrote: {' '.join(s['text'].split())[:120]}")
    judge.note(f"{len(seen['pings'])} pings, {seen['lines']} fallback lines, no write")


@check("J-05", "M", "Toggles in the outage are kept in Postgres and logged, and mirrored after Valkey's return")
def toggles_survive(judge: Judge, seen: Seen, bounds: Bounds) -> None:
    assume_outage(judge, seen)
    for name, one in seen["toggles"].items():
        if require_status(judge, one["toggle"]):
            online = one["toggle"]["reply"].get("is_online")
            judge.require(online is one["online"], f"{name}'s toggle is answered is_online: {online!r}")
        rows = one["rows"]
        judge.require(rows == [[one["online"]]], f"in the outage {name}'s mitra_online_status.is_online is {rows}")
        judge.require(one["lines"], f"no log line {one['text']!r}")
    toggles = [one["toggle"] for one in seen["toggles"].values()]
    require_prompt(judge, toggles, bounds["answer_s"])
    took = None if seen["healed_at"] is None else seen["healed_at"] - seen["back_at"]
    what = f"mitras:online as toggled (last look: {seen['members']}), after Valkey's return"
    judge.within(what, took, bounds["within_s"])


@check("J-06", "BE", "Valkey's return is followed by a seed within 5 s, which ends the degraded time")
def restored(judge: Judge, seen: Seen, bounds: Bounds) -> None:
    require_clean_exit(judge, seen["exit_code"])
    judge.observed(not seen["blind_s"], f"MONITOR was not connected for {seen['blind_s']:.2f} s of the window")
    took = None if seen["seeded_at"] is None else seen["seeded_at"] - seen["back_at"]
    judge.within("a seed line after Valkey's return", took, bounds["within_s"])
    judge.assume(seen["truth"]["online"] and seen["truth"]["deactivated"], "Postgres holds too little to compare")
    judge.assume(seen["expected"] != seen["expected_before"], "the setting that changed meanwhile makes no difference")
    require_mirror_is_truth(judge, seen["truth"], seen["mirror"])
    require_grace(judge, seen, bounds["clock_s"])
    require_valkey_again(judge, seen)
    told = seen["invalidation"]
    judge.require(
        told["gone"],
        f"config:invalidate was told {told['told']} times that a setting changed, and the snapshot is still there",
    )


def require_grace(judge: Judge, seen: Seen, clock_s: float) -> None:
    """The seed of a reconnect writes "now": an old heartbeat would have everybody taken offline by the next sweep."""
    judge.assume(
        seen["back_from"] - seen["stopped_at"] > 2 * clock_s, "the outage was too short to tell old heartbeats"
    )
    for mitra in seen["truth"]["online"]:
        text = seen["mirror"]["heartbeats"].get(mitra)
        at = heartbeat_time(text)
        fresh = at is not None and at >= seen["back_from"] - clock_s
        who = seen["names"].get(mitra, mitra)
        judge.require(fresh, f"after the seed {who}'s heartbeat is {text!r}, from before Valkey's return")


def require_valkey_again(judge: Judge, seen: Seen) -> None:
    """What was asked after the seed line, by a ping at once and then more: answered rightly, from Valkey, with no fallback up to the end of the log."""
    require_status(judge, seen["at_once"])
    pings = total(seen["pings"])
    good = answered(seen["pings"], 200, True)
    judge.require(good == pings, f"{pings - good} of {pings} pings were answered otherwise: {seen['pings']}")
    judge.require(seen["sets"] == pings, f"{seen['sets']} heartbeats were written in Valkey by {pings} pings")
    for poll in seen["polls"]:
        if require_status(judge, poll):
            require_beacon(judge, poll, len(seen["expected"]), "after the seed")
    require_answer(judge, "the blast after the seed", seen["expected"], seen["offered"], seen["names"])
    require_status(judge, seen["paid"])
    computed = len(seen["polls"]) + 1
    judge.require(seen["recomputes"] >= computed, f"{computed} polls and blasts took {seen['recomputes']} SDIFF")
    # Writes that failed in the outage may still be made good, each for its own ids, and a further seed may run.
    asked = [s for s in seen["asked"] if not ids_in(s) and (not seen["seeds"] or s["count"] >= computed)]
    require_no_availability_sql(judge, asked)
    judge.require(not seen["lines"], f"fallback lines after the seed line: {seen['lines']}")
    judge.note(f"then {pings} pings, beacon and blast from Valkey, no fallback line up to the exit")
