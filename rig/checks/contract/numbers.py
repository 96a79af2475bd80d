"""Judges a large fleet, and thousands of requests to one instance."""

from rig.checks.contract.edges import ANSWER_S
from rig.checks.contract.probes import ProbeJudge, probe_check
from rig.record.observations import numbers

FLEET = (
    "KEY-01", "KEY-03", "SEED-02", "SEED-03", "OPS-01", "OPS-03", "BLAST-01", "BLAST-05", "BEACON-03", "TABLE-05",
    "HTTP-20", "SWEEP-02",
)  # fmt: skip


@probe_check("large fleet", *FLEET)
def large_fleet(judge: ProbeJudge, seen: numbers.LargeFleet) -> None:
    if not judge.assume("KEY-01", seen.ready, "the instance did not come up"):
        return
    fleet = seen.fleet
    judge.require("KEY-01", seen.in_set == fleet, f"mitras:online has {seen.in_set} ids, {fleet} mitras are online")
    judge.require("KEY-03", seen.capacities == fleet, f"{seen.capacities} of {fleet} online mitras have a capacity key")
    judge.require(
        "SEED-03", seen.heartbeats == fleet, f"after a start {seen.heartbeats} of {fleet} have a heartbeat key"
    )
    judge.require(
        "SEED-02",
        f"{fleet} online" in seen.seed_line,
        f"the seed line is {seen.seed_line!r}, {fleet} mitras are online",
    )
    judge.require("OPS-01", seen.dashboard == fleet, f"the dashboard counts {seen.dashboard}, expected {fleet}")
    judge.require("OPS-03", seen.listed == fleet, f"GET /internal/mitras lists {seen.listed} mitras, expected {fleet}")
    judge.require("BLAST-05", seen.available == fleet, f"{seen.available} mitras are listed as available of {fleet}")
    judge.require("BEACON-03", seen.beacon == fleet, f"the beacon counts {seen.beacon}, expected {fleet}")
    judge.require("BLAST-01", seen.offered == fleet, f"the chat was offered to {seen.offered} mitras of {fleet}")
    judge.require("TABLE-05", seen.rows == fleet, f"the chat has {seen.rows} rows of offers, expected {fleet}")
    judge.require("HTTP-20", seen.blast_s <= ANSWER_S, f"the payment was answered after {seen.blast_s:.1f} s")
    told = f"of {seen.silent} silent mitras {seen.offline} were set offline within {seen.sweep_s:.0f} s, one tick per second"
    judge.require("SWEEP-02", seen.offline == seen.silent, told)
    judge.require("SWEEP-02", not seen.others_offline, f"{seen.others_offline} mitras who were not silent are offline")
    judge.require(
        "SWEEP-02", seen.audited == seen.offline, f"{seen.audited} audit rows for {seen.offline} who were set offline"
    )


@probe_check("many requests", "PING-01", "PING-08", "BEACON-01", "HTTP-02")
def many_requests(judge: ProbeJudge, seen: numbers.ManyRequests) -> None:
    told = f"{seen.wrong_count} of {seen.pings} pings and {seen.polls} polls were answered otherwise: {seen.wrong}"
    for sentence in ("PING-01", "BEACON-01", "HTTP-02"):
        judge.require(sentence, not seen.wrong_count, told)
    judge.require("PING-08", not seen.unmoved, f"{seen.unmoved} of {seen.pings} pings did not move the heartbeat")
