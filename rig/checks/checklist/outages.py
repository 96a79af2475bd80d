"""What sections G, H and J require of an outage alike: Valkey was away, and each tick was skipped with a line."""

import math
from collections.abc import Iterable, Sequence

from rig.checks.framework import Bounds, Judge
from rig.record.observations.parts import Ping, SkippedTicks, ValkeyReach


def require_stopped(judge: Judge, seen: ValkeyReach) -> None:
    """If Valkey was killed, it answers nobody; if it was cut off, it does not answer the backend."""
    judge.require(not seen.reaches_backend, "Valkey still answers on the backend's address")
    if seen.how == "killed":
        judge.require(seen.direct != "answers", "Valkey was killed, yet it still answers directly")
    judge.note(f"{seen.how}: directly it {seen.direct}, on the backend's address it {seen.through_proxy}")


def assume_outage(judge: Judge, valkey: ValkeyReach) -> None:
    judge.assume(not valkey.reaches_backend, "Valkey still answered the backend")


def require_skip_lines(judge: Judge, seen: SkippedTicks, bounds: Bounds) -> None:
    """An outage of D seconds has from ⌊D/S⌋ − 1 to ⌈D/S⌉ + 1 lines, with a tick each S seconds.

    A line may be written up to `flush_s` after its tick.
    """
    assume_outage(judge, seen.valkey)
    lasted = seen.back_at - seen.stopped_at
    least, most = math.floor(lasted / bounds["every_s"]) - 1, math.ceil(lasted / bounds["every_s"]) + 1
    judge.assume(least >= 2, f"an outage of {lasted:.1f} s is too short to miss a line every {bounds['every_s']:g} s")
    inside = [line for line in seen.lines if seen.stopped_at <= line.at <= seen.back_at]
    late = [line for line in seen.lines if seen.stopped_at <= line.at <= seen.back_at + bounds["flush_s"]]
    what = f"skip lines in an outage of {lasted:.1f} s, at one every {bounds['every_s']:g} s"
    judge.require(len(late) >= least, f"{len(late)} {what}: fewer than {least}")
    judge.require(len(inside) <= most, f"{len(inside)} {what}: more than {most}")
    judge.note(f"{len(inside)} {what}")


def longest_gap_s(pings: Iterable[Ping], mitra: str, since: float, until: float) -> float:
    """The longest time without a ping of that mitra, from the sending of one ping to the answer of the next.

    Pings that were answered 200 count, whatever `is_online` they were answered. The ends of the window count too.
    """
    answered = sorted(
        (ping.at, ping.ended) for ping in pings if ping.id == mitra and ping.status == 200 and since <= ping.at <= until
    )
    if not answered:
        return until - since
    begins = [since, *(at for at, _ in answered)]
    ends = [*(ended for _, ended in answered), until]
    return max(end - begin for begin, end in zip(begins, ends, strict=True))


def owe_pings(judge: Judge, pings: Iterable[Ping], mitra: str) -> None:
    """The mitra is active, so her pings are answered 200. A missing answer is not blamed on the server."""
    for status in sorted({p.status for p in pings if p.id == mitra and p.status not in (None, 200)}, key=str):
        judge.owes(False, f"a ping of mitra {mitra}, whom nobody has barred, was answered {status}")


def assume_pings(
    judge: Judge, pings: Sequence[Ping], mitras: Iterable[str], since: float, until: float, gap_s: float
) -> None:
    """Each of these mitras pinged all the time, with no gap of `gap_s` or more between answered pings."""
    for mitra in mitras:
        owe_pings(judge, pings, mitra)
        gap = longest_gap_s(pings, mitra, since, until)
        judge.assume(gap < gap_s, f"mitra {mitra} had no ping answered 200 for {gap:.2f} s")
