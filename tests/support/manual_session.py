"""A `rig serve` of a test's own, which other tests' commands do not mean."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from rig.paths import CHECKOUT
from tests.support.stack_support import until

READY_S = 120  # also where other tests keep the machine busy
COMMAND_S = 500


@dataclass
class Serving:
    """One that runs. Its commands are run from the checkout."""

    process: subprocess.Popen[bytes]
    out: Path

    @property
    def name(self) -> str:
        return f"serve-{self.process.pid}"

    def rig(self, *words: str) -> subprocess.CompletedProcess[str]:
        """Run a command that means this session."""
        return subprocess.run(
            [sys.executable, "-m", "rig", *words], cwd=CHECKOUT, env=environment(RIG_SESSION=self.name),
            stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=COMMAND_S,
        )  # fmt: skip

    def done(self, *words: str) -> str:
        """What such a command prints; it has to succeed."""
        done = self.rig(*words)
        assert done.returncode == 0, f"rig {' '.join(words)}: {done.returncode}\n{done.stdout}{done.stderr}"
        return done.stdout


def environment(**more: str) -> dict[str, str]:
    return {**{name: value for name, value in os.environ.items() if not name.startswith("RIG_")}, **more}


@contextmanager
def serving(out: Path, *words: str, killed: bool = False, **more: str) -> Iterator[Serving]:
    """`rig serve WORDS` with these variables, ready; ended by Ctrl-C, which it has to take well, unless `killed` meanwhile."""
    with out.open("w") as file:
        process = subprocess.Popen(
            [sys.executable, "-m", "rig", "serve", *words], cwd=CHECKOUT, stdout=file, stderr=file,
            env=environment(RIG_READY_WITHIN_S="90", **more),
        )  # fmt: skip
    try:
        assert until(lambda: "Ctrl-C ends it all" in out.read_text() or process.poll() is not None, READY_S)
        assert process.poll() is None, out.read_text()
        yield Serving(process, out)
    except BaseException:
        process.kill()
        process.wait(30)
        raise
    if not killed:
        process.send_signal(signal.SIGINT)
    assert process.wait(60) == (-signal.SIGKILL if killed else 0), out.read_text()
