"""Lines of a rehearsal in which everything went well, for tests of the rows."""

from collections.abc import Sequence

from rig.checks.cutover.rows import ROWS
from rig.record import Lines
from rig.record.lines.base import Line
from rig.record.lines.common import Plan
from rig.record.lines.cutover import (
    CutoverCapacity,
    CutoverFacts,
    CutoverInstance,
    CutoverLook,
    CutoverOffline,
    CutoverProof,
    CutoverSeed,
    CutoverSql,
    CutoverStep,
    CutoverStore,
    CutoverTraffic,
    CutoverTry,
    CutoverWay,
)
from rig.runs.cutover.plan import Pace, steps

BEGAN = 1_000_000.0


def step_line(number: int, name: str, state: str = "done", seconds: float = 1.0) -> CutoverStep:
    return CutoverStep(
        t=BEGAN + number * 10, number=number, name=name, title=name, owner="", precondition="", command="", bound_s=60,
        failed_if="", undo="", no_return=False, state=state, seconds=seconds,
    )  # fmt: skip


def store_line(step: str, store: str, **more: object) -> CutoverStore:
    told = {"calls": {}, "rejected": {}, "errors": {}, "evicted": 0, "connections": 2, **more}
    return CutoverStore(t=BEGAN, step=step, store=store, **told)  # type: ignore[arg-type]


def facts_line(store: str, **more: object) -> CutoverFacts:
    told = {
        "named": "Valkey 8.1", "run_id": f"id of {store}", "policy": "volatile-lru", "used_bytes": 2_000_000,
        "maxmemory_bytes": 1 << 30, "persistence": "no AOF", "dangers": [], "role": "master", **more,
    }  # fmt: skip
    return CutoverFacts(t=BEGAN, store=store, **told)  # type: ignore[arg-type]


def way_line(store: str, p50_ms: float = 0.2, clock_s: float = 0.0) -> CutoverWay:
    return CutoverWay(t=BEGAN, store=store, pings=200, p50_ms=p50_ms, p99_ms=1.0, clock_s=clock_s)


def moves(step: str, store: str, times: Sequence[tuple[str, float, float]]) -> list[Line]:
    """`times`: by instance when it left the old store and when it served on the new one."""
    old = {"X": "Y", "Y": "X"}[store]
    found: list[Line] = []
    for name, left, serves in times:
        found.append(CutoverInstance(t=left, step=step, instance=name, store=old, event="left"))
        found.append(CutoverInstance(t=serves, step=step, instance=name, store=store, event="serves"))
    return found


def good_rehearsal() -> list[Line]:
    """Every line that some row reads."""
    names = [step.name for step in steps(Pace())]
    lines: list[Line] = [Plan(t=BEGAN, items=list(ROWS), replay="rig cutover")]
    lines += [step_line(number, name) for number, name in enumerate(names, 1)]
    lines += [CutoverInstance(t=BEGAN, step="", instance=name, store="X", event="serves") for name in "ab"]
    lines += moves("switch", "Y", [("a", BEGAN + 50, BEGAN + 52), ("b", BEGAN + 53, BEGAN + 55)])
    lines += moves("roll-back", "X", [("a", BEGAN + 90, BEGAN + 92), ("b", BEGAN + 93, BEGAN + 95)])
    for step in names:
        lines += [store_line(step, "X"), store_line(step, "Y", calls={"get": 3})]
        lines.append(CutoverTraffic(t=BEGAN, step=step, requests=100, failed=0, unanswered=0, to_restarting=0))
    for step in ("shadow", "reseed", "settle", "reseed-again", "settle-again"):
        lines.append(CutoverLook(t=BEGAN, step=step, store="Y", differences=[], looks=1))
    for step in ("roll-back", "on-x"):
        lines.append(CutoverLook(t=BEGAN, step=step, store="X", differences=[], looks=1))
    for step in ("reseed", "reseed-again"):
        lines += [
            CutoverSeed(t=BEGAN, step=step, instance=name, store="Y", since="its start", seconds=0.4) for name in "ab"
        ]
    lines += [facts_line("X"), facts_line("Y"), way_line("X"), way_line("Y")]
    lines += [
        CutoverTry(t=BEGAN, command="get", tried=True),
        CutoverOffline(t=BEGAN, judged=4, mitras=12),
        CutoverSql(t=BEGAN, step="switch", per_s=80, over_s=2),
        CutoverCapacity(t=BEGAN, per_s=900, how="measured"),
    ]
    return lines + [CutoverProof(t=BEGAN, row=row, defect="x", at=BEGAN - 60) for row in ROWS]


def without(lines: Sequence[Line], kind: type[Line]) -> Lines:
    """As if nothing of that kind had been recorded."""
    return Lines([line for line in lines if not isinstance(line, kind)])
