"""Goes on with a soak that was interrupted, killed or cut off by a reboot: the same directory, one report."""

import time

from typer import echo

from rig.checks.soak.growth import observed_spans
from rig.config import Settings
from rig.errors import UsageError
from rig.record import Run, RunDirectory, resolve_run
from rig.record.lines.common import End
from rig.record.lines.soak import SoakPart
from rig.record.verdict import EXIT_INTERRUPTED
from rig.record.writer import Recorder
from rig.report import print_summary
from rig.results.entries import end_of
from rig.runs.common.conclude import conclude
from rig.runs.common.failures import rescued
from rig.runs.common.session import Session
from rig.runs.soak.order import Order, restored, told
from rig.runs.soak.play import play
from rig.stack import Supervisor

LEAST_S = 5.0  # a rest that is shorter than that is not worth a new stack


def resume(settings: Settings, name: str) -> int:
    """The whole command; returns its exit code. UsageError says why the run cannot be resumed."""
    run, order = resumable(settings, name)
    parts = run.of(SoakPart)
    number = max((part.number for part in parts), default=0) + 1
    done_s = sum(end - begin for begin, end in observed_spans(run.lines))
    left_s = order.planned_s - done_s
    if left_s < LEAST_S:
        raise UsageError(f"{run.directory.path} was sampled to its end: `rig recheck {run.directory.path}` judges it")
    last = max((line.t for line in run.lines), default=time.time())
    echo(
        f"soak {run.directory.path.name}: part {number}, {told(round(left_s))} left, not sampled for {told(round(time.time() - last))}"
    )
    with Recorder(run.directory, f"part-{number}") as recorder, Supervisor.start() as supervisor:
        session = Session(run.directory, recorder, supervisor, int(run.meta["random_seed"]))
        try:
            with rescued(recorder):
                play(session, settings, order, number, left_s)
        except KeyboardInterrupt:  # Ctrl-C or SIGTERM: it can be resumed again
            session.interrupted = True
        finally:
            recorder.add(End(t=time.time(), interrupted=session.interrupted))
    results = conclude(run.directory)
    print_summary(results, run.directory)
    return EXIT_INTERRUPTED if session.interrupted else int(results["exit_code"])


def resumable(settings: Settings, name: str) -> tuple[Run, Order]:
    """The run of that name and its order. UsageError if there is none, or if it is of another kind or version, or has ended."""
    try:
        directory: RunDirectory = resolve_run(settings.reports, name)
        run = Run.load(directory)
    except (FileNotFoundError, ValueError) as error:
        raise UsageError(f"--resume {name}: {error}") from None
    if run.meta["kind"] != "soak" or "soak" not in run.meta:
        raise UsageError(f"--resume {name}: it is a run of `rig {run.meta['kind']}`, not of `rig soak`")
    end = end_of(run.lines)
    if end is not None and not end.interrupted:
        raise UsageError(f"--resume {name}: it has ended: `rig recheck {name}` judges it again")
    return run, restored(run.meta["soak"])
