"""Explores the specifications of the protocol: `rig model`, a run like every other."""

import json
import math
import shlex
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import msgspec
from typer import echo

from rig.checks.model.explorations import items_of
from rig.config import Settings
from rig.model.language import Mutant
from rig.record import Run, RunDirectory
from rig.record.lines.common import PlannedSpec, Weakness
from rig.results.last_run import failed_of_last
from rig.results.model import violations
from rig.runs.common.replay import replay_command
from rig.runs.common.scaffold import FinishedRun, carry_out
from rig.runs.common.session import RunPlan, Session
from rig.runs.model.jobs import Job, Pool
from rig.runs.model.specifications import SUFFIX, Found, bounded, refuse_unused, select, select_mutant
from rig.runs.model.summary import told_bounds
from rig.terminal import console

WORKERS = 2
BUDGET_S = {False: 600.0, True: 2700.0}  # by whether the deep bounds are explored too
JOB_S = {False: 300.0, True: 600.0}
STATES_MAX = {False: 3_000_000, True: 6_000_000}
MEMORY_MB = 1900  # of each process: 4 GB are enough for the whole run


def list_specs(words: Sequence[str] = ()) -> int:
    """Print each specification: its bounds, its invariants, its mutants."""
    for specification in select(words):
        spec = specification.spec
        echo(f"{spec.name}: {spec.title} ({len(spec.actions)} actions, {len(specification.rules)} rules)")
        for bounds in spec.bounds:
            echo(f"  within     {told_bounds(bounds)}")
        for bounds in spec.deep:
            echo(f"  with --deep {told_bounds(bounds)}")
        for one in spec.invariants:
            echo(f"  {one.number:<10} {one.title}")
        for mutant in spec.mutants:
            echo(f"  mutant     {mutant.name} ({', '.join(filter(None, (mutant.finding, 'breaks ' + mutant.breaks)))})")
    return 0


def run(
    settings: Settings,
    words: Sequence[str],
    mutant: str | None,
    given: Mapping[str, int],
    *,
    deep: bool = False,
    control: bool = True,
) -> int:
    """Run the command; returns its exit code. Raises UsageError for what cannot be run at all."""
    from rig.report.model import print_control

    chosen = select(words)
    changed: Mutant | None = None
    if mutant is not None:
        specification, changed = select_mutant(mutant, chosen)
        chosen = [specification]
    refuse_unused(given, chosen)
    jobs = plan_jobs(chosen, changed, given, deep=deep, control=control)
    command = command_of(words, mutant, given, deep, control, settings)
    specs = [plan_spec(specification, jobs, changed) for specification in chosen]
    items = [item for spec in specs for item in items_of(spec)]
    bounds = {item: within(specs, item) for item in items}
    replays = {
        specification.spec.name: command_of([specification.source], mutant, given, deep, control, settings)
        for specification in chosen
    }
    count = f"{counted(len(chosen), 'specification')}, {counted(len(jobs), 'process', 'processes')}"
    plan = RunPlan(
        "model",
        items,
        command=command,
        headline=f"{count}, {WORKERS} at a time",
        judging={
            "specs": msgspec.to_builtins(specs),
            "scenario": "exploration",
            "bounds": bounds,
            "replays": {item: replays[item.partition("/")[0]] for item in items},
        },
    )

    def explore(session: Session) -> None:
        if changed is not None:
            session.recorder.add(Weakness(t=time.time(), text=said_of_mutant(changed)))
        try:
            Pool(session, jobs, WORKERS, BUDGET_S[deep]).run()
        finally:
            for file in session.directory.logs.glob("*.pickle"):
                file.unlink()

    def print_details(finished: FinishedRun) -> None:
        print_control(finished.results, console())
        for file in keep_violations(finished.directory):
            echo(f"step by step: rig model --replay {shlex.quote(str(file))}")

    return carry_out(settings, plan, explore, print_details).exit_code


def run_failed(settings: Settings, given: Mapping[str, int], *, deep: bool, control: bool) -> int:
    """Like `run`, with only the specifications that did not pass in the last run. Exit code 0 when there is none."""
    words = failed_specs(settings.reports)
    return run(settings, words, None, given, deep=deep, control=control) if words else 0


def failed_specs(reports: Path) -> list[str]:
    """The specifications with an item that did not pass in the last run of no mutant, as `--spec` takes them."""
    items = failed_of_last(reports, "model", lambda results: "--mutant" not in shlex.split(results["command"]))
    commands = [shlex.split(item["replay"]) for item in items]
    return list(dict.fromkeys(words[words.index("--spec") + 1] for words in commands))


