"""What every kind of run shares: its directory, its supervisor, and the way from the record to verdict and report."""

import shlex
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rig.errors import UsageError
from rig.record import Recorder, RunDirectory, new_run
from rig.record.lines import line_from
from rig.record.lines.common import End, Plan
from rig.stack import Supervisor


@dataclass
class Session:
    """A run in progress: where it is kept, what writes to it, and who owns its processes."""

    directory: RunDirectory
    recorder: Recorder
    supervisor: Supervisor
    random_seed: int
    interrupted: bool = False  # by Ctrl-C or SIGTERM, or by an exception


@contextmanager
def run_session(
    kind: str,
    root: Path,
    random_seed: int,
    *,
    items: list[str],
    replay: str,
    meta: dict[str, Any],
    plan: dict[str, Any] | None = None,
) -> Iterator[Session]:
    """Open the run: its first record line is the plan, its last `end`, which says if it was interrupted.

    Ctrl-C within it ends the block and goes no further: whoever opened it looks at `interrupted`.

    `items` are the ids that must get a verdict, `replay` the command that answers one again, with `{item}`.
    `plan` holds what the judging of a whole run needs besides: its `scenario` and the `bounds` of each item.
    """
    try:
        directory = new_run(root, kind, random_seed, {"command": shlex.join(["rig", *sys.argv[1:]]), **meta})
    except OSError as error:
        raise UsageError(f"no run can be kept in {root} ({error.strerror}): name another with --reports") from None
    with Recorder(directory) as recorder, Supervisor.start() as supervisor:
        recorder.add(line_from(Plan, {"items": items, "replay": replay, **(plan or {})}))
        session = Session(directory, recorder, supervisor, random_seed)
        try:
            yield session
        except KeyboardInterrupt:  # Ctrl-C or SIGTERM ends the run, and what there is of it is judged
            session.interrupted = True
        except BaseException:
            session.interrupted = True
            raise
        finally:
            recorder.add(End(t=time.time(), interrupted=session.interrupted))
