"""Proves the checks: runs the broken servers of the catalogue, each of which must make just its own checks fall."""

import json
import random
import time
from collections.abc import Sequence
from typing import Any

from rich.console import Console
from typer import echo

from rig.config import Settings
from rig.record import RunDirectory
from rig.record.verdict import EXIT_INTERRUPTED
from rig.report.formats import files
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

WORKERS = 6  # most of their time passes in waits; more starve each other on two cores
SHOWN_MAX = 70  # columns of the progress bar's text


def list_entries(names: Sequence[str] = (), only: Sequence[str] = ()) -> int:
    """Print each broken server (of those chosen): its defect, what it must fell, where it is declared."""
    for entry in select_entries(read_catalogue(), names, only):
        echo(f"{entry.name}: {entry.sentence} ({', '.join(entry.fails)}) {entry.where}")
    return 0


def run(settings: Settings, names: list[str], only: list[str], *, sample: bool, cross: bool, docs: bool = False) -> int:
    """The whole command; returns its exit code. UsageError for what can't be run at all."""
    seed = draw_random_seed(settings.random_seed)
    entries = select_entries(read_catalogue(), names, only)
    entries = draw_sample(entries, seed) if sample else entries
    workers = min(settings.workers or WORKERS, len(entries))
    command = command_of(names, only, sample, cross, settings, seed)
    echo(f"random seed {seed}: {len(entries)} broken servers, {workers} at a time")
    directory = open_run(settings, seed, command, cross)
    outcomes, interrupted = prove(entries, directory, cross, seed, workers)
    results = results_of(json.loads(directory.meta.read_text()), outcomes, time.time(), interrupted)
    files.write(directory.results, json.dumps(results, indent=1) + "\n")
    summary = directory.path / "summary.md"
    files.write(summary, markdown(results))
    console = Console()
    print_outcomes(results, console)
    if docs:
        console.print(f"renewed      {write_docs(read_catalogue(), outcomes)}", soft_wrap=True)
    console.print(f"replay       {command}", soft_wrap=True)
    console.print(f"report       {summary}", soft_wrap=True)
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
    entries: Sequence[Entry], directory: RunDirectory, cross: bool, seed: int, workers: int
) -> tuple[list[Outcome], bool]:
    """The outcome of each entry, in the order given, and whether Ctrl-C ended the run. Each is shown as it comes.

    They run in an order drawn from the random seed: the catalogue's would let those run together that need much.
    """
    drawn = random.Random(seed).sample(entries, len(entries))
    proving = Proving(drawn, directory, cross, seed, workers)
    outcomes: dict[str, Outcome] = {}
    interrupted = False
    with ProgressBar("broken servers", len(entries)) as bar:
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
