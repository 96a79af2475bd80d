"""What the tests of the stack share: a stack on the stub server, and looks at what a rig left behind."""

import os
import shlex
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

from rig.paths import CHECKOUT
from rig.stack import StackSpec

STUB = f"python {shlex.quote(str(Path(__file__).with_name('stack_stub.py')))}"


def spec_of(logs: Path, sut: str = STUB, **more: object) -> StackSpec:
    return StackSpec(logs=logs, sut=sut, **more)  # type: ignore[arg-type]


def until(condition: Callable[[], object], within_s: float = 5.0) -> bool:
    """Whether the condition came true in time."""
    deadline = time.monotonic() + within_s
    while not condition():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.02)
    return True


def alive(pid: int) -> bool:
    """Whether a process exists and is no zombie."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def rig(
    *words: str, cwd: Path = CHECKOUT, timeout_s: float = 60, **environment: str
) -> subprocess.CompletedProcess[str]:
    """Run the `rig` command to its end."""
    env = {**{key: value for key, value in os.environ.items() if not key.startswith("RIG_")}, **environment}
    return subprocess.run(
        [sys.executable, "-m", "rig", *words], cwd=cwd, env=env, capture_output=True, text=True, timeout=timeout_s
    )
