"""What did not pass in the last saved runs of a kind: for `--failed`."""

import json
from collections.abc import Callable
from pathlib import Path

from typer import echo

from rig.errors import UsageError
from rig.record import RunDirectory, Verdict
from rig.results.forms import Item, Results
from rig.terminal import print_result

AGAIN = (Verdict.FAILED, Verdict.INCONCLUSIVE, Verdict.BROKEN)


def failed_of_last(reports: Path, kind: str, counts: Callable[[Results], bool] = lambda _: True) -> list[Item]:
    """The items of the last run of this kind that failed, were inconclusive or broken. If there are none, say so.

    `counts` says whether a run is one to look at. Raises UsageError when there is no such run.
    """
    runs = [(directory, results) for directory, results in judged_runs(reports, kind) if counts(results)]
    if not runs:
        raise no_runs(reports, kind)
    directory, results = runs[-1]
    found = [item for item in results["items"] if item["verdict"] in AGAIN]
    if not found:
        tell_none(f"in {directory.path.name}", directory.report)
    return found


def no_runs(reports: Path, kind: str) -> UsageError:
    return UsageError(f"--failed: no judged run of `rig {kind}` in {reports}: run it once without --failed")


def tell_none(where: str, report: Path | str = "") -> None:
    """Say that there is nothing to run again."""
    echo(f"--failed: nothing to run again: every item passed {where}")
    print_result("passed", report)


def judged_runs(reports: Path, kind: str) -> list[tuple[RunDirectory, Results]]:
    """The runs of a kind below `reports`, the oldest first. A run without results, or with damaged ones, is left out."""
    found = []
    for path in reports.glob(f"{kind}-*/results.json"):
        try:
            results = json.loads(path.read_text())
            found.append((float(results["started"]), RunDirectory(path.parent), results))
        except (OSError, ValueError, KeyError, TypeError):
            continue
    return [(directory, results) for _, directory, results in sorted(found, key=lambda one: one[0])]
