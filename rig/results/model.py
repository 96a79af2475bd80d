"""What a report shows of explorations beside the verdicts: bounds and figures, controls, violations."""

import msgspec

from rig.record import Run
from rig.record.lines.model import Control, Explored, Violation


def model_figures(run: Run) -> dict[str, object]:
    """`model`: every exploration, every mutant and dropped rule, every violation with its path."""
    explored = in_order(run)
    mutants = [line.mutant for line in explored if line.mutant]
    return {
        "model": {
            "mutant": mutants[0] if mutants else "",
            "explored": [explored_row(line) for line in explored],
            "control": [plain(line, "t", "kind") for line in run.of(Control)],
            "violations": [
                {**msgspec.to_builtins(violation), "within": line.within, "file": file}
                for file, line, violation in violations(run)
            ],
        }
    }


def in_order(run: Run) -> list[Explored]:
    """The explorations in the order of their jobs; these run side by side."""
    return sorted(run.of(Explored), key=lambda line: line.number)


def violations(run: Run) -> list[tuple[str, Explored, Violation]]:
    """Each violation with its exploration and the name of the file in which the run keeps it."""
    counts: dict[str, int] = {}
    found = []
    for line in in_order(run):
        if line.violation:
            counts[line.spec] = counts.get(line.spec, 0) + 1
            found.append((f"violation-{line.spec}-{counts[line.spec]}.json", line, line.violation))
    return found


def explored_row(line: Explored) -> dict[str, object]:
    """An exploration without its path, but with the broken invariant and the length of the path."""
    violation = line.violation
    return {
        **plain(line, "t", "kind", "taken", "violation"),
        "broken": violation.invariant.number if violation else "",
        "steps": len(violation.steps) if violation else 0,
    }


def plain(line: Explored | Control, *without: str) -> dict[str, object]:
    """The fields of a line as plain JSON, without some of them."""
    fields: dict[str, object] = msgspec.to_builtins(line)
    return {name: value for name, value in fields.items() if name not in without}
