"""Runs explorations side by side, each in a process of its own, and tells each as it ends."""

import json
import signal
import sys
import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass, field
from pathlib import Path

from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from typer import echo

from rig import caller
from rig.paths import shipped
from rig.record.lines import decoded
from rig.record.lines.base import Line
from rig.record.lines.common import Broken
from rig.record.lines.model import Control, Explored, Uncontrolled
from rig.runs.common.session import Session
from rig.runs.model.summary import JobLine, told_bounds, told_control, told_exploration
from rig.stack.processes.process import Process

LOOK_EVERY_S = 0.05
LEAVE_S = 5.0  # for a process to write down what it has found, once it is told to end
LATE_S = 20.0  # beyond a job's own limit of time, which is looked at between two levels
UNSEEN = "with all rules not every state was seen, or a path broke an invariant"
NO_TIME = "the time of the whole run was over before"


@dataclass(frozen=True)
class Job:
    """One process: an exploration within bounds, or the negative control of a specification."""

    do: str  # explore or control
    source: str
    spec: str
    bounds: dict[str, int]
    without: list[str] = field(default_factory=list)
    mutant: str = ""
    number: int = 0
    states_max: int = 3_000_000
    seconds_max: float = 300.0
    memory_mb: int = 1900
    after: list[int] = field(default_factory=list)  # of a control: the explorations that it need not repeat
    workers: int = 1  # processes that it keeps busy
    thorough: bool = False
    chained: bool = False  # begins when the jobs before it have ended, and only if they found no violation

    @property
    def name(self) -> str:
        what = "negative control" if self.do == "control" else told_bounds(self.bounds)
        return f"{self.spec}: {what}"

    @property
    def kind(self) -> str:
        return "control" if self.do == "control" else "explored"


