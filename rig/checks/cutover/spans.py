"""What several rows work out from the lines of a rehearsal."""

from collections.abc import Sequence

from rig.record import Lines
from rig.record.lines.cutover import CutoverInstance, CutoverStep

ON_Y_ONLY = ("settle", "failover-1", "failover-2", "storm", "settle-again")  # steps in which no server may use X
MOVES = ("switch", "roll-back", "switch-again")


def began(lines: Lines, *names: str) -> list[CutoverStep]:
    """Those of the steps that were begun."""
    return [line for line in lines.of(CutoverStep) if line.name in names and line.state != "waiting"]


def overlaps(lines: Lines) -> dict[str, float | None]:
    """By step that moves instances: how long instances stood on two stores, in seconds.

    It counts from the first one that serves on the new store to the last one that left the old store. None if the step
    ended with instances on both.
    """
    found: dict[str, float | None] = {}
    for name in MOVES:
        moves = [line for line in lines.of(CutoverInstance) if line.step == name]
        if moves:
            found[name] = overlap_s(moves, standing_before(lines, moves[0].t))
    return found


def standing_before(lines: Lines, t: float) -> dict[str, str]:
    """The store of each instance before that moment."""
    standing: dict[str, str] = {}
    for line in sorted(lines.of(CutoverInstance), key=lambda one: one.t):
        if line.t < t:
            standing = {**standing, line.instance: line.store}
    return standing


def overlap_s(moves: Sequence[CutoverInstance], standing: dict[str, str]) -> float | None:
    """Seconds of the overlap of one move; 0 without one. None if somebody never left the old store."""
    arrived = [line for line in moves if line.event == "serves"]
    if not arrived:
        return None
    new = arrived[0].store
    left = {line.instance: line.t for line in moves if line.event == "left"}
    if any(store != new and name not in left for name, store in standing.items()):
        return None
    return max(0.0, max(left.values(), default=0.0) - arrived[0].t)
