"""Section J: in an outage Postgres answers everything in time. When Valkey returns, the backend recovers by itself."""

from rig.checks.checklist.outages import assume_outage, require_stopped
from rig.checks.checklist.section_c import answered, listed, total
from rig.checks.checklist.section_f import require_no_availability_sql, require_offers
from rig.checks.common.availability_model import require_answer, require_beacon
from rig.checks.common.http_answers import require_clean_exit, require_prompt, require_status
from rig.checks.common.mirror_diff import heartbeat_time, require_mirror_is_truth
from rig.checks.common.sql_statements import ids_in, unknown_roles
from rig.checks.framework import Bounds, Judge, Kind, check
from rig.record.observations.parts import ValkeyReach
from rig.record.observations.section_j import BeaconInOutage, BlastInOutage, PingsInOutage, Restored, TogglesInOutage


@check("J-01", "BE", "Valkey is stopped", Kind.ACTION)
def stopped(judge: Judge, seen: ValkeyReach, bounds: Bounds) -> None:
    require_stopped(judge, seen)


@check("J-02", "C", "The beacon falls back to Postgres: the same kind of answer, the right count, more queries")
def beacon_in_the_outage(judge: Judge, seen: BeaconInOutage, bounds: Bounds) -> None:
    """The count differs from that before the outage, so that an old answer would be noticed."""
    assume_outage(judge, seen.valkey)
    for statements in (seen.asked_before, seen.asked):
        unknown = unknown_roles(statements)
        judge.assume(not unknown, f"statements by unknown roles: {', '.join(unknown)}")
    good = answered(seen.before, 200) == total(seen.before)
    judge.assume(good, f"before the outage: {listed(seen.before)}")
    counts = [answer.fields.get("count") for answer in seen.before if answer.status == 200]
    judge.assume(seen.expected not in counts, f"the count is {seen.expected} in the outage as before it")
    for poll in seen.polls:
        if require_status(judge, poll):
            require_beacon(judge, poll, seen.expected, "in the outage")
    require_prompt(judge, seen.polls, bounds["answer_s"])
    before, during = sum(s.count for s in seen.asked_before), sum(s.count for s in seen.asked)
    judge.require(before == 0, f"{before} availability queries while Valkey was there")
    judge.require(during >= 1, "no availability query in the outage: who answers then?")
    judge.note(f"{len(seen.polls)} polls, availability queries: {before} before, {during} during")


@check("J-03", "C", "The blast falls back to Postgres, and the chat takes place")
def blast_in_the_outage(judge: Judge, seen: BlastInOutage, bounds: Bounds) -> None:
    assume_outage(judge, seen.valkey)
    judge.assume(seen.mitra in seen.expected, "Postgres does not have the accepting mitra available")
    require_offers(judge, seen, seen.expected)
    judge.require(sum(s.count for s in seen.asked) >= 1, "no availability query during the payment")
    if require_status(judge, seen.accepted):
        chat = (seen.accepted.fields.get("status"), seen.accepted.fields.get("mitra_id"))
        judge.require(chat == ("active", seen.mitra), f"the accepted chat is {chat}")
    require_prompt(judge, [seen.paid, seen.accepted], bounds["answer_s"])
    judge.note(f"{len(seen.offered)} offers as in Postgres, accepted, active")


@check("J-04", "M", "A ping is answered 200, its fallback logged, and no row updated")
def pings_in_the_outage(judge: Judge, seen: PingsInOutage, bounds: Bounds) -> None:
    assume_outage(judge, seen.valkey)
    judge.assume(not seen.unknown, f"statements by unknown roles: {', '.join(unknown_roles(seen.unknown))}")
    for ping in seen.pings:
        if require_status(judge, ping):
            online = ping.fields.get("is_online")
            judge.require(online is True, f"a ping is answered is_online: {online!r}")
    require_prompt(judge, seen.pings, bounds["answer_s"])
    judge.require(seen.lines == len(seen.pings), f"{seen.lines} fallback lines for {len(seen.pings)} pings")
    for s in seen.wrote:
        judge.require(False, f"a ping in the outage wrote: {s.excerpt}")
    judge.note(f"{len(seen.pings)} pings, {seen.lines} fallback lines, no write")


