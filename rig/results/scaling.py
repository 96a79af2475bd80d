"""The curves of a growth run, from its record lines, as plain JSON for the report."""

from typing import Any

from rig.checks.scaling.growth import OPERATIONS, curve, exponent, growing
from rig.record import Run

FLOORS = {"floor": "floor", "packed": "packed"}


def growth_figures(run: Run) -> dict[str, Any]:
    """`growth`: each operation's curve, floors and exponent, and memory by size, as a report draws them."""
    lines = list(run.of("growth"))
    operations = []
    for operation, title in OPERATIONS.items():
        points = curve(lines, operation)
        floors = {name: curve(lines, operation, key) for key, name in FLOORS.items()}
        operations.append({
            "name": operation, "title": title, "points": points, "exponent": exponent(growing(points)),
            "floors": {name: found for name, found in floors.items() if found},
        })  # fmt: skip
    memory = list(run.of("memory"))
    found = []
    for line in run.of("pings_during"):
        during = f"pings during a {line['during']} at {line['size']:,} mitras"
        found.append(_measure(f"{during}: pings", line["sent"], ""))
        found += [_measure(f"{during}: {q}", line[f"{q}_ms"], "ms") for q in ("p50", "p99", "slowest")]
    return {
        "growth": {
            "sizes": sorted({line["size"] for line in lines}),
            "operations": operations,
            "memory": {
                "Valkey, B each": [[line["size"], round(line["bytes_a_mitra"])] for line in memory],
                "Valkey, MB": [[line["size"], round(line["valkey_bytes"] / 1e6, 1)] for line in memory],
                "server, MB": [[line["size"], round(line["server_rss"] / 1e6)] for line in memory],
            },
        },
        "measures": found,
    }


def _measure(name: str, value: float, unit: str) -> dict[str, Any]:
    return {"name": name, "value": value, "unit": unit, "limit": None}
