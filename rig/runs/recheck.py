"""Judges a saved run again: nothing runs but the checks, on what the files say."""

from typer import echo

from rig.checks.framework import HARDENED, judge_lines
from rig.checks.protocol.item import ITEM, why_not
from rig.config import Settings
from rig.errors import UsageError
from rig.record import Run, exit_code, resolve_run
from rig.results.judge import NoPlan
from rig.runs.common.conclude import conclude


def run(settings: Settings, name: str) -> int:
    """The exit code that the run deserves; UsageError when there is no such run or it can't be read."""
    from rig.report import print_summary

    try:
        directory = resolve_run(settings.reports, name)
        results = conclude(directory)
    except NoPlan:
        entries = directory.path / "entries"
        if entries.is_dir():
            message = f"{name!r} is of `rig prove`, made of many runs: judge one of those below {entries} again"
            raise UsageError(message) from None
        raise UsageError(f"cannot judge {name!r} again: its record holds no plan, so nothing had begun") from None
    except KeyError as error:
        raise UsageError(
            f"cannot judge {name!r} again: {error} is missing in its record, or a name that this rig does not know"
        ) from None
    except (FileNotFoundError, ValueError) as error:
        raise UsageError(f"cannot judge {name!r} again: {error}") from None
    print_summary(results, directory)
    return int(results["exit_code"])


def by_protocol(settings: Settings, name: str) -> int:
    """Judge a saved campaign by the protocol alone, and print what that finds: the exit code that it deserves.

    UsageError when there is no such run, or when it was not recorded for this.
    """
    from rig.report import evidence

    try:
        directory = resolve_run(settings.reports, name)
        run = Run.load(directory)
    except (FileNotFoundError, ValueError) as error:
        raise UsageError(f"cannot judge {name!r} by the protocol: {error}") from None
    if run.meta["kind"] != "chaos":
        raise UsageError(
            f"cannot judge {name!r} by the protocol: only campaigns are (`rig chaos`), and it is of another kind"
        )
    if why := why_not(run.lines):
        raise UsageError(f"cannot judge {name!r} by the protocol: {why}")
    judgement, shown = judge_lines(ITEM, run.lines, {}, run.meta.get("level", HARDENED))
    echo(f"{ITEM} {judgement.verdict}")
    for sentence in judgement.message.split("; "):
        echo(f"  {sentence}")
    echo(evidence.plain(shown))
    return exit_code(judgement.verdict)
