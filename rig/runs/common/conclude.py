"""From a saved run to its results and reports."""

import json
from typing import Any

from rig.record import Run, RunDirectory
from rig.results.judge import judge_run


def conclude(directory: RunDirectory) -> dict[str, Any]:
    """Judge the saved run, write `results.json` and render every report from it. The same files give the same results."""
    from rig.report import render

    results = judge_run(Run.load(directory))
    temporary = directory.results.with_suffix(".tmp")
    temporary.write_text(json.dumps(results, indent=1) + "\n")
    temporary.replace(directory.results)
    render(results, directory)
    return results
