"""The claims of a load as checks: each a measure held against its limit; what they are called stands in `loadtest/claims.py`."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from rig.checks.framework import CHECKS, LAG_VOID_S, Bounds, Check, Judge, Kind, Lines
from rig.checks.load import sql_attribution as causes
from rig.checks.load.measures import MEASURES, in_window, of_pings
from rig.checks.load.request_accounting import assume_load, total, window
from rig.checks.load.sql_attribution import strangers


def declare_claims(claims: Sequence[Mapping[str, Any]]) -> None:
    """Make each a check: `id`, `wording`, `measure`, `needs` (actions that must have been sent)."""
    for claim in claims:
        if claim["measure"] not in MEASURES:
            raise ValueError(f"{claim['id']}: no measure {claim['measure']!r}: there are {', '.join(MEASURES)}")
        CHECKS[claim["id"]] = Check(claim["id"], Kind.CLAIM, "BE", claim["wording"], judged(claim), whole_run=True)


def judged(claim: Mapping[str, Any]) -> Callable[[Judge, Lines, Bounds], None]:
    """The check of a claim: its measure on the arm with the mirror, against its limit."""

    def check(judge: Judge, lines: Lines, bounds: Bounds) -> None:
        arms = ("on", "off") if claim.get("difference") else ("on",)
        if not could_be_measured(judge, lines, claim, arms):
            return
        found = MEASURES[claim["measure"]](lines, "on", bounds)
        if found.lacking:
            judge.skip(found.lacking)
            return
        judge.show(*found.shown)
        if not assume_begun(judge, lines, claim["needs"], arms):
            return
        if claim.get("difference"):  # half a baseline makes any share too large
            for arm in arms:
                assume_load(judge, lines, bounds, *claim["needs"], arm=arm)
        within = found.value is None or found.value <= bounds["limit"]
        for text in found.broken:
            judge.require(False, text)
        if not within and not stood_still(judge, lines, found.said):
            judge.require(False, found.said)
        if judge.broken_promises:
            return  # what was seen was seen, however the load went
        for text in found.doubts:
            judge.assume(False, text)
        for arm in arms:
            roles = strangers(lines, arm)
            judge.assume(not roles, f"statements of unknown roles: {', '.join(roles)}")
            assume_load(judge, lines, bounds, *claim["needs"], arm=arm)
        judge.note(found.said)

    return check


def could_be_measured(judge: Judge, lines: Lines, claim: Mapping[str, Any], arms: Sequence[str]) -> bool:
    """Whether there is something to measure; else the judge knows why not: a server that left, no baseline, no window."""
    for line in [*lines.get("exited", ()), *lines.get("unseeded", ())]:
        judge.require(False, line["text"])
    if judge.broken_promises:
        return False
    if claim.get("difference") and (why := no_baseline(lines)):
        judge.skip(why)
        return False
    if not judge.assume(window(lines), "the run ended before its measured window did"):
        return False
    uncounted = [line["text"] for line in lines.get("unfenced", ()) if line["arm"] in arms]
    return judge.assume(not uncounted, "".join(uncounted[:1]))


def assume_begun(judge: Judge, lines: Lines, needs: Sequence[str], arms: Sequence[str]) -> bool:
    """In each arm some of the requests were sent of which the claim speaks: without them nothing can break it."""
    for arm in arms:
        sent = sum(total(lines, arm, "sent", action) for action in needs)
        judge.assume(sent, f"not one request of its kind ({', '.join(needs)}, {arm}) was sent: the load never began")
    return not judge.inconclusive_reasons


def no_baseline(lines: Lines) -> str:
    """Why nothing can be compared; empty when it can."""
    told: str = next((line["text"] for line in lines.get("no_baseline", ())), "")
    if told:
        return told
    arms = next(iter(lines.get("load", ())), {}).get("arms", ())
    if "off" not in arms:
        return "there is no baseline: the run was asked for without one (--no-baseline)"
    if window(lines) and total(lines, "off", "completed", "ping") and not of_pings(lines, "off"):
        return "the server has no AVAILABILITY_MIRROR=off: its pings caused no SQL in the other arm either"
    return ""


def stood_still(judge: Judge, lines: Lines, text: str) -> bool:
    """Whether the rig itself stalled, so that the server may have too: then an excess is a doubt. Only where fallbacks tell of it."""
    lag_s = max((line["worst_s"] for line in lines.get("lag", ())), default=0.0)
    fell_back = any(one.cause == causes.FALLBACK for one in in_window(lines, "on"))
    return (
        lag_s > LAG_VOID_S and fell_back and not judge.assume(False, f"{text}; the machine stood still: {lag_s:.2f} s")
    )
