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


def exits(judge: ProbeJudge, how: str, end: environment.Ended) -> None:
    took_s, code = end
    if judge.require(
        "STOP-03", took_s is not None and took_s <= STOP_S, f"{how}: ended after {took_s} s, expected 10 s"
    ):
        judge.require("STOP-04", code in CODES, f"{how}: the exit code after SIGTERM is {code}, expected 0 or 143")
