"""docs/faults.md, written from the fault catalogue itself: `python -m rig.faults.docs` renews it."""

from itertools import groupby
from pathlib import Path

from rig.faults.catalogue import FAMILIES, faults
from rig.paths import shipped

DOCS = shipped("docs", "faults.md")
HEAD = """# Faults

What `rig chaos` can do to a stack, written from the catalogue (`python -m rig.faults.docs` renews this page). Each fault is confirmed from outside before it
counts, taken back, and seen to have healed; otherwise the campaign is inconclusive. `rig chaos --fault 'read-only'` runs one by itself, under
traffic, and judges the invariants. What a fault changes as it must is not judged under it, and the run says so. Of what is marked `hardened` the contract does not speak: at level contract
it is told what a server does then, and fails nothing but a server that leaves, a 5xx while Postgres is well (or a 500 at any time), and a request after the fault that has no answer within 10 s.

A new fault is one class in a file of `rig/faults/`, nothing else: name, family, one sentence, `inject`, how it is seen to be active, `remove`; and what a check has to know:
whether every command of an instance fails (`outage`), whether its connections notice (`noticed`), whether a seed has to follow (`seeds`),
whether the instances give no answer meanwhile (`down`), whether what was acknowledged is undone (`rewinds`), whether
instances have another Valkey than the rest (`parts`), whether the contract does not speak of it (`beyond`). Why an invariant is not judged stands beside the `exempt_checks` of its class.
"""


def page() -> str:
    """The whole page, a table a family."""
    parts = [HEAD]
    for family, found in groupby(faults().values(), key=lambda fault: fault.family):
        rows = [
            f"| `{fault.name}` | {fault.shows} | {', '.join(fault.requirements)} | {', '.join(fault.exempt_checks)} |"
            f" {'hardened' if fault.beyond else ''} |"
            for fault in found
        ]
        parts.append(
            f"## {family.capitalize()}: {FAMILIES[family]}\n\n| fault | what happens | needs | not judged | level |\n"
            "|---|---|---|---|---|"
        )
        parts[-1] += "\n" + "\n".join(rows) + "\n"
    return "\n".join(parts)


def write(path: Path = DOCS) -> None:
    path.write_text(page())


if __name__ == "__main__":
    write()
