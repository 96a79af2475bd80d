"""Section H: one statement per cycle writes the heartbeats to Postgres, and none while Valkey is away."""

from collections.abc import Sequence
from itertools import pairwise

from rig.checks.checklist.environment import require_started_in
from rig.checks.checklist.outages import assume_outage, assume_pings, owe_pings, require_skip_lines, require_stopped
from rig.checks.checklist.section_g import first_text
from rig.checks.common.mirror_diff import heartbeat_time
from rig.checks.common.sql_statements import ids_in, unknown_roles, uses_unnest, writes
from rig.checks.framework import Bounds, Judge, Kind, check
from rig.record.observations.parts import HeartbeatColumns, ServerStart, SkippedTicks, ValkeyReach
from rig.record.observations.section_h import (
    ColumnsInOutage,
    HeartbeatAges,
    HeartbeatingMitras,
    HeartbeatLag,
    MirrorStatements,
    WrittenHeartbeats,
)

STATUS = "mitra_online_status"
CYCLES = 3
MS = 0.001  # heartbeats have whole milliseconds, timestamptz has microseconds


@check("H-01", "BE", "Several mitras are online and heartbeating", Kind.ACTION)
def heartbeating(judge: Judge, seen: HeartbeatingMitras, bounds: Bounds) -> None:
    judge.require(len(seen.mitras) >= 2, f"{len(seen.mitras)} mitras are not several")
    for mitra in seen.mitras:
        judge.owes(mitra in seen.online, f"mitra {mitra}, who went online, is not so in Postgres", "B-01")
        owe_pings(judge, seen.pings, mitra)
        online = [p for p in seen.pings if p.id == mitra and p.status == 200 and p.is_online is True]
        judge.require(online, f"no ping of mitra {mitra} has been answered 200 with is_online: true")
    judge.note(f"{len(seen.mitras)} mitras, {len(seen.pings)} pings so far")


@check("H-02", "BE", "The backend runs with a shortened mirror cycle", Kind.ACTION)
def cycle_shortened(judge: Judge, seen: ServerStart, bounds: Bounds) -> None:
    require_started_in(judge, seen)


@check("H-03", "BE", "Each cycle is one UPDATE with UNNEST that holds every online mitra")
def one_statement_a_cycle(judge: Judge, seen: MirrorStatements, bounds: Bounds) -> None:
    """A cycle is the time between two of those statements, so three cycles need four of them."""
    judge.assume(not unknown_roles(seen.statements), f"unknown roles wrote: {unknown_roles(seen.statements)}")
    for mitra in seen.pinging:
        owe_pings(judge, seen.pings, mitra)
        begun = any(p.id == mitra and p.status is not None for p in seen.pings)
        judge.assume(begun, f"mitra {mitra} sent no ping that was answered: no heartbeat was there to be mirrored")
    wrote = [s for s in seen.statements if writes(s, STATUS)]
    mirrored = [s for s in wrote if uses_unnest(s)]
    others = [s for s in wrote if not uses_unnest(s)]
    judge.require(not others, f"{len(others)} other statements wrote {STATUS}: {first_text(others)}")
    lasted = seen.until - seen.since
    if not judge.require(
        len(mirrored) > CYCLES, f"{len(mirrored)} statements with UNNEST in {lasted:.1f} s, not one a cycle"
    ):
        return
    for before, after in pairwise(mirrored):
        gap = after.at - before.at
        judge.require(gap <= bounds["cycle_s"] + bounds["late_s"], f"no statement for {gap:.2f} s, more than a cycle")
        if not judge.require(
            gap >= bounds["cycle_s"] / 2, f"two statements within {gap:.3f} s: a cycle is one statement"
        ):
            continue
        for mitra in seen.pinging:
            pinged = any(p.id == mitra and before.at <= p.at and p.ended <= after.at for p in seen.pings)
            judge.observed(pinged, f"mitra {mitra} did not ping in the cycle before {after.at:.3f}")
        missing = sorted(set(seen.pinging) - ids_in(after))
        judge.require(not missing, f"the statement of a cycle lacks {', '.join(missing)}, who pinged in it")
        judge.require(after.committed_at is not None, f"the statement at {after.at:.3f} was not committed")
    judge.note(f"{len(mirrored)} statements in {lasted:.1f} s, each with {len(seen.pinging)} or more ids")


@check("H-04", "BE", "last_heartbeat_at of everyone who pings is from within the last cycle")
def within_the_last_cycle(judge: Judge, seen: HeartbeatAges, bounds: Bounds) -> None:
    if seen.pings is not None:
        assume_pings(judge, seen.pings, seen.pinging, seen.since, seen.read_at, bounds["within_s"])
    ages = {mitra: seen.ages.get(mitra) for mitra in seen.pinging}
    for mitra, age in ages.items():
        if judge.require(age is not None, f"mitra {mitra} has no last_heartbeat_at") and age is not None:
            judge.require(
                age <= bounds["within_s"], f"mitra {mitra}: {age:.2f} s old, more than {bounds['within_s']:g} s"
            )
            judge.require(age >= -bounds["clock_s"], f"mitra {mitra}: {-age:.2f} s in the future")
    judge.require(not seen.nobody, f"{seen.nobody} are no mitras, yet the mirror gave them rows")
    judge.note(f"the oldest is {max((age or 0.0) for age in ages.values()):.2f} s old, bound {bounds['within_s']:g} s")


