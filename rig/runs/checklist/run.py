"""Runs the checklist: features through pytest on one or two workers, then verdicts and a report."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from rig.checks.checklist.fault_conditions import FaultCondition
from rig.config import Settings
from rig.environment.stack_spec import stack_spec
from rig.faults.catalogue import fault_named
from rig.faults.requirements import Requirement
from rig.paths import shipped
from rig.runs.checklist.pytest_process import WORKERS, run_features, workers_for
from rig.runs.checklist.scenario_log import owed
from rig.runs.checklist.selection import failed_items, only_words, select_items
from rig.runs.common.replay import ITEM, replay_command
from rig.runs.common.scaffold import FinishedRun, carry_out
from rig.runs.common.seeds import draw_random_seed
from rig.runs.common.session import RunPlan, Session
from rig.stack import StackSpec
from rig.stack.embedded.toxiproxy_binary import toxiproxy_binary


def run(settings: Settings, only: list[str], failed: bool = False) -> int:
    """Run the command; returns its exit code. `failed`: of these items only those that did not pass in the last run.

    Raises UsageError for what cannot be run at all.
    """
    if failed and not (only := failed_items(settings.reports, only)):
        return 0
    return run_once(settings, only, draw_random_seed(settings.random_seed)).exit_code


def run_once(settings: Settings, only: list[str], seed: int, under: FaultCondition | None = None) -> FinishedRun:
    """One run of the checklist with this random seed. `under`: a fault that is injected before each scenario."""
    items = select_items(only)
    spec = stack_spec(settings, Path("."))
    if under is not None and Requirement.POSTGRES_PROXY in fault_named(under.fault).requirements:
        spec = replace(spec, truth_proxied=True)
    workers = workers_for(items, settings.workers or WORKERS, bool(spec.postgres or spec.valkey))

    def work(session: Session) -> None:
        prepare(session, spec)
        run_features(session, spec, items, settings, workers, under)

    plan = plan_of(settings, spec, items, only, seed, under)
    return carry_out(settings, replace(plan, judging={"owed": owed(shipped("features"), items)}), work)


def prepare(session: Session, spec: StackSpec) -> None:
    """Have what the first run on a machine builds, before pytest starts, so that the user sees its build."""
    if not (spec.toxiproxy or spec.attached):
        toxiproxy_binary(session.supervisor)


def plan_of(
    settings: Settings,
    spec: StackSpec,
    items: Sequence[str],
    only: Sequence[str],
    seed: int,
    under: FaultCondition | None = None,
) -> RunPlan:
    """A run of these boxes; `only` are the words that asked for them."""
    words = ["rig", "checklist"] if under is None else ["rig", "chaos", "matrix", "--class", under.name]
    return RunPlan(
        "checklist",
        items,
        command=replay_command([*words, *only_words(only)], settings, seed),
        replay=replay_command([*words, "--only", ITEM], settings, seed),
        headline=f"random seed {seed}",
        random_seed=seed,
        spec=spec,
        meta={"cadence": settings.cadence, **({} if under is None else {"under": under.fault})},
    )
