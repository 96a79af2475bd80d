"""A line of what `rig doctor` tells."""

import subprocess
from collections.abc import Callable
from dataclasses import dataclass

from rig.stack import StackError


@dataclass(frozen=True)
class Finding:
    """One line of the table. `state`: ok, note (a run does without it), or missing (no run without it)."""

    what: str
    state: str
    found: str
    to_do: str = ""


def looked_at(what: str, check: Callable[[], Finding], to_do: str = "see left") -> Finding:
    """The check's finding; where the check fails, one that says why, under the name `what`."""
    try:
        return check()
    except (StackError, OSError, subprocess.SubprocessError) as error:
        return Finding(what, "missing", str(error), to_do)
