"""From a saved run to its results and reports."""

import json
from collections.abc import Iterator
from typing import Any

from rig.record import Run, RunDirectory
from rig.record.lines.common import Plan
from rig.results.judge import NoPlan, judge_run


def conclude(directory: RunDirectory) -> dict[str, Any]:
    """Judge the saved run, write `results.json` and render every report from it. The same files give the same results.

    Each part of the run is concluded first, with a report of its own.
    """
    from rig.report import render

    run = Run.load(directory)
    results = judge_run(run, dict(concluded_parts(run)))
    temporary = directory.results.with_suffix(".tmp")
    temporary.write_text(json.dumps(results, indent=1) + "\n")
    temporary.replace(directory.results)
    render(results, directory)
    return results


def concluded_parts(run: Run) -> Iterator[tuple[str, dict[str, Any]]]:
    """The name and the results of each part that has a record with a plan."""
    plan = run.lines.first(Plan)
    for part in plan.parts if plan else ():
        directory = run.directory.part(part.name)
        if not directory.meta.is_file():
            continue
        try:
            yield part.name, conclude(directory)
        except NoPlan:  # it was ended before it began
            continue
