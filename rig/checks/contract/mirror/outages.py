"""Judges several outages of Valkey, one after the other."""

from rig.checks.contract.probes import ProbeJudge, probe_check
from rig.contract import RESEED_S
from rig.record.observations import losses

CLOCK_S = 0.1
DONE = (200, 201)


@probe_check("long outages", "OUTAGE-01", "OUTAGE-03", "OUTAGE-05")
def long_outages(judge: ProbeJudge, seen: losses.LongOutages) -> None:
    """A hang is an outage too: the pings of its first second have failed."""
    for number, one in enumerate(seen.outages, 1):
        told = f"outage {number} (Valkey {one.how} for {one.away_s:.0f} s)"
        wrong = [answer for answer in one.served if answer.status not in DONE]
        judge.require(
            "OUTAGE-01", not wrong, f"{told}: of {len(one.served)} requests {len(wrong)} were answered {wrong[:5]}"
        )
        if not judge.require("OUTAGE-03", one.running, f"{told}: an instance ended by itself"):
            continue
        in_time = bool(one.seeds) and one.seeds[0] <= RESEED_S + CLOCK_S
        after = f"the first seed line after {one.seeds[0]:.1f} s" if one.seeds else "no seed line"
        if judge.require("OUTAGE-03", in_time, f"{told}: afterwards {after}, expected one within {RESEED_S:g} s"):
            judge.require("OUTAGE-03", not one.differ, f"{told}: after the seed {'; '.join(one.differ)}")
            judge.require(
                "OUTAGE-05", not one.readers, f"{told}: after the seed these do not use Valkey: {one.readers}"
            )
