"""A run in progress: its directory, what writes its record, and the supervisor of its processes."""

import shlex
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from rig.config import Settings
from rig.environment.stack_spec import level_of
from rig.errors import UsageError
from rig.record import Recorder, RunDirectory, new_run
from rig.record.lines import line_from
from rig.record.lines.common import End, Plan
from rig.stack import StackSpec, Supervisor


@dataclass(frozen=True)
class RunPlan:
    """What a kind of run tells the scaffold before it begins."""

    kind: str
    items: Sequence[str]  # ids that must get a verdict
    command: str  # runs the whole again
    replay: str = ""  # answers one item again, `{item}` stands for its id; without it `command` does
    headline: str = ""
    random_seed: int | None = None
    spec: StackSpec | None = None  # None for a run without a stack
    meta: Mapping[str, Any] = field(default_factory=dict)  # for `run.json`, beside what every run has there
    judging: Mapping[str, Any] = field(default_factory=dict)  # for the line `plan`: `scenario`, `bounds`, ...


@dataclass
class Session:
    """A run in progress: where it is kept, what writes to it, and who owns its processes."""

    directory: RunDirectory
    recorder: Recorder
    supervisor: Supervisor
    random_seed: int
    interrupted: bool = False  # by Ctrl-C or SIGTERM, or by an exception


@contextmanager
def run_session(settings: Settings, plan: RunPlan, facts: Mapping[str, Any]) -> Iterator[Session]:
    """Open the run: the first line of its record is the plan, the last is `end`, which says if it was interrupted.

    Ctrl-C ends the block and goes no further: the caller looks at `interrupted`. `facts` are those of `run_facts`.
    UsageError when the directory cannot be made.
    """
    meta = {**meta_of(settings, plan), **facts}
    directory = open_directory(settings.reports, plan.kind, plan.random_seed or 0, meta)
    with Supervisor.start() as supervisor, recorded(directory, supervisor, plan) as session:
        yield session


def meta_of(settings: Settings, plan: RunPlan) -> dict[str, Any]:
    """What `run.json` says of the plan."""
    meta: dict[str, Any] = {"command": plan.command, "random_seed": plan.random_seed, "strict": settings.strict}
    if plan.spec is not None:
        meta |= {"level": level_of(settings), "schema": settings.schema and str(settings.schema)}
    return {**meta, **plan.meta}


@contextmanager
def recorded(directory: RunDirectory, supervisor: Supervisor, plan: RunPlan) -> Iterator[Session]:
    """Keep the record of a run, from its plan to its end; see `run_session`."""
    told = {"items": list(plan.items), "replay": plan.replay or plan.command, **plan.judging}
    with Recorder(directory) as recorder:
        recorder.add(line_from(Plan, told))
        session = Session(directory, recorder, supervisor, plan.random_seed or 0)
        try:
            yield session
        except KeyboardInterrupt:  # Ctrl-C or SIGTERM ends the run, and what there is of it is judged
            session.interrupted = True
        except BaseException:
            session.interrupted = True
            raise
        finally:
            recorder.add(End(t=time.time(), interrupted=session.interrupted))


def open_directory(reports: Path, kind: str, random_seed: int, meta: Mapping[str, Any]) -> RunDirectory:
    """The directory of a run that starts now, with its `run.json`. UsageError when it cannot be made there."""
    try:
        return new_run(reports, kind, random_seed, {"command": shlex.join(["rig", *sys.argv[1:]]), **meta})
    except OSError as error:
        raise UsageError(f"no run can be kept in {reports} ({error.strerror}): name another with --reports") from None
