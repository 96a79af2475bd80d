"""Judges departures just below and just above the bound at which a sweep may be held."""

from rig.checks.contract.probes import ProbeJudge, probe_check
from rig.record.observations import numbers

HOLDABLE_MIN, HOLDABLE_SHARE = 3, 0.3  # a tick may be held from so many on, if they are more than this share
HOLD_FACTOR = 3  # times `stale_after_seconds`: how long it may be held
HOLD_WORDS = ("hold", "held")
SPARE_S = 2.0  # beyond two ticks, for a slow machine: a tick that is held lasts longer


@probe_check("departures at the bound", "SWEEP-05", "SWEEP-06", "SWEEP-02")
def departures_at_the_bound(judge: ProbeJudge, seen: numbers.Departures) -> None:
    for sentence in ("SWEEP-05", "SWEEP-06"):
        judge.assume(sentence, seen.departures, "the instance did not come up")
    at_once_s = 2 * seen.tick_s + SPARE_S
    for one in seen.departures:
        holdable = one.leaving >= HOLDABLE_MIN and one.leaving > HOLDABLE_SHARE * one.online
        first = "nobody was offline" if one.first_s is None else f"the first was offline after {one.first_s:.1f} s"
        told = f"{one.leaving} of {one.online} online mitras became silent; with a tick each {seen.tick_s} s {first}"
        judge.require("SWEEP-02", not one.others, f"{told}, and so were {one.others} who pinged on")
        most_s = HOLD_FACTOR * seen.stale_s + at_once_s if holdable else at_once_s
        sentence = "SWEEP-05" if holdable else "SWEEP-06"
        if not judge.require(sentence, one.first_s is not None and one.first_s <= most_s, told):
            continue
        told_all = f"{told}, and {one.gone} of them {one.watched_s:.0f} s after they became silent"
        judge.require("SWEEP-02", one.gone == one.leaving, told_all)
        if holdable and (one.first_s or 0.0) > at_once_s:
            said = any(word in line.lower() for line in one.lines for word in HOLD_WORDS)
            judge.require("SWEEP-05", said, f"{told}; no line says that the tick was held: {one.lines}")
