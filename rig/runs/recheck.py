"""Judges a saved run again: nothing runs but the checks, on what the files say."""

from rig.config import Settings
from rig.errors import UsageError
from rig.record import resolve_run
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
            told = f"{name!r} is of `rig prove`, made of many runs: judge one of those below {entries} again"
            raise UsageError(told) from None
        raise UsageError(f"cannot judge {name!r} again: its record holds no plan, so nothing had begun") from None
    except KeyError as error:
        raise UsageError(
            f"cannot judge {name!r} again: {error} is missing in its record, or a name that this rig does not know"
        ) from None
    except (FileNotFoundError, ValueError) as error:
        raise UsageError(f"cannot judge {name!r} again: {error}") from None
    print_summary(results, directory)
    return int(results["exit_code"])
