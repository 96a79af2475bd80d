"""Runs the checklist: features through pytest on one or two workers, then verdicts and a report."""

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from typer import echo

from rig.checks.checklist.fault_conditions import FaultCondition
from rig.config import Settings
from rig.environment.stack_spec import level_of, mapped_schema, stack_spec
from rig.faults.catalogue import fault_named
from rig.faults.requirements import Requirement
from rig.paths import shipped
from rig.record.verdict import EXIT_INTERRUPTED
from rig.runs.checklist.pytest_process import WORKERS, run_features, workers_for
from rig.runs.checklist.scenario_log import owed
from rig.runs.checklist.selection import failed_items, only_words, select_items
from rig.runs.common.conclude import conclude
from rig.runs.common.replay import ITEM, replay_command
from rig.runs.common.run_facts import run_facts, tell_lacks
from rig.runs.common.seeds import draw_random_seed
from rig.runs.common.session import run_session
from rig.stack.embedded.toxiproxy_binary import toxiproxy_binary


def run(settings: Settings, only: list[str], failed: bool = False) -> int:
    """Run the command; returns its exit code. `failed`: of these items only those that did not pass in the last run.

    Raises UsageError for what cannot be run at all.
    """
    if failed and not (only := failed_items(settings.reports, only)):
        return 0
    results, interrupted = run_once(settings, only, draw_random_seed(settings.random_seed))
    return EXIT_INTERRUPTED if interrupted else int(results["exit_code"])


def run_once(
    settings: Settings, only: list[str], seed: int, under: FaultCondition | None = None
) -> tuple[dict[str, Any], bool]:
    """One run of the checklist with this random seed: its results, printed too, and whether Ctrl-C ended it.

    `under`: a fault that strikes before each scenario.
    """
    from rig.report import print_summary

    items = select_items(only)
    spec = stack_spec(settings, Path("."))
    if under is not None and Requirement.POSTGRES_PROXY in fault_named(under.fault).requirements:
        spec = replace(spec, truth_proxied=True)
    mapped_schema(settings)
    on = run_facts(settings, spec)
    echo(f"random seed {seed}")
    tell_lacks(on)
    replay, meta = told_of(settings, on, only, seed, under)
    workers = workers_for(items, settings.workers or WORKERS, bool(spec.postgres or spec.valkey))
    plan = {"owed": owed(shipped("features"), items)}
    with run_session("checklist", settings.reports, seed, items=items, replay=replay, meta=meta, plan=plan) as session:
        if not (spec.toxiproxy or spec.attached):
            toxiproxy_binary(session.supervisor)  # here, so that whoever waits for its build sees it
        run_features(session, spec, items, settings, workers, under)
    results = conclude(session.directory)
    print_summary(results, session.directory)
    return {**results, "directory": str(session.directory.path)}, session.interrupted


def told_of(
    settings: Settings, on: Mapping[str, Any], only: list[str], seed: int, under: FaultCondition | None = None
) -> tuple[str, dict[str, Any]]:
    """The command that answers one box again, with ITEM in it, and what the run's meta data say; `on`: of what it is made on."""
    words = ["rig", "checklist"] if under is None else ["rig", "chaos", "matrix", "--class", under.name]
    meta = {
        "command": replay_command([*words, *only_words(only)], settings, seed),
        "cadence": settings.cadence,
        "level": level_of(settings),
        "schema": settings.schema and str(settings.schema),
        "strict": settings.strict,
        **on,
        **({} if under is None else {"under": under.fault}),
    }
    return replay_command([*words, "--only", ITEM], settings, seed), meta
