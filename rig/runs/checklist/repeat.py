"""Runs the checklist over and over, each time with another random seed: whoever trusts its red must see it stay green."""

from collections import Counter
from collections.abc import Sequence
from typing import Any

from rich import box
from rich.console import Console
from rich.table import Table
from typer import echo

from rig.config import Settings
from rig.errors import UsageError
from rig.record import Verdict, exit_code, overall
from rig.record.verdict import EXIT_INTERRUPTED
from rig.runs.checklist.run import run_once
from rig.runs.checklist.selection import failed_items, only_words
from rig.runs.common.replay import replay_command
from rig.runs.common.seeds import draw_random_seed, random_seeds
from rig.terminal import console


def run(settings: Settings, only: list[str], times: int, failed: bool = False) -> int:
    """The worst run's exit code, 130 when Ctrl-C ended one. `--random-seed` fixes the seeds of all.

    `failed`: of these items only those that did not pass in the last run.
    """
    if failed and not (only := failed_items(settings.reports, only)):
        return 0
    if settings.keep:
        raise UsageError("--keep holds the stack of one run: leave it out, or leave out --repeat")
    first = draw_random_seed(settings.random_seed)
    runs: list[dict[str, Any]] = []
    interrupted = False
    try:
        for number, seed in enumerate(random_seeds(first, times), 1):
            echo(f"\nrun {number} of {times}, ", nl=False)
            finished = run_once(settings, only, seed)
            runs.append(finished.results)
            if interrupted := finished.interrupted:
                break
    except KeyboardInterrupt:
        interrupted = True
    print_runs(runs, times, console())
    words = ["rig", "checklist", "--repeat", str(times), *only_words(only)]
    echo(f"replay       {replay_command(words, settings, first)}")
    if interrupted:
        return EXIT_INTERRUPTED
    skipped = sum(results["counts"][Verdict.SKIPPED] for results in runs)
    return exit_code(overall(Verdict(results["verdict"]) for results in runs), skipped=skipped, strict=settings.strict)


def print_runs(runs: Sequence[dict[str, Any]], times: int, console: Console) -> None:
    """A row a run with what did not pass in it; then, by box, in how many runs."""
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, show_edge=False, header_style="bright_black")
    for name, right in (("random seed", True), ("verdict", False), ("took", True), ("not passed", False)):
        table.add_column(name, justify="right" if right else "left", no_wrap=name != "not passed")
    fallen: Counter[str] = Counter()
    for results in runs:
        troubles = [item for item in results["items"] if item["verdict"] not in (Verdict.PASSED, Verdict.SKIPPED)]
        fallen.update(f"{item['id']} {item['verdict']}" for item in troubles)
        verdict_text = ", ".join(f"{item['id']} {item['verdict']}" for item in troubles)
        table.add_row(
            str(results["random_seed"]), results["verdict"], f"{results['seconds']:.1f} s", verdict_text or "-"
        )
    console.print()
    console.print(table)
    console.print()
    verdicts = Counter(results["verdict"] for results in runs)
    counts = ", ".join(f"{verdicts[verdict]} {verdict}" for verdict in Verdict if verdicts[verdict])
    console.print(f"{len(runs)} of {times} runs: {counts or 'none was finished'}")
    for verdict_text, number in fallen.most_common():
        console.print(f"{verdict_text} in {number} of {len(runs)}")
    made, voided = (sum(results["observations"][name] for results in runs) for name in ("made", "voided"))
    if made:
        console.print(
            f"{voided} of {made} observations ({voided / made:.1%}) were spoiled by the rig itself and made again"
        )
