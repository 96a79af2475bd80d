"""Judges what becomes of heads that are too long or never complete, and of pings beside silent connections."""

from collections.abc import Sequence

from rig.checks.contract.edges import ANSWER_S
from rig.checks.contract.probes import ProbeJudge, probe_check
from rig.record.observations.contract import heads

PING_S = 1.0
INCOMPLETE_S = 15.0  # 10 s after the first byte, and 5 s more
MARGIN_S = 0.3  # what clocks and scheduling add


@probe_check("heads that are too long", "HTTP-14", "HTTP-15")
def long_heads(judge: ProbeJudge, seen: heads.LongHeads) -> None:
    refused(judge, "HTTP-15", seen.over_64_kib)
    refused(judge, "HTTP-14", seen.over_2_mib)
    for status, code, seconds in seen.others:
        right = status == 200 and seconds <= ANSWER_S
        told = f"while a head of over 2 MiB was sent a poll of the beacon was answered {status} {code or ''} after {seconds:.1f} s"
        judge.require("HTTP-14", right, told)


def refused(judge: ProbeJudge, sentence: str, sent: Sequence[heads.SentHead]) -> None:
    """Each of these must be answered by an error of the client, or its connection must end."""
    for what, size, status, closed, seconds in sent:
        right = closed if status is None else 400 <= status < 500
        came = f"was answered {status}" if status is not None else f"had no answer and no end after {seconds:.1f} s"
        judge.require(sentence, right, f"a head of {size:,} bytes, most of them in {what}, {came}")


@probe_check("silent connections", "HTTP-16", "HTTP-17")
def silent_connections(judge: ProbeJudge, seen: heads.SilentConnections) -> None:
    before, *beside = seen.pings
    if judge.assume(
        "HTTP-17", before.status == 200, f"before there were silent connections a ping got {before.status}"
    ):
        for connection, status, error, seconds in beside:
            told = (
                f"beside {seen.silent} silent connections a ping on a {connection} one was answered"
                f" {status or error} after {seconds:.1f} s, expected 200 within 1 s"
            )
            judge.require("HTTP-17", status == 200 and seconds <= PING_S, told)
    for what, ended_s in seen.ends:
        right = ended_s is not None and ended_s <= INCOMPLETE_S + MARGIN_S
        came = "has not ended after 16 s" if ended_s is None else f"has ended after {ended_s:.1f} s"
        judge.require("HTTP-16", right, f"the connection of a head that {what} {came}, expected 15 s at most")
