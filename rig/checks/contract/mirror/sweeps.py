"""Judges departures just below and just above the bound at which a sweep may be held."""

from rig.checks.contract.probes import ProbeJudge, probe_check
from rig.contract import SLACK_S
from rig.record.observations import numbers

HOLDABLE_MIN, HOLDABLE_SHARE = 3, 0.3  # a tick may be held from so many on, if they are more than this share
HOLD_FACTOR = 3  # times `stale_after_seconds`: how long it may be held
HOLD_WORDS = ("hold", "held")


@probe_check("departures at the bound", "SWEEP-05", "SWEEP-06", "SWEEP-02")
def departures_at_the_bound(judge: ProbeJudge, seen: numbers.Departures) -> None:
    for sentence in ("SWEEP-05", "SWEEP-06"):
        judge.assume(sentence, seen.departures, "the instance did not come up")
    at_once_s = 2 * seen.tick_s + SLACK_S
    for one in seen.departures:
        holdable = one.leaving >= HOLDABLE_MIN and one.leaving > HOLDABLE_SHARE * one.online
        told = (
            f"{one.leaving} of {one.online} online mitras became silent; {one.took_s:.1f} s later {one.gone} were offline,"
            f" with a tick each {seen.tick_s} s"
        )
        judge.require("SWEEP-02", not one.others, f"{told}, and {one.others} who pinged on")
        if not holdable:
            judge.require("SWEEP-06", one.gone == one.leaving and one.took_s <= at_once_s, told)
            continue
        most_s = HOLD_FACTOR * seen.stale_s + at_once_s
        if not judge.require("SWEEP-05", one.gone == one.leaving and one.took_s <= most_s, told):
            continue
        if one.took_s > at_once_s:
            said = any(word in line.lower() for line in one.lines for word in HOLD_WORDS)
            judge.require("SWEEP-05", said, f"{told}; no line says that the tick was held: {one.lines}")
