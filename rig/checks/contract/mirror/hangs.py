"""Judges what is answered while Valkey hangs, and how the hang ends."""

from rig.checks.contract.probes import ProbeJudge, probe_check
from rig.contract import RESEED_S
from rig.record.observations import losses

PATIENCE_S = 4.0  # for which Postgres may have kept a ping waiting before it is 503
CLOCK_S = 0.1  # by which a measured time may be off
MIRRORED_S = 1.0


@probe_check("hung Valkey", "PING-07", "DEACT-07", "OUTAGE-10")
def hung_valkey(judge: ProbeJudge, seen: losses.HungValkey) -> None:
    pings = {"a mitra who is online": seen.steady, f"a mitra whose row was locked for {seen.locked_s:g} s": seen.locked}
    for who, found in pings.items():
        for ping in found:
            soon = ping.status == 503 and ping.seconds < PATIENCE_S - CLOCK_S
            told = f"while Valkey hung and Postgres answered, a ping of {who} was 503 after {ping.seconds:.1f} s"
            judge.require("PING-07", not soon, told)
    if judge.assume("DEACT-07", seen.deactivated == [200, 200], f"deactivations were answered {seen.deactivated}"):
        deactivated(judge, "before a hang of Valkey", seen.early)
        deactivated(judge, "while Valkey hung", seen.late)
        deactivated(judge, "once the hang of Valkey was over", seen.after)
    how = f"Valkey hung for {seen.hung_s:.1f} s, with its connections open"
    in_time = seen.seed_s is not None and seen.seed_s <= RESEED_S + CLOCK_S
    after = "no seed line" if seen.seed_s is None else f"the first seed line after {seen.seed_s:.1f} s"
    if judge.require("OUTAGE-10", in_time, f"{how}; afterwards {after}, expected one within {RESEED_S:g} s"):
        judge.require("OUTAGE-10", not seen.planted, f"{how}; the seed afterwards left an id that nobody has")


def deactivated(judge: ProbeJudge, when: str, pings: list[losses.TimedPing]) -> None:
    """No ping that began over a second after the deactivation was answered may be 200."""
    for ping in pings:
        if ping.at_s > MIRRORED_S:
            told = f"{when} a ping {ping.at_s:.2f} s after the answer to the deactivation was {ping.status}"
            judge.require("DEACT-07", ping.status != 200, told)
