"""Section G: the sweep takes silent mitras offline and nobody else, and nobody at all while Valkey is away."""

from collections.abc import Sequence

from rig.checks.checklist.environment import require_started_in
from rig.checks.checklist.outages import assume_outage, assume_pings, require_skip_lines, require_stopped
from rig.checks.common.http_answers import require_status
from rig.checks.common.mirror_diff import heartbeat_time, require_lasting
from rig.checks.common.sql_statements import ids_in, unknown_roles, writes
from rig.checks.framework import Bounds, Judge, Kind, check
from rig.record.observations.parts import ServerStart, SqlStatement, ValkeyReach
from rig.record.observations.section_g import (
    DeletedKey,
    MirrorAfterSweep,
    MitraRows,
    OnePingEach,
    OnlineThroughOutage,
    SkippedSweeps,
    StaleTime,
    TakenOffline,
    Waited,
)

STATUS, AUDIT = "mitra_online_status", "mitra_online_logs"


@check("G-01", "BE", "The backend runs with a shortened auto-offline sweep", Kind.ACTION)
def sweep_shortened(judge: Judge, seen: ServerStart, bounds: Bounds) -> None:
    require_started_in(judge, seen)


@check("G-02", "CC", "stale_after_seconds is set, in the control center or directly in app_config", Kind.ACTION)
def stale_time_set(judge: Judge, seen: StaleTime, bounds: Bounds) -> None:
    exchange = seen.exchange
    if exchange is not None and not require_status(judge, exchange):
        return
    ask = judge.require if exchange is None else judge.owes
    ask(seen.rows == [[seen.wanted]], f"app_config holds {seen.rows}, not {seen.wanted}")
    judge.note(f"stale_after_seconds = {seen.wanted}, {seen.where}")


@check("G-03", "M", "The mitras go online and send one heartbeat", Kind.ACTION)
def pinged_once(judge: Judge, seen: OnePingEach, bounds: Bounds) -> None:
    for mitra, pinged in seen.mitras.items():
        for exchange in (pinged.toggle, pinged.ping):
            if require_status(judge, exchange):
                online = exchange.fields.get("is_online")
                # A sweep may have found her stale before a late ping, but a toggle always counts as of now.
                ask = judge.owes if exchange.action == "online" else judge.require
                ask(online is True, f"{exchange.action} of {mitra} says is_online: {online!r}")
        at = heartbeat_time(pinged.heartbeat)
        judge.require(at is not None, f"mitra:heartbeat:{mitra} is {pinged.heartbeat!r} after the ping")
    judge.note(f"{len(seen.mitras)} mitras pinged once")


@check("G-04", "BE", "The heartbeat key is deleted by hand", Kind.ACTION)
def key_deleted(judge: Judge, seen: DeletedKey, bounds: Bounds) -> None:
    judge.require(seen.deleted == 1, f"DEL {seen.key} answered {seen.deleted}: the key was not there")
    judge.require(seen.value is None, f"{seen.key} is back: {seen.value!r}")


@check("G-05", "BE", "The stale time and one sweep have passed, or the effect came before", Kind.ACTION)
def waited(judge: Judge, seen: Waited, bounds: Bounds) -> None:
    enough = seen.all_offline or seen.waited_s >= bounds["within_s"]
    judge.require(enough, f"waited {seen.waited_s:.1f} s of {bounds['within_s']:g} s")
    judge.note(f"waited {seen.waited_s:.1f} s of {bounds['within_s']:g} s at most")


@check("G-06", "BE", "Who fell silent is offline in Postgres with one audit row; who pings is not")
def taken_offline(judge: Judge, seen: TakenOffline, bounds: Bounds) -> None:
    """By the time of the COMMIT. Without her heartbeat key a mitra may go at once, with it not before it is stale."""
    judge.assume(not unknown_roles(seen.statements), f"unknown roles wrote: {unknown_roles(seen.statements)}")
    for mitra, silent in seen.silent.items():
        who = silent.name
        offline = judge.require(seen.rows.get(mitra) is False, f"{who}: is_online is {seen.rows.get(mitra)}")
        audit = seen.audit.get(mitra, [])
        judge.require(audit == ["online", "offline"], f"{who}: the audit rows are {audit}, not online, then offline")
        at = offline_commit(seen.statements, mitra, silent.offline_seen_at or seen.read_at)
        if not offline or not judge.observed(at is not None, f"{who}: no COMMIT of the change in the statement log"):
            continue
        assert at is not None
        what = f"{who}'s last ping to the COMMIT that takes her offline"
        judge.within(what, at - silent.ping_answered, bounds["within_s"])
        if not silent.key_taken:
            early = bounds["stale_s"] - (at - silent.ping_begun)
            judge.require(
                early <= bounds["tolerance_s"], f"{who} was taken offline {early:.2f} s before her heartbeat was stale"
            )
    assume_pings(judge, seen.pings, seen.control, seen.since, seen.read_at, bounds["stale_s"])
    require_untouched(judge, seen.control, seen)
    nobody = seen.nobody
    rowless = nobody not in seen.rows and not seen.audit.get(nobody)
    judge.require(rowless, f"{nobody} is no mitra, yet the sweep gave it a row")


