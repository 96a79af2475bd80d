"""Gets pinned packages from the package index into a directory, by pip or uv, whichever this environment has."""

import fcntl
import importlib.util
import shutil
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from rig.stack.errors import StackError

Say = Callable[[str], None]


def say_on_stderr(text: str) -> None:
    sys.stderr.write(f"{text}\n")
    sys.stderr.flush()


def install_command(requirements: Path, target: Path) -> list[str | Path]:
    """The command that installs just these pinned wheels into `target`. StackError where there is neither pip nor uv."""
    if importlib.util.find_spec("pip") is not None:
        head: list[str | Path] = [sys.executable, "-m", "pip", "install", "--disable-pip-version-check"]
    elif uv := shutil.which("uv"):  # `uvx` and `uv venv` make environments without pip
        head = [uv, "pip", "install", "--python", sys.executable]
    else:
        raise StackError("this environment has no pip, and there is no uv on PATH: install one of them")
    wheels_only = ["--no-deps", "--require-hashes", "--only-binary", ":all:"]
    return [*head, "--quiet", *wheels_only, "--target", target, "-r", requirements]


@contextmanager
def only_one(lock: Path, what: str, say: Say) -> Iterator[None]:
    """One process at a time; who has to wait says so. `what` is what is got, as `toxiproxy`."""
    with lock.open("w") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            say(f"{what}: another rig is getting it, waiting for that")
            fcntl.flock(file, fcntl.LOCK_EX)
        yield