def counted(number: int, one: str, many: str = "") -> str:
    return f"{number} {one if number == 1 else many or one + 's'}"


def said_of_mutant(changed: Mutant) -> str:
    return (
        f"what was explored is not the protocol but the mutant “{changed.name}”: the protocol without"
        f" {'; '.join(f'“{rule}”' for rule in sorted(changed.without))}. A violation is what it should show"
    )


def plan_jobs(
    chosen: Sequence[Found], changed: Mutant | None, given: Mapping[str, int], *, deep: bool, control: bool
) -> list[Job]:
    """All explorations, those with the widest bounds first, then the negative controls."""
    jobs: list[Job] = []
    limits: dict[str, Any] = {"states_max": STATES_MAX[deep], "seconds_max": JOB_S[deep], "memory_mb": MEMORY_MB}
    if changed is not None:
        (specification,) = chosen
        narrow = {
            **specification.spec.small,
            **changed.bounds,
            **{k: v for k, v in given.items() if k in specification.spec.small},
        }
        wide = [{**bounds, **changed.bounds} for bounds in bounded(specification.spec, given, deep)]
        for number, bounds in enumerate([narrow, *(bounds for bounds in wide if bounds != narrow)]):
            jobs.append(
                Job("explore", specification.source, specification.spec.name, bounds, sorted(changed.without), changed.name,
                    number=number, chained=number > 0, **limits)
            )  # fmt: skip
        return jobs
    every = [(specification, bounds) for specification in chosen for bounds in bounded(specification.spec, given, deep)]
    every.sort(key=lambda one: -math.prod(number + 1 for number in one[1].values()))
    for specification, bounds in every:
        jobs.append(Job("explore", specification.source, specification.spec.name, bounds, number=len(jobs), **limits))
    for specification in chosen if control else ():
        after = [job.number for job in jobs if job.source == specification.source and job.do == "explore"]
        # Processes of a process find no specification that comes from a file.
        workers = 1 if specification.source.endswith(SUFFIX) else WORKERS
        jobs.append(
            Job("control", specification.source, specification.spec.name, dict(specification.spec.small), number=len(jobs), after=after,
                workers=workers, thorough=deep, **{**limits, "seconds_max": BUDGET_S[deep]})
        )  # fmt: skip
    return jobs


def plan_spec(specification: Found, jobs: Sequence[Job], changed: Mutant | None) -> PlannedSpec:
    """What the judging has to know of a specification, as it stands in the record's plan."""
    spec = specification.spec
    jobs_of_spec = [job for job in jobs if job.spec == spec.name]
    explorations = [job for job in jobs_of_spec if job.do == "explore"]
    return PlannedSpec(
        name=spec.name,
        title=spec.title,
        file=spec.file,
        invariants=[(one.number, one.title) for one in spec.invariants],
        actions=[one.name for one in spec.actions],
        explorations=[job.number for job in explorations if not job.chained],
        explorations_told={str(job.number): told_bounds(job.bounds) for job in explorations},
        controlled=any(job.do == "control" for job in jobs_of_spec),
        mutant=changed.name if changed else "",
    )


def within(specs: Sequence[PlannedSpec], item: str) -> dict[str, str]:
    """The bounds of an item, as the report prints them."""
    spec = next(spec for spec in specs if item.startswith(f"{spec.name}/"))
    if item.endswith("/CONTROL"):
        return {}
    return {"within": " / ".join(spec.explorations_told.values())}


def command_of(
    words: Sequence[str], mutant: str | None, given: Mapping[str, int], deep: bool, control: bool, settings: Settings
) -> str:
    """The command that explores the same again."""
    command = ["rig", "model", *(word for spec in words for word in ("--spec", spec))]
    command += ["--mutant", mutant] if mutant is not None else []
    command += [word for name, number in given.items() for word in (f"--{name}", str(number))]
    command += ["--deep"] * deep + ["--no-control"] * (not control)
    return replay_command(command, settings)


def keep_violations(directory: RunDirectory) -> list[Path]:
    """A file for each violation of the record, as `--replay` reads it."""
    files = []
    for name, _, violation in violations(Run.load(directory)):
        file = directory.path / name
        file.write_text(json.dumps(msgspec.to_builtins(violation), indent=1) + "\n")
        files.append(file)
    return files