def offline_commit(statements: Sequence[SqlStatement], mitra: str, until: float) -> float | None:
    """When the change was committed: the last write of the status with the mitra's id, up to `until`.

    If no statement has the id (the sweep may be one UPDATE with a subquery), any write of the status counts.
    """
    written = [
        (s.committed_at, mitra in ids_in(s))
        for s in statements
        if writes(s, STATUS) and s.committed_at is not None and s.committed_at <= until
    ]
    about_mitra = [at for at, has_id in written if has_id]
    return max(about_mitra or [at for at, _ in written], default=None)


def require_untouched(judge: Judge, mitras: Sequence[str], seen: MitraRows) -> None:
    """These mitras keep pinging, so they stay online and get no audit row after that of going online."""
    for mitra in mitras:
        judge.require(seen.rows.get(mitra) is True, f"{mitra} keeps pinging, yet is_online is {seen.rows.get(mitra)}")
        audit = seen.audit.get(mitra, [])
        judge.require(audit == ["online"], f"{mitra} keeps pinging, yet the audit rows are {audit}")


@check("G-07", "BE", "Who was taken offline is gone from mitras:online and has no heartbeat key")
def gone_from_the_mirror(judge: Judge, seen: MirrorAfterSweep, bounds: Bounds) -> None:
    for mitra in seen.silent:
        judge.require(mitra not in seen.online, f"{mitra} is still in mitras:online")
        heartbeat = seen.heartbeats.get(mitra)
        judge.require(mitra not in seen.heartbeats, f"mitra:heartbeat:{mitra} is still there: {heartbeat!r}")
    for mitra in seen.control:
        judge.require(mitra in seen.online, f"{mitra}, who keeps pinging, is gone from mitras:online")
        judge.require(mitra in seen.heartbeats, f"{mitra}, who keeps pinging, has no heartbeat key")
    require_lasting(judge, seen.expiring)
    judge.note(f"{len(seen.silent)} gone, {len(seen.control)} still there")


@check("G-08", "BE", "Valkey is stopped", Kind.ACTION)
def stopped(judge: Judge, seen: ValkeyReach, bounds: Bounds) -> None:
    require_stopped(judge, seen)


@check("G-09", "BE", "Each sweep of an outage is skipped with a line")
def skipped_with_a_line(judge: Judge, seen: SkippedSweeps, bounds: Bounds) -> None:
    """No tick after the reconnect seed is skipped; the line of a tick before it may be written late."""
    require_skip_lines(judge, seen, bounds)
    after = [line.at for line in seen.after if line.at > seen.seeded_at + bounds["flush_s"]]
    judge.require(
        not after,
        f"{len(after)} more skip lines, the first {min(after, default=0) - seen.seeded_at:.1f} s after the seed",
    )


@check("G-10", "BE", "Nobody is taken offline by an outage, neither in it nor right after it")
def nobody_offline(judge: Judge, seen: OnlineThroughOutage, bounds: Bounds) -> None:
    """The reconnect seed writes `now` as every heartbeat, so that a sweep right after it finds nobody stale."""
    lasted = seen.back_at - seen.stopped_at
    assume_outage(judge, seen.valkey)
    judge.assume(lasted > bounds["stale_s"], f"an outage of {lasted:.1f} s makes no heartbeat stale")
    judge.assume(not unknown_roles(seen.statements), f"unknown roles wrote: {unknown_roles(seen.statements)}")
    for mitra in seen.mitras:
        pinged = any(p.id == mitra and p.status == 200 and seen.stopped_at <= p.at <= seen.back_at for p in seen.pings)
        judge.assume(pinged, f"{mitra}: no ping of theirs was answered in the outage")
    inside = [s for s in seen.statements if seen.stopped_at <= s.at <= seen.back_at]
    for table in (STATUS, AUDIT):
        wrote = [s for s in inside if writes(s, table)]
        judge.require(not wrote, f"{len(wrote)} statements wrote {table} in the outage: {first_text(wrote)}")
    for mitra in seen.mitras:
        text = seen.heartbeats.get(mitra)
        at = heartbeat_time(text)
        fresh = at is not None and at >= seen.back_at - bounds["tolerance_s"]
        judge.require(
            fresh, f"after the reconnect seed mitra:heartbeat:{mitra} is {text!r}, from before Valkey's return"
        )
    assume_pings(judge, seen.pings, seen.mitras, seen.seeded_at, seen.read_at, bounds["stale_s"])
    require_untouched(judge, seen.mitras, seen)
    judge.note(f"{lasted:.1f} s of outage, no write, {len(seen.mitras)} mitras online all the time")


def first_text(statements: Sequence[SqlStatement]) -> str:
    return statements[0].text[:120] if statements else ""
