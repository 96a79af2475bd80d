"""Judges what SIGTERM does."""

from rig.checks.contract.probes import ProbeJudge, probe_check
from rig.record.observations import environment

STOP_S = 10.1  # the contract's 10 s and what clocks may differ
CODES = (0, 143)


@probe_check("stop with requests in flight", "STOP-01", "STOP-02", "STOP-03", "STOP-04", "READY-02")
def stop_in_flight(judge: ProbeJudge, seen: environment.StopInFlight) -> None:
    up = all(start.ready_s is not None for start in seen.starts)
    if not judge.assume("STOP-02", up and seen.taken == 200, f"on the way came {seen.starts} {seen.taken}"):
        return
    status, code = seen.in_flight or (None, None)
    judge.require("STOP-02", status == 200, f"a request that waited for a row when SIGTERM came: {status} {code or ''}")
    judge.require("READY-02", seen.readyz in (None, 503), f"while the server stops /readyz is {seen.readyz}")
    for how, end in seen.exits.items():
        exits(judge, how, end)
    judge.require("STOP-03", not seen.still_open, f"after the end these ports take connections: {seen.still_open}")
    if judge.assume("STOP-01", seen.online == 200, f"going online was answered {seen.online}"):
        judge.require("STOP-01", seen.still_online, "a mitra who was online is offline in Postgres after SIGTERM")
        judge.require("STOP-01", seen.key, "a mitra who was online is not in mitras:online after SIGTERM")


HARDENED = ("while nobody reads its log", "with a resolver that hangs")  # what STOP-06 names; STOP-03 has the others


@probe_check("stop while something hangs", "STOP-03", "STOP-04", "STOP-05", "STOP-06")
def stop_while_hung(judge: ProbeJudge, seen: environment.StopWhileHung) -> None:
    for how, start in seen.starts.items():
        sentence = "STOP-06" if how in HARDENED else "STOP-03"
        judge.assume(sentence, start.ready_s is not None, f"the instance that was to stop {how} did not come up")
    if seen.asked is not None:
        status, code = seen.asked
        told = f"with Postgres hung a request that was under way when SIGTERM came was answered {status} {code or ''}"
        judge.require("STOP-05", (status, code) == (503, "SERVICE_UNAVAILABLE"), told)
    for how, end in seen.exits.items():
        exits(judge, how, end, "STOP-06" if how in HARDENED else "STOP-03")


def exits(judge: ProbeJudge, how: str, end: environment.Ended, sentence: str = "STOP-03") -> None:
    """The end must come in time, which `sentence` says, and with a code of the contract."""
    took_s, code = end
    if judge.require(
        sentence, took_s is not None and took_s <= STOP_S, f"{how}: ended after {took_s} s, expected 10 s"
    ):
        judge.require("STOP-04", code in CODES, f"{how}: the exit code after SIGTERM is {code}, expected 0 or 143")
