"""Runs the parts of a verification, each in a process of its own, a few at a time."""

import os
import pickle
import sys
import time
from collections import deque
from collections.abc import Sequence
from pathlib import Path

from rig import caller
from rig.config import INTERNAL_PREFIX, Settings
from rig.paths import shipped
from rig.record import Recorder
from rig.record.lines.common import Broken
from rig.runs.common.progress_bar import ProgressBar
from rig.runs.common.session import Session
from rig.runs.verify.parts import Handed, Part
from rig.stack.processes.process import Process

LOOK_EVERY_S = 0.1
PART_MAX_S = 600.0  # the longest campaign of the profile `ci` takes less than a minute
TAIL = 6  # lines of a log that explain how a process ended


class PartProcess:
    """A part that runs."""

    def __init__(self, session: Session, settings: Settings, part: Part) -> None:
        self.part = part
        self.began = time.monotonic()
        self._session = session
        file = session.supervisor.base / f"part-{part.name}.pickle"
        file.write_bytes(pickle.dumps(Handed(session.directory.path.resolve(), settings, part)))
        environment = {
            **session.supervisor.environment,
            **{name: value for name, value in os.environ.items() if name.startswith(INTERNAL_PREFIX)},
            "PYTHONPATH": str(shipped()),
        }
        self._process: Process = session.supervisor.spawn(
            f"part-{part.name}",
            [sys.executable, "-m", "rig.runs.verify.part_worker", str(file.resolve())],
            env=caller.own(environment, engine=settings.mode == "docker"),
            cwd=Path.cwd(),
            log=session.directory.logs / f"part-{part.name}.log",
        )

    @property
    def seconds(self) -> float:
        return time.monotonic() - self.began

    def ended(self) -> bool:
        """Whether it has ended. One that runs for more than PART_MAX_S is killed; an error is recorded as broken."""
        code = self._process.poll()
        if code is None and self.seconds < PART_MAX_S:
            return False
        if code is None:
            self._process.signal(9, tree=True)
            self._process.wait(LOOK_EVERY_S + TAIL)
        if code != 0:
            self._record_broken(f"ended with {code}" if code is not None else f"ran for more than {PART_MAX_S:g} s")
        return True

    def _record_broken(self, how: str) -> None:
        assert self._process.log is not None
        tail = [line.split(" ", 1)[-1] for line in self._process.log.read_text(errors="replace").splitlines()[-TAIL:]]
        line = Broken(t=time.time(), text=f"the process of {self.part.name} {how}: {' / '.join(tail)}")
        own = self._session.directory.part(self.part.name)
        if not own.meta.is_file():  # it ended before its record began
            self._session.recorder.add(line)
            return
        with Recorder(own, "verify") as recorder:
            recorder.add(line)


def run_parts(session: Session, settings: Settings, parts: Sequence[Part], at_a_time: int, what: str) -> None:
    """Run all of them, `at_a_time` side by side. `what` names them for the user."""
    waiting, running = deque(parts), list[PartProcess]()
    with ProgressBar(what, len(parts)) as bar:
        while waiting or running:
            while waiting and len(running) < at_a_time:
                running.append(PartProcess(session, settings, waiting.popleft()))
            for one in [one for one in running if one.ended()]:
                running.remove(one)
                bar.print(f"  {one.part.name}: {one.seconds:.0f} s")
            done = len(parts) - len(waiting) - len(running)
            bar.show(", ".join(one.part.name for one in running), completed=done)
            time.sleep(LOOK_EVERY_S)
