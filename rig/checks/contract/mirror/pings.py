"""Judges many pings at the same moment."""

from rig.checks.contract.probes import ProbeJudge, probe_check
from rig.record.observations import numbers


@probe_check("pings in one batch", "PING-01", "PING-04", "PING-05", "PING-08", "DEACT-07")
def pings_in_one_batch(judge: ProbeJudge, seen: numbers.BatchedPings) -> None:
    if any(status != 200 for status in seen.prepared):
        for sentence in ("PING-01", "PING-04", "PING-05", "PING-08", "DEACT-07"):
            judge.assume(sentence, False, f"on the way came {seen.prepared}")
        return
    for ping in seen.pings:
        one_of_a_batch(judge, ping)


def one_of_a_batch(judge: ProbeJudge, ping: numbers.BatchedPing) -> None:
    """A ping is answered by the state of its own mitra, whoever else pings with her."""
    told = f"of pings at once at instance {ping.instance} one of a mitra who is {ping.who} was answered"
    told += f" {ping.status} {ping.code or ping.is_online}"
    if ping.who == "online":
        if judge.require("PING-01", ping.status == 200 and ping.is_online is True, told):
            judge.require("PING-08", ping.moved, f"{told}, and did not move her heartbeat")
    elif ping.who == "offline":
        judge.require("PING-05", ping.status == 200 and ping.is_online is False, told)
        judge.require("PING-05", not ping.moved, f"{told}, and wrote a heartbeat")
    else:
        judge.require("DEACT-07", ping.status != 200, told)
        judge.require("PING-04", (ping.status, ping.code) == (403, "ACCOUNT_INACTIVE"), told)
        judge.require("PING-04", not ping.moved, f"{told}, and wrote a heartbeat")
