"""What sections G and H ask of an outage alike: it bit, and each tick in it was skipped with a line."""

import math
from collections.abc import Iterable, Sequence

from rig.checks.framework import Bounds, Judge, Seen


def require_stopped(judge: Judge, seen: Seen) -> None:
    """Valkey as seen from both ends: killed, nobody gets an answer; cut off, the backends get none."""
    judge.require(seen["through_proxy"] != "answers", "Valkey still answers on the backend's address")
    if seen["how"] == "killed":
        judge.require(seen["direct"] != "answers", "Valkey was killed, yet it still answers directly")
    judge.note(f"{seen['how']}: directly it {seen['direct']}, on the backend's address it {seen['through_proxy']}")


def require_skip_lines(judge: Judge, seen: Seen, bounds: Bounds) -> None:
    """In an outage of D between ⌊D/S⌋ − 1 and ⌈D/S⌉ + 1 lines; a line may be flushed up to `flush_s` after its tick."""
    judge.assume(seen["valkey"]["through_proxy"] != "answers", "Valkey still answered the backend")
    lasted = seen["back_at"] - seen["stopped_at"]
    least, most = math.floor(lasted / bounds["every_s"]) - 1, math.ceil(lasted / bounds["every_s"]) + 1
    judge.assume(least >= 2, f"an outage of {lasted:.1f} s is too short to miss a line every {bounds['every_s']:g} s")
    inside = [at for at, _ in seen["lines"] if seen["stopped_at"] <= at <= seen["back_at"]]
    late = [at for at, _ in seen["lines"] if seen["stopped_at"] <= at <= seen["back_at"] + bounds["flush_s"]]
    what = f"skip lines in an outage of {lasted:.1f} s, at one every {bounds['every_s']:g} s"
    judge.require(len(late) >= least, f"{len(late)} {what}: fewer than {least}")
    judge.require(len(inside) <= most, f"{len(inside)} {what}: more than {most}")
    judge.note(f"{len(inside)} {what}")


def longest_gap_s(pings: Iterable[Seen], mitra: str, since: float, until: float) -> float:
    """The longest time without a ping of that mitra, from one's sending to the next one's answer.

    Pings answered 200 count, whatever they say of `is_online`: that is the server's doing. So do the window's ends.
    """
    taken: list[tuple[float, float]] = sorted(
        (ping["at"], ping["ended"])
        for ping in pings
        if ping["id"] == mitra and ping["status"] == 200 and since <= ping["at"] <= until
    )
    if not taken:
        return until - since
    sent = [since, *(at for at, _ in taken)]
    answered = [*(ended for _, ended in taken), until]
    return max(end - begin for begin, end in zip(sent, answered, strict=True))


def owe_pings(judge: Judge, pings: Iterable[Seen], mitra: str) -> None:
    """Nobody bars that mitra: an answer other than 200 is the server's, where one came at all."""
    for status in sorted({p["status"] for p in pings if p["id"] == mitra and p["status"] not in (None, 200)}):
        judge.owes(False, f"a ping of mitra {mitra}, whom nobody has barred, was answered {status}")


def assume_pings(
    judge: Judge, pings: Sequence[Seen], mitras: Iterable[str], since: float, until: float, gap_s: float
) -> None:
    """Every one of these mitras kept pinging and was answered, with no gap of `gap_s` or more."""
    for mitra in mitras:
        owe_pings(judge, pings, mitra)
        gap = longest_gap_s(pings, mitra, since, until)
        judge.assume(gap < gap_s, f"mitra {mitra} had no ping answered 200 for {gap:.2f} s")
