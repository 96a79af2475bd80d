"""Judges a seed beside which others read and change."""

from rig.checks.contract.probes import ProbeJudge, probe_check
from rig.record.observations import losses

LATE_MIN = 1  # change that fell between the seed's read of Postgres and the arrival of what it wrote
LOOKS_MIN = 100


@probe_check("seed under changes", "SEED-05", "SEED-06")
def seed_under_changes(judge: ProbeJudge, seen: losses.SeedUnderChanges) -> None:
    for sentence in ("SEED-05", "SEED-06"):
        judge.assume(sentence, seen.ready, "the instance did not come up, or logged no seed")
    if not seen.ready:
        return
    told = f"of {seen.looks} looks beside a seed {seen.empty} found mitras:online empty; {seen.online} mitras stayed online"
    if judge.require("SEED-05", not seen.empty, told):
        judge.assume(
            "SEED-05", seen.looks >= LOOKS_MIN, f"only {seen.looks} looks at mitras:online fell beside the seed"
        )
    told = f"after a seed beside {seen.changes} changes, and a second later: {'; '.join(seen.differ)}"
    if judge.require("SEED-06", not seen.differ, told):
        judge.assume("SEED-06", not seen.refused, f"changes were refused: {seen.refused}")
        enough = f"only {seen.late} changes fell into the last {seen.slow_s:g} s of the seed"
        judge.assume("SEED-06", seen.late >= LATE_MIN, enough)
