"""Judges the mirror after Postgres was restored from an older copy."""

from rig.checks.contract.probes import ProbeJudge, probe_check
from rig.contract import RESEED_S
from rig.record.observations import losses

NOTICED_S = 5.0  # in which a running server notices a restore; the seed may take RESEED_S more


@probe_check("start on a restored Postgres", "OUTAGE-11")
def start_on_a_restored_postgres(judge: ProbeJudge, seen: losses.Restored) -> None:
    done = all(status == 200 for status in seen.changed)
    if not judge.assume("OUTAGE-11", done, f"changes after the copy were answered {seen.changed}"):
        return
    if judge.assume("OUTAGE-11", seen.ready, "no instance came up on the restored Postgres"):
        told = f"after a start on a restored Postgres: {'; '.join(seen.differ)}"
        judge.require("OUTAGE-11", not seen.differ, told)


@probe_check("restored Postgres", "OUTAGE-12")
def restored_postgres(judge: ProbeJudge, seen: losses.Restored) -> None:
    done = all(status == 200 for status in seen.changed)
    if not judge.assume("OUTAGE-12", done, f"changes after the copy were answered {seen.changed}"):
        return
    in_time = seen.seed_s is not None and seen.seed_s <= NOTICED_S + RESEED_S
    after = "no seed followed" if seen.seed_s is None else f"the first seed followed after {seen.seed_s:.1f} s"
    if judge.require("OUTAGE-12", in_time, f"Postgres was restored under running servers; {after}"):
        judge.require("OUTAGE-12", not seen.differ, f"after the seed that followed a restore: {'; '.join(seen.differ)}")
        judge.require("OUTAGE-12", seen.lines, "no line of the log says that Postgres was restored")
