"""Explores the specifications of the protocol: `rig model`, a run like every other."""

import json
import math
import shlex
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import msgspec
from rich.console import Console
from typer import echo

from rig.checks.model.explorations import items_of
from rig.config import Settings
from rig.model.language import Mutant
from rig.record import Run
from rig.record.lines.common import PlannedSpec, Weakness
from rig.record.verdict import EXIT_INTERRUPTED
from rig.results.model import violations
from rig.runs.common.conclude import conclude
from rig.runs.common.replay import replay_command
from rig.runs.common.run_facts import run_facts
from rig.runs.common.session import Session, run_session
from rig.runs.model.jobs import Job, Pool
from rig.runs.model.specifications import SUFFIX, Found, bounded, refuse_unused, select, select_mutant
from rig.runs.model.summary import told_bounds

WORKERS = 2
BUDGET_S = {False: 600.0, True: 2700.0}  # by whether the deep bounds are explored too
JOB_S = {False: 300.0, True: 600.0}
STATES_MAX = {False: 3_000_000, True: 6_000_000}
MEMORY_MB = 1900  # of each process: 4 GB are enough for the whole run


def list_specs(words: Sequence[str] = ()) -> int:
    """Print each specification: its bounds, its invariants, its mutants."""
    for found in select(words):
        spec = found.spec
        echo(f"{spec.name}: {spec.title} ({len(spec.actions)} actions, {len(found.rules)} rules)")
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
    """The whole command; returns its exit code. UsageError for what can't be run at all."""
    from rig.report import print_summary
    from rig.report.model import print_control

    chosen = select(words)
    changed: Mutant | None = None
    if mutant is not None:
        found, changed = select_mutant(mutant, chosen)
        chosen = [found]
    refuse_unused(given, chosen)
    jobs = plan_jobs(chosen, changed, given, deep=deep, control=control)
    command = command_of(words, mutant, given, deep, control, settings)
    seconds = BUDGET_S[deep]
    echo(f"{counted(len(chosen), 'specification')}, {counted(len(jobs), 'process', 'processes')}, {WORKERS} at a time")
    specs = [plan_spec(found, jobs, changed) for found in chosen]
    items = [item for spec in specs for item in items_of(spec)]
    bounds = {item: within(specs, item) for item in items}
    replays = {found.spec.name: command_of([found.source], mutant, given, deep, control, settings) for found in chosen}
    plan = {
        "specs": msgspec.to_builtins(specs),
        "scenario": "exploration",
        "bounds": bounds,
        "replays": {item: replays[item.partition("/")[0]] for item in items},
    }
    meta = {"command": command, "random_seed": None, "strict": settings.strict, **run_facts(settings)}
    with run_session("model", settings.reports, 0, items=items, replay=command, meta=meta, plan=plan) as session:
        if changed is not None:
            session.recorder.add(Weakness(t=time.time(), text=said_of_mutant(changed)))
        Pool(session, jobs, WORKERS, seconds).run()
    for file in session.directory.logs.glob("*.pickle"):
        file.unlink()
    results = conclude(session.directory)
    files = keep_violations(session)
    console = Console()
    print_control(results, console)
    for file in files:
        echo(f"step by step: rig model --replay {shlex.quote(str(file))}")
    print_summary(results, session.directory)
    return EXIT_INTERRUPTED if session.interrupted else int(results["exit_code"])


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
        (found,) = chosen
        narrow = {**found.spec.small, **changed.bounds, **{k: v for k, v in given.items() if k in found.spec.small}}
        wide = [{**bounds, **changed.bounds} for bounds in bounded(found.spec, given, deep)]
        for number, bounds in enumerate([narrow, *(bounds for bounds in wide if bounds != narrow)]):
            jobs.append(
                Job("explore", found.source, found.spec.name, bounds, sorted(changed.without), changed.name,
                    number=number, chained=number > 0, **limits)
            )  # fmt: skip
        return jobs
    every = [(found, bounds) for found in chosen for bounds in bounded(found.spec, given, deep)]
    every.sort(key=lambda one: -math.prod(number + 1 for number in one[1].values()))
    for found, bounds in every:
        jobs.append(Job("explore", found.source, found.spec.name, bounds, number=len(jobs), **limits))
    for found in chosen if control else ():
        after = [job.number for job in jobs if job.source == found.source and job.do == "explore"]
        # Processes of a process find no specification that comes from a file.
        workers = 1 if found.source.endswith(SUFFIX) else WORKERS
        jobs.append(
            Job("control", found.source, found.spec.name, dict(found.spec.small), number=len(jobs), after=after,
                workers=workers, thorough=deep, **{**limits, "seconds_max": BUDGET_S[deep]})
        )  # fmt: skip
    return jobs


def plan_spec(found: Found, jobs: Sequence[Job], changed: Mutant | None) -> PlannedSpec:
    """What the judging has to know of a specification, as it stands in the record's plan."""
    spec = found.spec
    own = [job for job in jobs if job.spec == spec.name]
    explorations = [job for job in own if job.do == "explore"]
    return PlannedSpec(
        name=spec.name,
        title=spec.title,
        file=spec.file,
        invariants=[(one.number, one.title) for one in spec.invariants],
        actions=[one.name for one in spec.actions],
        explorations=[job.number for job in explorations if not job.chained],
        explorations_told={str(job.number): told_bounds(job.bounds) for job in explorations},
        controlled=any(job.do == "control" for job in own),
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
    said = ["rig", "model", *(word for spec in words for word in ("--spec", spec))]
    said += ["--mutant", mutant] if mutant is not None else []
    said += [word for name, number in given.items() for word in (f"--{name}", str(number))]
    said += ["--deep"] * deep + ["--no-control"] * (not control)
    return replay_command(said, settings)


def keep_violations(session: Session) -> list[Path]:
    """A file for each violation of the record, as `--replay` reads it."""
    files = []
    for name, _, violation in violations(Run.load(session.directory)):
        file = session.directory.path / name
        file.write_text(json.dumps(msgspec.to_builtins(violation), indent=1) + "\n")
        files.append(file)
    return files
