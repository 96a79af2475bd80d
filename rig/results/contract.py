"""The figures of a contract run: how many of its pairs were reached."""

from rig.checks.contract.coverage import reached
from rig.record import Run


def pairs_reached(run: Run) -> dict[str, object]:
    """`measures` for the report, one per dimension of the pairs; empty for a run that planned none."""
    planned = run.meta.get("pairs")
    if not planned:
        return {}
    found = reached(run.lines)
    return {
        "measures": [
            {
                "name": f"pairs of {dimension} reached, of {count:,} planned",
                "value": found.get(dimension, 0),
                "unit": "",
            }
            for dimension, count in planned.items()
        ]
    }
