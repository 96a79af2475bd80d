"""Section A: the backend builds the mirror from Postgres at its start, and again when Valkey has lost it."""

import re

from rig.checks.common.http_answers import require_clean_exit
from rig.checks.common.mirror_diff import heartbeat_time, require_capacities, require_mirror_is_truth, require_same_ids
from rig.checks.framework import Bounds, Judge, check
from rig.record.observations.parts import BothStores
from rig.record.observations.section_a import (
    SeedAfterFlush,
    SeedCounts,
    SeededCapacities,
    SeededHeartbeats,
    SeedLinesOfStart,
    SetMembers,
)

SEED = re.compile(r"\[valkey-mirror\] seed: (\d+) online, (\d+) deactivated, (\d+) with active sessions")


@check("A-01", "BE", "A restart logs exactly one seed line")
def one_seed_line(judge: Judge, seen: SeedLinesOfStart, bounds: Bounds) -> None:
    require_clean_exit(judge, seen.exit_code)
    lines = seen.lines
    judge.require(len(lines) == 1, f"{len(lines)} seed lines from start to exit: {lines}")
    judge.require(all(SEED.search(line) for line in lines), f"the line is not of the promised form: {lines}")


@check("A-02", "BE", "The counts in the seed line are those of Postgres")
def counts(judge: Judge, seen: SeedCounts, bounds: Bounds) -> None:
    require_counts(judge, seen)


def require_counts(judge: Judge, seen: SeedCounts) -> None:
    """The three counts in the seed line are those of Postgres."""
    match = SEED.search(seen.line or "")
    if judge.require(match, f"no seed line of the promised form, but {seen.line!r}") and match:
        logged = tuple(int(number) for number in match.groups())
        expected = (seen.online, seen.deactivated, seen.with_sessions)
        judge.require(
            logged == expected, f"the line says {logged}, Postgres {expected} (online, deactivated, with sessions)"
        )
        judge.note("{} online, {} deactivated, {} with sessions, in the log as in Postgres".format(*expected))


@check("A-03", "BE", "SMEMBERS mitras:online are the ids that are online in Postgres")
def online_set(judge: Judge, seen: SetMembers, bounds: Bounds) -> None:
    judge.assume(seen.postgres, "nobody is online in Postgres, so the set would prove nothing")
    require_same_ids(judge, "mitras:online", seen.postgres, seen.valkey)
    judge.note(f"{len(seen.valkey)} ids on both sides")


@check("A-04", "BE", "Every online mitra has a heartbeat from the time of the seed")
def heartbeats(judge: Judge, seen: SeededHeartbeats, bounds: Bounds) -> None:
    judge.assume(seen.online, "nobody is online in Postgres")
    judge.require(seen.until is not None, "no seed line to date the heartbeats by")
    first, last = seen.since - bounds["margin_s"], (seen.until or seen.since) + bounds["margin_s"]
    for mitra in seen.online:
        text = seen.heartbeats.get(mitra)
        at = heartbeat_time(text)
        judge.require(
            at is not None and first <= at <= last, f"mitra:heartbeat:{mitra} is {text!r}, not a time of this seed"
        )
    extra = sorted(set(seen.heartbeats) - set(seen.online))
    judge.require(not extra, f"heartbeat keys of ids that are not online: {', '.join(extra)}")
    judge.note(f"{len(seen.online)} heartbeats, all within the seed's time")


@check("A-05", "BE", "Every online mitra's capacity key is its number of active and pending_payment sessions")
def capacities(judge: Judge, seen: SeededCapacities, bounds: Bounds) -> None:
    judge.assume(any(seen.loads.get(mitra) for mitra in seen.online), "no online mitra has a session")
    require_capacities(judge, seen.online, seen.loads, seen.capacities)
    judge.note(f"{len(seen.online)} capacities as counted in Postgres")


@check("A-06", "BE", "SMEMBERS mitras:deactivated are the ids that are inactive in Postgres")
def deactivated_set(judge: Judge, seen: SetMembers, bounds: Bounds) -> None:
    judge.assume(seen.postgres, "nobody is deactivated in Postgres, so the set would prove nothing")
    require_same_ids(judge, "mitras:deactivated", seen.postgres, seen.valkey)
    judge.note(f"{len(seen.valkey)} ids on both sides")


@check("A-07", "BE", "FLUSHDB under a running backend is followed by a second seed line within 5 s")
def second_seed(judge: Judge, seen: SeedAfterFlush, bounds: Bounds) -> None:
    took = None if seen.seeded_at is None else seen.seeded_at - seen.flushed_at
    judge.within("a seed line after FLUSHDB", took, bounds["within_s"])


@check("A-08", "BE", "After FLUSHDB all four structures match Postgres again")
def all_rebuilt(judge: Judge, seen: BothStores, bounds: Bounds) -> None:
    judge.assume(seen.truth.online and seen.truth.deactivated, "Postgres holds too little to compare")
    require_mirror_is_truth(judge, seen.truth, seen.mirror)
    judge.note("online, deactivated, capacity and heartbeat as in Postgres")