@check("J-05", "M", "Toggles in the outage are kept in Postgres and logged, and mirrored after Valkey's return")
def toggles_survive(judge: Judge, seen: TogglesInOutage, bounds: Bounds) -> None:
    assume_outage(judge, seen.valkey)
    for name, toggled in seen.toggles.items():
        if require_status(judge, toggled.toggle):
            online = toggled.toggle.fields.get("is_online")
            judge.require(online is toggled.online, f"{name}'s toggle is answered is_online: {online!r}")
        rows = toggled.rows
        judge.require(rows == [[toggled.online]], f"in the outage {name}'s mitra_online_status.is_online is {rows}")
        judge.require(toggled.lines, f"no log line {toggled.text!r}")
    require_prompt(judge, [toggled.toggle for toggled in seen.toggles.values()], bounds["answer_s"])
    took = None if seen.healed_at is None else seen.healed_at - seen.back_at
    what = f"mitras:online as toggled (last look: {seen.members}), after Valkey's return"
    judge.within(what, took, bounds["within_s"])


@check("J-06", "BE", "Valkey's return is followed by a seed within 5 s, which ends the degraded time")
def restored(judge: Judge, seen: Restored, bounds: Bounds) -> None:
    require_clean_exit(judge, seen.exit_code)
    judge.observed(not seen.blind_s, f"MONITOR was not connected for {seen.blind_s:.2f} s of the window")
    took = None if seen.seeded_at is None else seen.seeded_at - seen.back_at
    judge.within("a seed line after Valkey's return", took, bounds["within_s"])
    judge.assume(seen.truth.online and seen.truth.deactivated, "Postgres holds too little to compare")
    judge.assume(seen.expected != seen.expected_before, "the setting that changed meanwhile makes no difference")
    require_mirror_is_truth(judge, seen.truth, seen.mirror)
    require_grace(judge, seen, bounds["clock_s"])
    require_valkey_again(judge, seen)
    judge.require(
        seen.invalidation.gone,
        f"config:invalidate was told {seen.invalidation.told} times that a setting changed, and the snapshot is still there",
    )


def require_grace(judge: Judge, seen: Restored, clock_s: float) -> None:
    """The reconnect seed writes "now": with an old heartbeat the next sweep would take everybody offline."""
    judge.assume(seen.back_from - seen.stopped_at > 2 * clock_s, "the outage was too short to tell old heartbeats")
    for mitra in seen.truth.online:
        text = seen.mirror.heartbeats.get(mitra)
        at = heartbeat_time(text)
        fresh = at is not None and at >= seen.back_from - clock_s
        name = seen.names.get(mitra, mitra)
        judge.require(fresh, f"after the seed {name}'s heartbeat is {text!r}, from before Valkey's return")


def require_valkey_again(judge: Judge, seen: Restored) -> None:
    """Requests after the seed line are answered rightly and from Valkey, without a fallback line up to the exit."""
    require_status(judge, seen.at_once)
    pings = total(seen.pings)
    good = answered(seen.pings, 200, True)
    judge.require(good == pings, f"{pings - good} of {pings} pings were answered otherwise: {listed(seen.pings)}")
    judge.require(seen.sets == pings, f"{seen.sets} heartbeats were written in Valkey by {pings} pings")
    for poll in seen.polls:
        if require_status(judge, poll):
            require_beacon(judge, poll, len(seen.expected), "after the seed")
    require_answer(judge, "the blast after the seed", seen.expected, seen.offered, seen.names)
    require_status(judge, seen.paid)
    computed = len(seen.polls) + 1
    judge.require(seen.recomputes >= computed, f"{computed} polls and blasts took {seen.recomputes} SDIFF")
    # Writes that failed in the outage may still be repeated, each for its own ids, and a further seed may run.
    asked = [s for s in seen.asked if not ids_in(s) and (not seen.seeds or s.count >= computed)]
    require_no_availability_sql(judge, asked)
    judge.require(not seen.lines, f"fallback lines after the seed line: {seen.lines}")
    judge.note(f"then {pings} pings, beacon and blast from Valkey, no fallback line up to the exit")
