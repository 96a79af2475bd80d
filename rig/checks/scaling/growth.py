"""How the cost of an operation grows with the fleet: exponents, and the goals of a growth run."""

import math
from collections.abc import Callable, Sequence

from rig.checks.framework import Bounds, Judge, Kind, whole_run_check
from rig.record import Lines, evidence
from rig.record.evidence import Evidence
from rig.record.lines.scaling import Growth, PingsDuring

# The operations in the order of the report; each is measured in seconds.
OPERATIONS = {
    "reseed": "reseed: the statement that reads the truth → the seed's line",
    "available": "finding the available: GET /internal/mitras/available",
    "beacon": "beacon recompute: a poll after the snapshot is gone",
    "blast": "blast: a chat is paid",
    "offers": "of the blast: writing the offer rows",
    "unnest": "heartbeat mirror: the UPDATE with UNNEST",
    "sweep": "auto-offline tick, everybody fresh: its first command → its last",
}
# With a small fleet only the fixed cost of a request is visible, which does not grow.
FIXED_COST_S = 0.02
SIZES_MIN = 2


def exponent(points: Sequence[tuple[float, float]]) -> float | None:
    """The slope of a least-squares line through (size, cost), both as logarithms; None for fewer than two sizes."""
    logs = [(math.log(size), math.log(cost)) for size, cost in points if size > 0 and cost > 0]
    if len({x for x, _ in logs}) < SIZES_MIN:
        return None
    mean_x = sum(x for x, _ in logs) / len(logs)
    mean_y = sum(y for _, y in logs) / len(logs)
    spread = sum((x - mean_x) ** 2 for x, _ in logs)
    return sum((x - mean_x) * (y - mean_y) for x, y in logs) / spread


Cost = Callable[[Growth], float | None]


def seconds(line: Growth) -> float | None:
    return line.seconds


def floor(line: Growth) -> float | None:
    """What the stores alone need for the same bytes, one command after the other."""
    return line.floor


def batched_floor(line: Growth) -> float | None:
    """What the stores alone need for the same bytes, in batches."""
    return line.packed


def curve(lines: Lines, operation: str, cost: Cost = seconds) -> list[tuple[int, float]]:
    """(size, cost) of one operation, in order of size, without the sizes at which it was not measured."""
    return sorted(
        (line.size, value) for line in lines.of(Growth) if line.operation == operation and (value := cost(line))
    )


def growing(points: Sequence[tuple[int, float]]) -> list[tuple[int, float]]:
    """The points of a curve above the fixed cost; all points if there are too few of these."""
    risen = [point for point in points if point[1] >= FIXED_COST_S]
    return risen if len(risen) > SIZES_MIN else list(points)


def largest(judge: Judge, lines: Lines, operation: str, bounds: Bounds) -> Growth | None:
    """The operation at the largest size. None if it was not measured, or if the fleet is too small: then inconclusive."""
    own = [line for line in lines.of(Growth) if line.operation == operation and line.seconds]
    if not judge.assume(own, f"{operation} was not measured"):
        return None
    last = max(own, key=lambda line: line.size)
    reaches = last.size >= bounds["size"]
    judge.assume(reaches, f"only {last.size} mitras were measured: the goal is of {bounds['size']:g}")
    return last if reaches else None


def table(lines: Lines, operation: str) -> Evidence:
    """The costs of one operation by size, as evidence."""
    floors = dict(curve(lines, operation, floor))
    rows = [
        f"{size:>7} mitras: {cost:.4f} s" + (f", floor {floors[size]:.4f} s" if size in floors else "")
        for size, cost in curve(lines, operation)
    ]
    return evidence.log(OPERATIONS[operation], rows)


@whole_run_check("GROWTH-01", "BE", "No operation grows faster than the fleet", Kind.CLAIM)
def grows_no_faster(judge: Judge, lines: Lines, bounds: Bounds) -> None:
    """The exponent of each operation, from the sizes at which it costs more than a request's fixed cost."""
    reached = max((line.size for line in lines.of(Growth)), default=0)
    judge.assume(reached >= bounds["size"], f"{reached} mitras are too few to tell: the fixed cost outweighs the rest")
    for operation in OPERATIONS:
        points = growing(curve(lines, operation))
        found = exponent(points)
        judge.show(table(lines, operation))
        judge.assume(found is not None, f"{operation} was measured at fewer than two sizes")
        if found is None:
            continue
        judge.require(found <= bounds["exponent"], f"{operation} grows by the exponent {found:.2f}")
        judge.note(f"{operation} {found:.2f}")


@whole_run_check("GROWTH-02", "BE", "A reseed takes no longer than twice the same bytes through a pipeline", Kind.CLAIM)
def reseeds_near_its_floor(judge: Judge, lines: Lines, bounds: Bounds) -> None:
    last = largest(judge, lines, "reseed", bounds)
    if last is not None and last.seconds and judge.assume(last.floor, "the floor was not measured") and last.floor:
        judge.show(table(lines, "reseed"))
        judge.within(f"the reseed of {last.size} mitras", last.seconds, bounds["times"] * last.floor)
        judge.note(f"{last.seconds / last.floor:.2f} times the floor of {last.floor:.2f} s")


@whole_run_check("GROWTH-03", "BE", "Who is available is found within a second", Kind.CLAIM)
def finds_the_available(judge: Judge, lines: Lines, bounds: Bounds) -> None:
    last = largest(judge, lines, "available", bounds)
    if last is not None:
        judge.show(table(lines, "available"))
        judge.within(f"finding the available of {last.size}", last.seconds, bounds["within_s"])


def unhindered(judge: Judge, lines: Lines, bounds: Bounds, during: str) -> None:
    found = [line for line in lines.of(PingsDuring) if line.during == during]
    if not judge.assume(found, f"no pings were sent during a {during}"):
        return
    last = max(found, key=lambda line: line.size)
    text = f"pings during a {during} at {last.size} mitras: p99 {last.p99_ms:.1f} ms"
    judge.show(evidence.timing(text, last.p99_ms / 1000, bounds["p99_ms"] / 1000))
    judge.require(not last.failed, f"{last.failed} of {last.sent} pings were not answered 200")
    judge.assume(last.sent >= bounds["pings"], f"only {last.sent} pings fell into it")
    judge.assume(
        last.calm_p99_ms <= bounds["p99_ms"],
        f"even in calm their p99 was {last.calm_p99_ms:.1f} ms: this machine is too busy",
    )
    judge.require(last.p99_ms <= bounds["p99_ms"], f"{text}, slowest {last.slowest_ms:.1f} ms")
    judge.note(f"{text} of {last.sent}, slowest {last.slowest_ms:.1f} ms, in calm {last.calm_p99_ms:.1f} ms")


@whole_run_check("GROWTH-04", "BE", "A blast does not keep pings waiting", Kind.CLAIM)
def pings_during_a_blast(judge: Judge, lines: Lines, bounds: Bounds) -> None:
    unhindered(judge, lines, bounds, "blast")


@whole_run_check(
    "GROWTH-05", "BE", "Pings are answered within the bound of an outage while all is seeded anew", Kind.CLAIM
)
def pings_during_a_reseed(judge: Judge, lines: Lines, bounds: Bounds) -> None:
    unhindered(judge, lines, bounds, "reseed")
