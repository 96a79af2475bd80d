"""Section I: a full seed per cycle repairs the mirror. The value 0 turns off that cycle and nothing else."""

from rig.checks.checklist.environment import require_started_in
from rig.checks.checklist.section_a import require_counts
from rig.checks.common.mirror_diff import differences, heartbeat_time, require_mirror_is_truth
from rig.checks.framework import CATCH_ALL, Bounds, Judge, Kind, check
from rig.record.observations.parts import ServerStart
from rig.record.observations.section_i import Corruption, SeedAfterDrift, SeedsWithoutSweep, StoresAfterDrift


@check("I-01", "BE", "The backend runs with a shortened reconciliation", Kind.ACTION)
def cycle_shortened(judge: Judge, seen: ServerStart, bounds: Bounds) -> None:
    require_started_in(judge, seen)


@check("I-02", "BE", "Valkey is corrupted by hand", Kind.ACTION)
def corrupted(judge: Judge, seen: Corruption, bounds: Bounds) -> None:
    # What the mirror lacked before the corruption could not be taken from it.
    for difference in differences(seen.before) if seen.before is not None else ():
        judge.owes(False, f"before the corruption {difference}", owner_of(difference))
    for command in seen.replies:
        judge.require(
            command.reply in (1, True, "OK"), f"{command.command} answered {command.reply!r}: it changed nothing"
        )
    judge.note(f"{len(seen.replies)} corruptions")


def owner_of(difference: str) -> str:
    """The item whose promise is broken if the mirror differs from Postgres in this way."""
    if "expires in" in difference:
        return "G-07"
    return "C-06" if "mitras:deactivated" in difference else CATCH_ALL


@check("I-03", "BE", "The log shows a new seed line within one cycle, with the counts of Postgres")
def seeds_again(judge: Judge, seen: SeedAfterDrift, bounds: Bounds) -> None:
    assume_the_write_was_refused(judge, seen)
    took = None if seen.seeded_at is None else seen.seeded_at - seen.since
    if judge.within("a new seed line", took, bounds["within_s"]):
        require_counts(judge, seen)


@check("I-04", "BE", "After the sweep Valkey matches Postgres exactly")
def matches_again(judge: Judge, seen: StoresAfterDrift, bounds: Bounds) -> None:
    """All four structures. A periodic seed writes a heartbeat only where there is none."""
    assume_the_write_was_refused(judge, seen)
    judge.assume(seen.truth.online, "nobody is online in Postgres, so the mirror would prove nothing")
    require_mirror_is_truth(judge, seen.truth, seen.mirror)
    took = seen.read_at - seen.since
    judge.within("the healed mirror", took, bounds["within_s"])
    heartbeats = seen.mirror.heartbeats
    for mitra, before in seen.kept.items():
        after = heartbeats.get(mitra)
        judge.require(after == before, f"the seed wrote over the heartbeat of {mitra}: {before} became {after}")
    for mitra in seen.missing:
        at = heartbeat_time(heartbeats.get(mitra))
        fresh = at is not None and at >= seen.since - bounds["clock_s"]
        judge.require(fresh, f"the missing heartbeat of {mitra} came back as {heartbeats.get(mitra)!r}, not as now")
    if seen.kept:
        judge.note(f"{len(seen.kept)} heartbeats left alone, {len(seen.missing)} written anew")


def assume_the_write_was_refused(judge: Judge, seen: SeedAfterDrift | StoresAfterDrift) -> None:
    """If the drift comes from a refused write, the refusal was logged and the toggle was committed."""
    refused = seen.refused
    if refused is not None:
        if not judge.assume(refused.rig_too, "Valkey took a write of the rig in that time"):
            return
        if refused.status is None:
            judge.assume(False, "the toggle was not answered")
        else:
            judge.owes(refused.status == 200, f"the toggle was answered {refused.status}", "B-07")
        judge.owes(refused.lines, "no log line says that the toggle's write failed, which Valkey refused", "B-07")


@check("I-05", "BE", "The backend runs with VALKEY_ONLINE_MIRROR_SWEEP_SECONDS=0", Kind.ACTION)
def turned_off(judge: Judge, seen: ServerStart, bounds: Bounds) -> None:
    require_started_in(judge, seen)


@check("I-06", "BE", "No periodic seed appears after the one of the start")
def no_periodic_seed(judge: Judge, seen: SeedsWithoutSweep, bounds: Bounds) -> None:
    """Judged up to a later line that must come: the seed after a FLUSHDB, which does not depend on the cycle."""
    watched = seen.flushed_at - (seen.startup[0].at if seen.startup else seen.started_at)
    judge.observed(watched >= bounds["watch_s"], f"watched for {watched:.1f} s only, not {bounds['watch_s']:g}")
    lines = [line.text for line in seen.startup]
    judge.require(
        len(lines) == 1, f"{len(lines)} seed lines from the start to the FLUSHDB, not the one of the start: {lines}"
    )
    took = None if seen.seeded_at is None else seen.seeded_at - seen.flushed_at
    judge.within("the seed after a FLUSHDB", took, bounds["within_s"])
    judge.note(f"one seed line in {watched:.1f} s")
