"""The one way through a run that keeps a record: ask the stores, open it, do the work, judge the record, print."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from typer import echo

from rig.config import Settings
from rig.environment.stack_spec import mapped_schema
from rig.record import RunDirectory
from rig.record.verdict import EXIT_INTERRUPTED
from rig.runs.common.conclude import conclude
from rig.runs.common.failures import rescued
from rig.runs.common.run_facts import run_facts, tell_lacks
from rig.runs.common.session import RunPlan, Session, run_session


@dataclass(frozen=True)
class FinishedRun:
    """A run that has ended and was judged; `interrupted`: Ctrl-C ended it."""

    directory: RunDirectory
    results: dict[str, Any]
    interrupted: bool

    @property
    def exit_code(self) -> int:
        return EXIT_INTERRUPTED if self.interrupted else int(self.results["exit_code"])


def carry_out(
    settings: Settings,
    plan: RunPlan,
    work: Callable[[Session], None],
    before_summary: Callable[[FinishedRun], None] = lambda finished: None,
) -> FinishedRun:
    """Make the run and print its summary. An exception of `work` is recorded and judged with the rest.

    UsageError, SpecError or StackError before anything is kept, where the run cannot be made on these stores.
    """
    from rig.report import print_summary

    mapped_schema(settings)
    facts = run_facts(settings, plan.spec)
    echo(plan.headline)
    tell_lacks(facts)
    with run_session(settings, plan, facts) as session:
        with rescued(session.recorder):
            work(session)
    finished = FinishedRun(session.directory, conclude(session.directory), session.interrupted)
    before_summary(finished)
    print_summary(finished.results, finished.directory)
    return finished
