"""Where a run is kept, as its report has to say it: its name, the directory of the reports, the saved logs."""

import os
import shlex
from dataclasses import dataclass
from pathlib import Path

from rig.config import Settings
from rig.record import RunDirectory
from rig.record.archive import UNPACKED
from rig.record.directory import PARTS


@dataclass(frozen=True)
class Place:
    """`reports` is empty where it is the default; `logs` and `parts` (reports of parts) are relative to the report."""

    run_name: str = ""
    reports: str = ""
    logs: tuple[str, ...] = ()
    parts: tuple[str, ...] = ()

    @property
    def options(self) -> str:
        """What a command needs to find the run: `` or ` --reports DIRECTORY`."""
        return f" --reports {shlex.quote(self.reports)}" if self.reports else ""


NOWHERE = Place()  # of a report that stands alone


def place_of(directory: RunDirectory) -> Place:
    """Relative to the current directory where the reports are below it."""
    path = directory.path.resolve()
    logs = (file for file in directory.logs.rglob("*") if file.is_file()) if directory.logs.is_dir() else ()
    found = tuple(sorted(file.relative_to(directory.path).as_posix() for file in logs))
    parts = tuple(
        sorted(file.relative_to(directory.path).as_posix() for file in directory.path.glob(f"{PARTS}/*/report.html"))
    )
    parents = [parent.parent for parent in path.parents if parent.name == UNPACKED]
    if parents:  # of an archive: its digest is no name to type
        return Place(path.name, logs=found, parts=parts)
    return Place(path.name, _reports(path.parent), found, parts)


def _reports(parent: Path) -> str:
    default = Path(Settings.model_fields["reports"].default)
    if parent == default.resolve():
        return ""
    below = parent.is_relative_to(Path.cwd())
    return os.path.relpath(parent) if below else str(parent)
