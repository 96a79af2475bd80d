"""What a contract run has to do, cut into jobs, and the processes that share them out."""

import os
import pickle
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from rig import caller
from rig.config import INTERNAL_PREFIX, Settings
from rig.paths import shipped
from rig.record import RunDirectory
from rig.record.lines.common import Broken
from rig.runs.common.kept import RELEASE, tell_kept
from rig.runs.common.progress_bar import ProgressBar
from rig.runs.common.session import Session
from rig.runs.contract.cases import Case, batches, grouped
from rig.runs.contract.plan import ContractPlan
from rig.stack import StackSpec
from rig.stack.processes.process import Process

LOOK_EVERY_S = 0.1
END_S = 30.0  # in which a worker ends its stack
SHOWN_MAX = 60  # columns of the progress bar's text
LONG = ("outages", "growth")  # stages whose probes take a minute and more


@dataclass(frozen=True)
class Job:
    """Cases that are played together, or a random walk by its number, or a probe by its name."""

    name: str
    cases: tuple[Case, ...] = ()
    walk: int = 0
    probe: str = ""


@dataclass(frozen=True)
class Handed:
    """What a worker has to know. `claims` is the directory in which each job is claimed by one worker."""

    run: Path
    settings: Settings
    spec: StackSpec
    random_seed: int
    jobs: tuple[Job, ...]
    claims: Path

    @property
    def kept(self) -> Path:
        """The file with the process id of the worker that keeps its stack after a failure."""
        return self.claims.with_name("contract-kept")

    @property
    def run_directory(self) -> RunDirectory:
        return RunDirectory(self.run)

    def claim(self) -> Job | None:
        """The next job that nobody has, for the caller alone; None when there is none."""
        for number, job in enumerate(self.jobs):
            try:
                os.close(os.open(self.claims / str(number), os.O_CREAT | os.O_EXCL))
            except FileExistsError:
                continue
            return job
        return None


def jobs_of(planned: ContractPlan) -> list[Job]:
    """The jobs of a plan; those that wait longest come first."""
    pairs = [
        Job(f"pairs, batch {number}", tuple(batch)) for number, batch in enumerate(batches(grouped(planned.cases)), 1)
    ]
    walks = [Job(f"walk {number}", walk=number) for number in range(1, planned.walks + 1)]
    first, last = (
        [Job(f"probe {probe.name}", probe=probe.name) for probe in planned.probes if (probe.stage in LONG) is long]
        for long in (True, False)
    )
    return [*first, *pairs, *walks, *last]


class Pool:
    """The workers of a run: each has a stack of its own and takes one job after the other."""

    def __init__(
        self, session: Session, settings: Settings, spec: StackSpec, jobs: Sequence[Job], workers: int
    ) -> None:
        claims = session.supervisor.base / "contract-jobs"
        claims.mkdir()
        self._session, self._jobs, self._claims = session, tuple(jobs), claims
        self._engine = settings.mode == "docker"
        handed = Handed(
            session.directory.path.resolve(), settings, spec, session.random_seed, self._jobs, claims.resolve()
        )
        self._kept = handed.kept
        self._file = session.supervisor.base / "contract.pickle"
        self._file.write_bytes(pickle.dumps(handed))
        self._processes = [self._spawn(number) for number in range(1, min(workers, len(self._jobs)) + 1)]

    def _spawn(self, number: int) -> Process:
        environment = {
            **self._session.supervisor.environment,
            **{name: value for name, value in os.environ.items() if name.startswith(INTERNAL_PREFIX)},
            "PYTHONPATH": str(shipped()),
        }
        return self._session.supervisor.spawn(
            f"contract-{number}",
            [sys.executable, "-m", "rig.runs.contract.worker", str(self._file.resolve()), str(number)],
            env=caller.own(environment, engine=self._engine),
            cwd=Path.cwd(),
            log=self._session.directory.logs / f"contract-{number}.log",
        )

    def wait(self) -> None:
        """Until all have ended. A worker that ends with an error is recorded as broken.

        A stack that is kept after a failure ends with Ctrl-C.
        """
        try:
            self._watch()
        except KeyboardInterrupt:
            if not self._kept.exists():
                raise
            (self._session.directory.path / RELEASE).touch()
            for process in self._processes:
                process.wait(END_S)
        for process in self._processes:
            if code := process.poll():
                assert process.log is not None
                tail = [line.split(" ", 1)[-1] for line in process.log.read_text(errors="replace").splitlines()[-6:]]
                text = f"a worker of the contract run ended with {code}: {' / '.join(tail)}"
                self._session.recorder.add(Broken(t=time.time(), text=text))

    def _watch(self) -> None:
        told = False
        with ProgressBar("jobs of the contract", len(self._jobs)) as bar:
            while any(process.poll() is None for process in self._processes):
                claimed = len(list(self._claims.iterdir()))
                bar.show(self._jobs[claimed - 1].name[:SHOWN_MAX] if claimed else None, completed=claimed)
                if not told and self._kept.exists():
                    told = True
                    bar.stop()
                    tell_kept(int(self._kept.read_text()))
                time.sleep(LOOK_EVERY_S)
