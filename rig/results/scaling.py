"""The curves of a growth run, from its record, as plain JSON for the report."""

from rig.checks.scaling.growth import OPERATIONS, batched_floor, curve, exponent, floor, growing
from rig.record import Run
from rig.record.lines.scaling import Growth, Memory, PingsDuring

FLOORS = {"floor": floor, "packed": batched_floor}


def growth_figures(run: Run) -> dict[str, object]:
    """`growth`: curve, floors and exponent of each operation, and memory by size, for the report."""
    operations = []
    for operation, title in OPERATIONS.items():
        points = curve(run.lines, operation)
        floors = {name: curve(run.lines, operation, cost) for name, cost in FLOORS.items()}
        operations.append({
            "name": operation, "title": title, "points": points, "exponent": exponent(growing(points)),
            "floors": {name: costs for name, costs in floors.items() if costs},
        })  # fmt: skip
    memory = run.of(Memory)
    found = []
    for line in run.of(PingsDuring):
        during = f"pings during a {line.during} at {line.size:,} mitras"
        found.append(_measure(f"{during}: pings", line.sent, ""))
        found.append(_measure(f"{during}: p50", line.p50_ms, "ms"))
        found.append(_measure(f"{during}: p99", line.p99_ms, "ms"))
        found.append(_measure(f"{during}: slowest", line.slowest_ms, "ms"))
    return {
        "growth": {
            "sizes": sorted({line.size for line in run.of(Growth)}),
            "operations": operations,
            "memory": {
                "Valkey, B each": [[line.size, round(line.bytes_a_mitra)] for line in memory],
                "Valkey, MB": [[line.size, round(line.valkey_bytes / 1e6, 1)] for line in memory],
                "server, MB": [[line.size, round(line.server_rss / 1e6)] for line in memory],
            },
        },
        "measures": found,
    }


def _measure(name: str, value: float, unit: str) -> dict[str, object]:
    return {"name": name, "value": value, "unit": unit, "limit": None}