@check("H-05", "BE", "Postgres lags Valkey by a mirror cycle at most, and is never ahead of it")
def lags_by_a_cycle(judge: Judge, seen: HeartbeatLag, bounds: Bounds) -> None:
    """In each sample, a heartbeat that was written more than a cycle and 1 s before is in Postgres.

    The plain difference of the two may be longer by the interval of the pings, also for a correct server.
    """
    judged, last = 0, seen.samples[-1]
    for mitra, mirrored in seen.mitras.items():
        who = mirrored.name
        written = [(w.at, at) for w in mirrored.written if (at := heartbeat_time(w.text)) is not None]
        current = heartbeat_time(mirrored.heartbeat)
        if not judge.owes(written, f"{who} went online, and no heartbeat of hers was written in Valkey", "B-03"):
            continue
        due = overdue(written, last.at - bounds["stood_s"])
        stood = due is not None and current is not None
        if not judge.observed(stood, f"{who}: no heartbeat has stood long enough"):
            continue
        if mirrored.silent:
            newest = max(at for _, at in written)
            judge.observed(due == newest, f"{who}, who was to be silent, pinged lately")
        judged += judge_samples(judge, seen.samples, mitra, mirrored, bounds["stood_s"])
        ahead = (last.columns.get(mitra) or 0.0) - (current or 0.0)
        judge.require(ahead <= bounds["ahead_s"], f"{who}: last_heartbeat_at is {ahead:.2f} s ahead of her heartbeat")
    judge.note(f"{judged} samples, none behind a heartbeat that had stood for {bounds['stood_s']:g} s")


def judge_samples(
    judge: Judge, samples: Sequence[HeartbeatColumns], mitra: str, mirrored: WrittenHeartbeats, stood_s: float
) -> int:
    """Each sample of the column has the newest heartbeat that is overdue in it. Returns the number of those judged."""
    written = [(w.at, at) for w in mirrored.written if (at := heartbeat_time(w.text)) is not None]
    judged = 0
    for sample in samples:
        column, newest = sample.columns.get(mitra), overdue(written, sample.at - stood_s)
        if newest is None:
            continue
        judged += 1
        late = f"{mirrored.name}: at {sample.at:.3f} last_heartbeat_at was {column}, though {newest} was overdue"
        if not judge.require(column is not None and newest - column <= MS, late):
            break
    return judged


def overdue(written: Sequence[tuple[float, float]], until: float) -> float | None:
    """The newest heartbeat that was written up to `until`; None if there is none. Both are epoch seconds."""
    return max((heartbeat for at, heartbeat in written if at <= until), default=None)


@check("H-06", "BE", "Valkey is stopped", Kind.ACTION)
def stopped(judge: Judge, seen: ValkeyReach, bounds: Bounds) -> None:
    require_stopped(judge, seen)


@check("H-07", "BE", "Each mirror cycle of an outage is skipped with a line")
def skipped_with_a_line(judge: Judge, seen: SkippedTicks, bounds: Bounds) -> None:
    require_skip_lines(judge, seen, bounds)


@check("H-08", "BE", "last_heartbeat_at does not advance during an outage")
def stands_still(judge: Judge, seen: ColumnsInOutage, bounds: Bounds) -> None:
    """Two readings in the outage are equal, and the statement log has no write between them."""
    assume_outage(judge, seen.valkey)
    judge.assume(not unknown_roles(seen.statements), f"unknown roles wrote: {unknown_roles(seen.statements)}")
    first, last = seen.readings[0], seen.readings[-1]
    lasted = last.at - first.at
    judge.observed(lasted >= 2 * bounds["cycle_s"], f"the readings are only {lasted:.1f} s apart")
    assume_pings(judge, seen.pings, seen.mitras, first.at, last.at, bounds["cycle_s"] + 1)
    for mitra in seen.mitras:
        before, after = first.columns.get(mitra), last.columns.get(mitra)
        judge.assume(before is not None, f"mitra {mitra} had no last_heartbeat_at to advance from")
        judge.require(before == after, f"mitra {mitra}: last_heartbeat_at went from {before} to {after} without Valkey")
    wrote = [s for s in seen.statements if first.at <= s.at <= last.at and writes(s, STATUS)]
    judge.require(not wrote, f"{len(wrote)} statements wrote {STATUS} in the outage: {first_text(wrote)}")
    judge.note(f"no change in {lasted:.1f} s without Valkey, {len(seen.pings)} pings")
