"""Judges a saved run again: nothing runs but the checks, on what the files say."""

from rig.config import Settings
from rig.drive.session import conclude
from rig.drive.usage import UsageError
from rig.record import resolve_run


def run(settings: Settings, name: str) -> int:
    """The exit code that the run deserves; UsageError when there is no such run or it can't be read."""
    from rig.report import print_summary

    try:
        directory = resolve_run(settings.reports, name)
        results = conclude(directory)
    except (FileNotFoundError, ValueError, KeyError, StopIteration) as error:
        raise UsageError(f"cannot judge {name!r} again: {error or 'its record holds no plan'}") from None
    print_summary(results, directory)
    return int(results["exit_code"])
