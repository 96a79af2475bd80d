"""Rows of the decision about what users and Postgres noticed."""

from rig.checks.cutover.spans import began, overlaps
from rig.checks.framework import Bounds, Judge, Kind, whole_run_check
from rig.record import Lines, evidence
from rig.record.lines.common import Plan
from rig.record.lines.cutover import (
    CutoverCapacity,
    CutoverLook,
    CutoverOffline,
    CutoverProof,
    CutoverSeed,
    CutoverSql,
    CutoverStep,
    CutoverTraffic,
)

LOOKED_AT = ("reseed", "settle", "reseed-again", "settle-again")
SHOWN = 20


@whole_run_check("GO-01", "BE", "No mitra was set offline who had pinged in time", Kind.CLAIM)
def wrongful_offlines(judge: Judge, lines: Lines, bounds: Bounds) -> None:
    told = lines.first(CutoverOffline)
    if not judge.enough(told, "unknown: the audit log was not read"):
        return
    assert told is not None
    judge.enough(told.mitras, "unknown: no mitra pinged")
    judge.require(not told.wrongful, f"{len(told.wrongful)} were set offline although their pings were answered")
    judge.show(evidence.log("wrongful offlines", told.wrongful[:SHOWN]))
    judge.note(f"{told.judged} rows say offline, {told.mitras} mitras pinged")


@whole_run_check("GO-02", "BE", "After one seed Y equals Postgres", Kind.CLAIM)
def mirror_of_y(judge: Judge, lines: Lines, bounds: Bounds) -> None:
    for step in LOOKED_AT:
        looks = [line for line in lines.of(CutoverLook) if line.step == step and line.store == "Y"]
        judge.enough(looks, f"unknown: Y was not compared in the step {step}")
        require_equal_mirror(judge, looks)
    require_equal_mirror(judge, [line for line in lines.of(CutoverLook) if line.step == "shadow"])


def require_equal_mirror(judge: Judge, looks: list[CutoverLook]) -> None:
    for look in looks:
        found = "; ".join(look.differences[:3])
        judge.require(
            not look.differences, f"{look.step}: {len(look.differences)} differences on {look.store}: {found}"
        )
        if look.differences:
            judge.show(evidence.log(f"differences in {look.step}", look.differences[:SHOWN]))
        judge.note(f"{look.step}: none after {look.looks} looks")


@whole_run_check("GO-03", "BE", "No request failed", Kind.CLAIM)
def failed_requests(judge: Judge, lines: Lines, bounds: Bounds) -> None:
    traffic = lines.of(CutoverTraffic)
    requests = sum(line.requests for line in traffic)
    if not judge.enough(requests >= bounds["requests_min"], f"unknown: only {requests} requests were sent"):
        return
    for line in traffic:
        judge.require(not line.failed, f"{line.step}: {line.failed} of {line.requests} requests got a 5xx")
        judge.require(not line.unanswered, f"{line.step}: {line.unanswered} of {line.requests} requests got no answer")
        if line.examples:
            judge.show(evidence.log(f"failed in {line.step}", line.examples))
    lost = sum(line.to_restarting for line in traffic)
    judge.note(f"{requests} requests, {lost} to an instance that was being restarted")


@whole_run_check("GO-04", "BE", "Each seed was done in time", Kind.CLAIM)
def seeds(judge: Judge, lines: Lines, bounds: Bounds) -> None:
    found = lines.of(CutoverSeed)
    for step in ("reseed", "reseed-again"):
        judge.enough([line for line in found if line.step == step], f"unknown: no seed was looked for in {step}")
    for line in found:
        what = f"{line.step}: the seed of {line.store} by {line.instance}, counted from {line.since},"
        judge.within(what, line.seconds, bounds["reseed_s"])


@whole_run_check("GO-07", "BE", "Postgres took the peak of a cold store", Kind.CLAIM)
def sql_peak(judge: Judge, lines: Lines, bounds: Bounds) -> None:
    capacity, rates = lines.first(CutoverCapacity), lines.of(CutoverSql)
    judge.enough(capacity, "unknown: nobody measured what Postgres takes")
    judge.enough(began(lines, "switch") and rates, "unknown: the SQL of the switch was not counted")
    if capacity is None or not rates:
        return
    peak = max(rates, key=lambda line: line.per_s)
    told = f"at most {peak.per_s:.0f} transactions per second (in {peak.step}), Postgres takes {capacity.per_s:.0f} ({capacity.how})"
    judge.require(peak.per_s < capacity.per_s, told)
    judge.note(told)


@whole_run_check("GO-08", "BE", "Instances stood on two stores for a short time only", Kind.CLAIM)
def overlap(judge: Judge, lines: Lines, bounds: Bounds) -> None:
    found = overlaps(lines)
    judge.enough("switch" in found, "unknown: no instance was switched")
    for step, seconds in found.items():
        if seconds is None:
            judge.require(False, f"{step}: it ended with instances on two stores")
        else:
            judge.within(f"{step}: the end of the overlap", seconds, bounds["overlap_s"])


@whole_run_check("GO-16", "BE", "Every step was done in its time", Kind.CLAIM)
def all_steps(judge: Judge, lines: Lines, bounds: Bounds) -> None:
    found = lines.of(CutoverStep)
    if not judge.enough(found, "unknown: no step was recorded"):
        return
    for line in found:
        told = f" ({line.reason})" if line.reason else ""
        if line.state == "waiting":
            judge.enough(False, f"unknown: {line.name} was never begun")
        else:
            judge.require(line.state == "done", f"{line.name}: {line.state} after {line.seconds:.1f} s{told}")
    judge.note(f"{len(found)} steps")


@whole_run_check("GO-17", "BE", "Each row was shown to say no not long ago", Kind.CLAIM)
def proofs(judge: Judge, lines: Lines, bounds: Bounds) -> None:
    plan = lines.first(Plan)
    assert plan is not None, "a run without a plan is not judged"
    proven = {line.row: line.at for line in lines.of(CutoverProof)}
    for row in plan.items:
        if row == "GO-17":
            continue
        if not judge.enough(row in proven, f"unknown: {row} was never shown to say no, run `rig cutover --prove`"):
            continue
        age_s = plan.t - proven[row]
        judge.require(age_s <= bounds["fresh_s"], f"{row} was last shown to say no {age_s / 86400:.1f} days ago")
