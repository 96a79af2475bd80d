"""What a run judges: the user's label, the commit of the server's sources, the rig's version."""

import subprocess
from importlib.metadata import version
from pathlib import Path
from typing import Any

from rig import caller
from rig.config import Settings
from rig.paths import CHECKOUT
from rig.stack.spec import DEFAULT_SUT

GIT_S = 5.0
DIGITS = 12  # of a commit, for a reader


def judged(settings: Settings) -> dict[str, Any]:
    """Plain data for `run.json`. `commit` is None if the sources are in no git repository, or are not on this machine."""
    place = sources_of(settings)
    commit, changed = state_of(place) if place else (None, None)
    return {
        "label": settings.label,
        "commit": commit,
        "changed": changed,
        "sources": place.resolve().name if place and commit else None,
        "rig": rig_itself(),
    }


def sources_of(settings: Settings) -> Path | None:
    """The working directory of the server's command; None if the user started the server, or it came in a wheel."""
    if settings.base_url is not None:
        return None
    return settings.sut_cwd or (CHECKOUT if settings.sut == DEFAULT_SUT else Path.cwd())


def rig_itself() -> str:
    """Its version, and its commit where it runs from a checkout."""
    # A wheel may lie in somebody's repository (its .venv), whose commit is not the rig's.
    commit, changed = state_of(CHECKOUT) if CHECKOUT else (None, None)
    at = f" at {commit[:DIGITS]}{' with uncommitted changes' if changed else ''}" if commit else ""
    return version("mirror-rig") + at


def state_of(place: Path) -> tuple[str | None, bool | None]:
    """The commit that is checked out there, and whether files differ from it."""
    commit = git_output(place, "rev-parse", "--verify", "HEAD")
    if not commit:
        return None, None
    changed = git_output(place, "status", "--porcelain", "--untracked-files=no")
    return commit, None if changed is None else bool(changed)


def git_output(place: Path, *words: str) -> str | None:
    """The output of a git command; None if git is missing or fails."""
    command = ["git", "-C", str(place), "--no-optional-locks", *words]
    try:
        done = subprocess.run(command, env=caller.own(), capture_output=True, text=True, timeout=GIT_S)
    except (OSError, subprocess.SubprocessError):
        return None
    return done.stdout.strip() if done.returncode == 0 else None
