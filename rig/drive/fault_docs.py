"""docs/faults.md, written from the fault catalogue itself: `python -m rig.drive.fault_docs` renews it."""

from itertools import groupby
from pathlib import Path

from rig.faults.catalogue import FAMILIES, faults
from rig.stack.paths import CHECKOUT

DOCS = CHECKOUT / "docs" / "faults.md"
HEAD = """# Faults

What `rig chaos` can do to a stack, written from the catalogue (`python -m rig.drive.fault_docs` renews this page). Each fault is confirmed from outside before it
counts, taken back, and seen to have healed; otherwise the campaign is inconclusive. `rig chaos --fault 'read-only'` runs one by itself, under
traffic, and judges the invariants. What a fault changes as it must is in the last column: that is not judged under it, and the run says so.

A new fault is one class in a file of `rig/faults/`, nothing else: name, family, one sentence, `inject`, how it is seen to bite, `remove`; and what a check has to know:
whether every command of an instance fails (`outage`), whether its connections notice (`noticed`), whether a seed has to follow (`seeds`),
whether the instances give no answer meanwhile (`down`), whether what was acknowledged is undone (`rewinds`). Why an invariant is not judged stands beside the `excuses` of its class.
"""


def page() -> str:
    """The whole page, a table a family."""
    parts = [HEAD]
    for family, found in groupby(faults().values(), key=lambda fault: fault.family):
        rows = [
            f"| `{fault.name}` | {fault.shows} | {', '.join(fault.needs)} | {', '.join(fault.excuses)} |"
            for fault in found
        ]
        parts.append(
            f"## {family.capitalize()}: {FAMILIES[family]}\n\n| fault | what happens | needs | not judged |\n|---|---|---|---|"
        )
        parts[-1] += "\n" + "\n".join(rows) + "\n"
    return "\n".join(parts)


def write(path: Path = DOCS) -> None:
    path.write_text(page())


if __name__ == "__main__":
    write()
