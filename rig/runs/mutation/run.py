"""Runs the mutants of the catalogue, each with one defect, and checks that exactly the expected items fail."""

import json
import random
import time
from collections.abc import Sequence
from typing import Any

from typer import echo

from rig.config import Settings
from rig.record import RunDirectory
from rig.record.verdict import EXIT_INTERRUPTED
from rig.report.formats import files
from rig.results.last_run import failed_of_last, tell_none
from rig.runs.common.progress_bar import ProgressBar
from rig.runs.common.replay import replay_command
from rig.runs.common.run_facts import run_facts
from rig.runs.common.seeds import draw_random_seed
from rig.runs.common.session import open_directory
from rig.runs.mutation.catalogue import Entry, draw_sample, read_catalogue, select_entries
from rig.runs.mutation.docs import write_docs
from rig.runs.mutation.jobs import Proving
from rig.runs.mutation.outcome import Outcome, Proof
from rig.runs.mutation.report import markdown, plain_line, print_outcomes, results_of
from rig.terminal import console, print_result

WORKERS = 6  # most of their time passes in waits; more starve each other on two cores
SHOWN_MAX = 70  # columns of the progress bar's text


def list_entries(names: Sequence[str] = (), only: Sequence[str] = ()) -> int:
    """Print each mutant selected: its defect, the items that must fail, where it is declared."""
    for entry in select_entries(read_catalogue(), names, only):
        echo(f"{entry.name}: {entry.sentence} ({', '.join(entry.fails)}) {entry.where}")
    return 0


def run(
    settings: Settings,
    names: list[str],
    only: list[str],
    *,
    sample: bool,
    cross: bool,
    docs: bool = False,
    failed: bool = False,
) -> int:
    """Run the command; returns its exit code. `failed`: only the mutants that were not caught in the last run.

    Raises UsageError for what cannot be run at all.
    """
    if failed:
        missed = {item["id"] for item in failed_of_last(settings.reports, "prove")}
        names = [entry.name for entry in select_entries(read_catalogue(), names, only) if entry.name in missed]
        only = []
        if not names:
            if missed:
                tell_none("of those selected")
            return 0
    seed = draw_random_seed(settings.random_seed)
    entries = select_entries(read_catalogue(), names, only)
    entries = draw_sample(entries, seed) if sample else entries
    workers = min(settings.workers or WORKERS, len(entries))
    command = command_of(names, only, sample, cross, settings, seed)
    echo(f"random seed {seed}: {len(entries)} mutants, {workers} at a time")
    directory = open_run(settings, seed, command, cross)
    outcomes, interrupted = prove(entries, directory, cross, seed, workers, settings.ready_within_s)
    results = results_of(json.loads(directory.meta.read_text()), outcomes, time.time(), interrupted)
    files.write(directory.results, json.dumps(results, indent=1) + "\n")
    summary = directory.path / "summary.md"
    files.write(summary, markdown(results))
    out = console()
    print_outcomes(results, out)
    print_result(results["verdict"], summary)
    if docs:
        out.print(f"renewed      {write_docs(read_catalogue(), outcomes)}", soft_wrap=True)
    out.print(f"replay       {command}", soft_wrap=True)
    out.print(f"report       {summary}", soft_wrap=True)
    return EXIT_INTERRUPTED if interrupted else int(results["exit_code"])


def command_of(
    names: Sequence[str], only: Sequence[str], sample: bool, cross: bool, settings: Settings, seed: int
) -> str:
    words = ["rig", "prove", *names, *(["--only", ",".join(only)] if only else [])]
    words += ["--sample"] * sample + ["--cross"] * cross
    return replay_command(words, settings, seed)


def open_run(settings: Settings, seed: int, command: str, cross: bool) -> RunDirectory:
    meta: dict[str, Any] = {
        "command": command,
        "cadence": "fast",
        "level": "hardened",
        "cross": cross,
        **run_facts(settings),
    }
    return open_directory(settings.reports, "prove", seed, meta)


def prove(
    entries: Sequence[Entry], directory: RunDirectory, cross: bool, seed: int, workers: int, ready_within_s: float
) -> tuple[list[Outcome], bool]:
    """The outcome of each entry, in the order given, and whether Ctrl-C ended the run. Each is shown as it comes.

    They run in an order drawn from the random seed: the catalogue's would let those run together that need much.
    """
    shuffled = random.Random(seed).sample(entries, len(entries))
    proving = Proving(shuffled, directory, cross, seed, workers, ready_within_s)
    outcomes: dict[str, Outcome] = {}
    interrupted = False
    with ProgressBar("mutants", len(entries)) as bar:
        try:
            for outcome in proving.outcomes():
                bar.show(", ".join(job.entry.name for job in proving.running)[:SHOWN_MAX])
                if outcome:
                    bar.show(advance=1)
                    if not bar.drawn or outcome.proof is not Proof.CAUGHT:
                        bar.print(plain_line(outcome))
                    outcomes[outcome.entry.name] = outcome
        except KeyboardInterrupt:
            interrupted = True
        finally:
            proving.let_go()
    return [outcomes.get(entry.name, Outcome(entry, Proof.NOT_RUN)) for entry in entries], interrupted
