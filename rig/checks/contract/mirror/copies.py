"""Judges whether the heartbeats of all online mitras reach Postgres."""

from rig.checks.contract.probes import ProbeJudge, probe_check
from rig.record.observations import numbers

LATE_S = 0.5  # by which a look may be late


@probe_check("heartbeats in Postgres", "BATCH-01", "BATCH-04")
def heartbeats_in_postgres(judge: ProbeJudge, seen: numbers.CopiedHeartbeats) -> None:
    for sentence in ("BATCH-01", "BATCH-04"):
        judge.assume(sentence, seen.ready, "the instance did not come up")
    for who, beats, after_s in seen.found:
        if not judge.assume("BATCH-04", beats, f"the mitra who is {who} has no heartbeat key"):
            continue
        told = f"the heartbeat of an online mitra who is {who} is not in last_heartbeat_at"
        if judge.require("BATCH-01", after_s is not None, f"{told} some seconds after a cycle"):
            late = after_s is not None and after_s > seen.allowed_s + LATE_S
            judge.require("BATCH-04", not late, f"{told} after {seen.allowed_s:g} s, it came after {after_s} s")
        else:
            judge.require("BATCH-04", False, f"{told} some seconds after a cycle")
