"""A run of the checklist that pytest itself began (in an editor, or by `pytest features`): what the driver does otherwise."""

import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from rig import caller
from rig.config import HANDED, Settings, read
from rig.environment.stack_spec import mapped_schema, stack_spec
from rig.paths import CHECKOUT
from rig.runs.checklist.pytest_process import handed_over
from rig.runs.checklist.run import plan_of
from rig.runs.checklist.selection import select_items
from rig.runs.common.conclude import conclude
from rig.runs.common.run_facts import run_facts
from rig.runs.common.seeds import draw_random_seed
from rig.runs.common.session import Session, run_session
from rig.stack.processes.process import ENVIRONMENT_NAME


@contextmanager
def a_run_of(items: Sequence[str], messages: list[str]) -> Iterator[Session]:
    """Open a run of these boxes by the settings of the environment; at its end it is judged, and a line with the report's path is added to `messages`."""
    with caller.settled():
        settings = settings_here()
        spec = stack_spec(settings, Path("."))
        mapped_schema(settings)
        facts = run_facts(settings, spec)  # refuses stores that must not be touched
        plan = plan_of(settings, spec, select_items(items), [], draw_random_seed(settings.random_seed))
        with run_session(settings, plan, facts) as session:
            os.environ |= session.supervisor.environment
            os.environ[HANDED] = handed_over(session, spec, list(items), settings)
            try:
                yield session
            finally:
                del os.environ[HANDED], os.environ[ENVIRONMENT_NAME]
        results: dict[str, Any] = conclude(session.directory)
        messages += [f"{results['verdict']}: {session.directory.report}"]


def settings_here() -> Settings:
    """Those of the environment; reports go into the checkout, if there is one, wherever pytest was started."""
    settings = read()
    return settings.model_copy(update={"reports": (CHECKOUT or Path.cwd()) / settings.reports, "keep": False})