class Pool:
    """Carries jobs out, `workers` at a time, until all have ended or the time of the run is over."""

    def __init__(self, session: Session, jobs: Sequence[Job], workers: int, seconds: float) -> None:
        self._session, self._waiting, self._workers = session, list(jobs), workers
        self._deadline = time.monotonic() + seconds
        self._running: dict[int, tuple[Job, Process, float]] = {}
        self._shown = Showing(len(jobs))

    def run(self) -> None:
        """All of them. KeyboardInterrupt lets each write down what it has found, then goes on outwards."""
        with self._shown:
            try:
                while self._waiting or self._running:
                    self._start()
                    self._look()
                    self._shown.look([job.name for job, _, _ in self._running.values()])
                    time.sleep(LOOK_EVERY_S)
            except KeyboardInterrupt:
                self._let_go("interrupted")
                raise

    def _start(self) -> None:
        left = self._deadline - time.monotonic()
        if left <= 0 and self._waiting:
            for job in self._waiting:
                self._missed(job, NO_TIME)
            self._waiting = []
        while self._waiting and len(self._running) < self._workers:
            if (self._waiting[0].chained or self._waiting[0].workers > 1) and self._running:
                return
            if any(job.workers > 1 for job, _, _ in self._running.values()):
                return
            if self._running.keys() & set(self._waiting[0].after):
                return
            job = self._waiting.pop(0)
            if job.chained and any(line.violation for one in range(job.number) for line in self._explored(one)):
                self._shown.leave_out()  # the shortest path in small bounds is easier to read
                continue
            if any(not line.complete for one in job.after for line in self._explored(one)):
                self._missed(job, UNSEEN)
                continue
            self._running[job.number] = (job, self._spawn(job, left), time.monotonic())

    def _spawn(self, job: Job, left: float) -> Process:
        handed = {**asdict(job), "seconds_max": min(job.seconds_max, left)}
        file = self._session.directory.logs / f"job-{job.number:03d}.json"
        file.write_text(json.dumps(handed, indent=1) + "\n")
        return self._session.supervisor.spawn(
            f"model-{job.number}",
            [sys.executable, "-m", "rig.runs.model.worker", str(self._session.directory.path.resolve()), str(file.resolve())],
            env=caller.own({"PYTHONHASHSEED": "0", "PYTHONPATH": str(shipped())}),  # the same paths each time
            cwd=Path.cwd(),
            log=self._session.directory.logs / f"job-{job.number:03d}.log",
        )  # fmt: skip

    def _look(self) -> None:
        for number, (job, process, began) in list(self._running.items()):
            code = process.poll()
            if code is None:
                if time.monotonic() - began > job.seconds_max + LATE_S:
                    process.signal(signal.SIGKILL)
                continue
            del self._running[number]
            self._ended(job, process, code, time.monotonic() - began)

    def _ended(self, job: Job, process: Process, code: int, seconds: float) -> None:
        lines = self._lines(job.number)
        if code and not (lines and job.do == "explore"):
            assert process.log is not None
            said = [line.split(" ", 1)[-1] for line in process.log.read_text(errors="replace").splitlines() if line]
            if code < 0:
                self._missed(job, f"its process was ended by signal {-code}", seconds)
            else:
                why = said[-1] if said else f"its process ended with {code}"
                self._session.recorder.add(Broken(t=time.time(), text=f"{job.name} in {job.source}: {why}"))
        self._shown.tell(job, self._lines(job.number))

    def _missed(self, job: Job, why: str, seconds: float = 0.0) -> None:
        """A job that has no line of its own: nothing is known but why."""
        now, seconds = time.time(), round(seconds, 3)
        line: Line = Uncontrolled(t=now, spec=job.spec, number=job.number, stopped=why, seconds=seconds)
        if job.do != "control":
            line = Explored(
                t=now, spec=job.spec, number=job.number, stopped=why, seconds=seconds, bounds=job.bounds,
                within=told_bounds(job.bounds), without=job.without, mutant=job.mutant, states=0, transitions=0,
                depth=0, complete=False, taken={}, violation=None,
            )  # fmt: skip
        self._session.recorder.add(line)

    def _let_go(self, why: str) -> None:
        for _, process, _ in self._running.values():
            process.signal(signal.SIGINT)
        for job, process, began in self._running.values():
            with suppress(TimeoutError):
                process.wait(LEAVE_S)
            process.signal(signal.SIGKILL)
            if not self._lines(job.number):
                self._missed(job, why, time.monotonic() - began)
        for job in self._waiting:
            self._missed(job, f"{why} before it began")

    def _explored(self, number: int) -> list[Explored]:
        return [line for line in self._lines(number) if isinstance(line, Explored)]

    def _lines(self, number: int) -> list[JobLine]:
        """The lines of a job so far, written by itself or by this process in its place."""
        found = []
        for path in (self._session.directory.path / f"record-job-{number:03d}.jsonl", self._session.recorder.path):
            text = path.read_text(encoding="utf-8") if path.exists() else ""
            for text_line in text[: text.rfind("\n") + 1].splitlines():
                line = decoded(text_line)
                if isinstance(line, Explored | Control | Uncontrolled) and line.number == number:
                    found.append(line)
        return found


class Showing:
    """The run while it goes: a bar with what runs now on a terminal, a line for each job elsewhere."""

    def __init__(self, total: int) -> None:
        columns = (TextColumn("explorations"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
        self._bar = Progress(*columns, TextColumn("[dim]{task.description}"), transient=True)
        self._task = self._bar.add_task("starting", total=total)
        self._drawn = self._bar.console.is_terminal

    def __enter__(self) -> "Showing":
        if self._drawn:
            self._bar.start()
        return self

    def look(self, running: Sequence[str]) -> None:
        if self._drawn:
            self._bar.update(self._task, description=" | ".join(running)[:90])

    def leave_out(self) -> None:
        """A job is not needed any more."""
        if self._drawn:
            self._bar.update(self._task, advance=1)

    def tell(self, job: Job, lines: Sequence[JobLine]) -> None:
        """Print what a job has found, by its lines."""
        if job.do == "control":
            text = f"{job.spec}: {told_control(lines)}"
        else:
            found = [f"{line.spec}: {told_exploration(line)}" for line in lines if isinstance(line, Explored)]
            text = "; ".join(found) or f"{job.name}: no result"
        if self._drawn:
            self._bar.update(self._task, advance=1)
            self._bar.console.print(text, highlight=False, markup=False)
        else:
            echo(text)

    def __exit__(self, *_: object) -> None:
        if self._drawn:
            self._bar.stop()
