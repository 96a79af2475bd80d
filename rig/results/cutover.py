"""The steps, figures and curves of a rehearsal, from its record, as plain JSON for the report and the runbook."""

from collections import defaultdict
from collections.abc import Iterable

import msgspec

from rig.checks.cutover.rows import NOT_SEEN
from rig.checks.cutover.spans import overlaps
from rig.record import Run
from rig.record.lines.base import Line
from rig.record.lines.chaos import Phase
from rig.record.lines.cutover import (
    CutoverAttest,
    CutoverCapacity,
    CutoverDefect,
    CutoverFacts,
    CutoverInstance,
    CutoverLatency,
    CutoverProof,
    CutoverSeed,
    CutoverSql,
    CutoverStep,
    CutoverTraffic,
    CutoverTry,
    CutoverWay,
)

TONES = {"X": "calm", "Y": "coming"}
FAULTS = ("failover-1", "failover-2", "storm")


def cutover_figures(run: Run) -> dict[str, object]:
    """`phases`, `lanes`, `series` and `measures` of every report, and `cutover` for the runbook."""
    phases = [{"name": line.name, "from": line.since, "to": line.until} for line in run.of(Phase)]
    return {
        "phases": phases,
        "lanes": [*stores(run), *faults(run)],
        "series": series(run),
        "measures": measures(run),
        "cutover": {
            "steps": plain(run.of(CutoverStep)),
            "stores": plain(run.of(CutoverFacts)),
            "ways": plain(run.of(CutoverWay)),
            "attested": plain(run.of(CutoverAttest)),
            "planted": plain(run.of(CutoverDefect)),
            "proofs": plain(run.of(CutoverProof)),
            "commands": sorted(line.command for line in run.of(CutoverTry)),
            "not_seen": NOT_SEEN,
        },
    }


def plain(lines: Iterable[Line]) -> list[dict[str, object]]:
    return [msgspec.structs.asdict(line) for line in lines]


def stores(run: Run) -> list[dict[str, object]]:
    """One lane per instance: on which store it served, and when it was being restarted."""
    by_instance: dict[str, list[CutoverInstance]] = defaultdict(list)
    for line in run.of(CutoverInstance):
        by_instance[line.instance].append(line)
    ended = max((line.until for line in run.of(Phase)), default=0.0)
    found: list[dict[str, object]] = []
    for name, moves in sorted(by_instance.items()):
        spans: list[dict[str, object]] = []
        for move, later in zip(moves, [*moves[1:], None], strict=True):
            until = later.t if later is not None else max(ended, move.t)
            serves = move.event == "serves"
            tone, told = (TONES[move.store], f"on {move.store}") if serves else ("recovery", "restarting")
            spans.append({"from": move.t, "to": until, "tone": tone, "name": told})
        found.append({"name": f"instance {name}", "spans": spans, "marks": []})
    return found


def faults(run: Run) -> list[dict[str, object]]:
    spans = [
        {"from": line.since, "to": line.until, "tone": "fault", "name": line.name}
        for line in run.of(Phase)
        if line.name in FAULTS
    ]
    marks = [
        {"t": line.t, "name": f"{line.instance}: {line.store} seeded in {line.seconds} s"}
        for line in run.of(CutoverSeed)
    ]
    found: list[dict[str, object]] = []
    if spans:
        found.append({"name": "faults of Y", "spans": spans, "marks": []})
    if marks:
        found.append({"name": "seeds", "spans": [], "marks": marks})
    return found


def series(run: Run) -> list[dict[str, object]]:
    """SQL and latency over time."""
    sql, took, capacity = run.of(CutoverSql), run.of(CutoverLatency), run.lines.first(CutoverCapacity)
    limit = {"limit": capacity.per_s} if capacity else {}
    found: list[dict[str, object]] = []
    if sql:
        found.append(
            {"name": "SQL", "unit": "transactions/s", "points": [[line.t, line.per_s] for line in sql], **limit}
        )
    if took:
        found.append({"name": "latency, p50", "unit": "ms", "points": [[line.t, line.p50_ms] for line in took]})
        found.append({"name": "latency, p95", "unit": "ms", "points": [[line.t, line.p95_ms] for line in took]})
    return found


def measures(run: Run) -> list[dict[str, object]]:
    """The figures that a reader compares between rehearsals."""
    found = [measure("requests", sum(line.requests for line in run.of(CutoverTraffic)))]
    for name, seconds in overlaps(run.lines).items():
        found.append(measure(f"{name}: instances on two stores", None if seconds is None else round(seconds, 2), "s"))
    for way in run.of(CutoverWay):
        found.append(measure(f"round trip to {way.store}, p50", way.p50_ms, "ms"))
    return found


def measure(name: str, value: float | None, unit: str = "") -> dict[str, object]:
    return {"name": name, "value": value, "unit": unit, "limit": None}
