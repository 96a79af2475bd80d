"""Judges dozens of toggles of one mitra."""

from itertools import pairwise

from rig.checks.contract.probes import ProbeJudge, probe_check
from rig.record.observations import numbers

CYCLES = ("TOGGLE-01", "TOGGLE-02", "TOGGLE-07", "TABLE-03", "TABLE-04")


@probe_check("many cycles", *CYCLES)
def many_cycles(judge: ProbeJudge, seen: numbers.ManyCycles) -> None:
    for sentence in CYCLES:
        judge.assume(sentence, seen.taken == 200, f"an accept on the way was answered {seen.taken}")
    if seen.taken != 200:
        return
    cycles = f"a mitra went offline and online {seen.cycles} times"
    for sentence in ("TOGGLE-01", "TOGGLE-02"):
        judge.require(sentence, not seen.wrong, f"{cycles}; otherwise answered: {seen.wrong}")
    judge.require("TOGGLE-07", not seen.unmirrored, f"{cycles}; wrong in Valkey a second later: {seen.unmirrored}")
    right = ["online", *["offline", "online"] * seen.cycles]
    told = f"{cycles}; expected {len(right)} audit rows in turn, found {len(seen.audit)}"
    judge.require("TABLE-03", len(seen.audit) == len(right), told)
    judge.require("TABLE-04", all(one != after for one, after in pairwise(seen.audit)), told)
