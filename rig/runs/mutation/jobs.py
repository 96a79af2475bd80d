"""Runs the broken servers side by side: each is a `rig` command of its own, whose results are read when it ends."""

import json
import subprocess
import sys
import time
from collections import deque
from collections.abc import Iterator, Sequence
from dataclasses import replace

from rig import caller
from rig.paths import shipped
from rig.record import RunDirectory
from rig.runs.mutation.catalogue import Entry
from rig.runs.mutation.outcome import Outcome, Proof, judge_entry

ATTEMPTS = 2  # a run without a verdict is repeated once
LOOK_EVERY_S = 0.1
RUN_S = {False: 300.0, True: 1200.0}  # by whether everything is judged; no run of a part takes a third of it
LEAVE_S = 20.0  # for all to end in order after an interruption


class Job:
    """The run of one entry, at its first or second attempt."""

    def __init__(
        self, entry: Entry, run: RunDirectory, everything: bool, random_seed: int, ready_within_s: float, attempt: int
    ) -> None:
        self.entry, self.attempt = entry, attempt
        self.run = run
        name = entry.name if attempt == 1 else f"{entry.name}-again"
        self.reports = run.path / "entries" / name
        self.log = run.logs / f"{name}.log"
        self.began = time.monotonic()
        self._limit_s = RUN_S[everything]
        words = [*entry.words(everything), "--random-seed", str(random_seed), "--reports", str(self.reports.resolve())]
        # the other settings would make the runs other than those that the catalogue means
        kept = {"RIG_READY_WITHIN_S": f"{ready_within_s:g}"}
        with self.log.open("wb") as output:
            self._popen = subprocess.Popen(
                [sys.executable, "-m", "rig.cli.child", *words],
                cwd=shipped(),
                env=caller.own({**kept, **entry.environment}),
                stdin=subprocess.PIPE,  # the tether
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,  # Ctrl-C is for us, who then let go of all
            )

    def ended(self) -> bool:
        """Whether the process has ended. One that runs beyond its limit is told to end, then killed."""
        if self._popen.poll() is not None:
            return True
        if self._ran_s() > self._limit_s:
            self.let_go()
            if self._ran_s() > self._limit_s + LEAVE_S:
                self._popen.kill()  # its supervisor ends the rest
        return False

    def _ran_s(self) -> float:
        return time.monotonic() - self.began

    def let_go(self) -> None:
        """Tell it to end."""
        assert self._popen.stdin is not None
        self._popen.stdin.close()

    def leave(self, deadline: float) -> None:
        """Wait for its end after `let_go`, by force from the deadline (of `time.monotonic`) on."""
        try:
            self._popen.wait(max(0.0, deadline - time.monotonic()))
        except subprocess.TimeoutExpired:
            self._popen.kill()
            self._popen.wait()

    def outcome(self) -> Outcome:
        """The outcome from its saved results; broken, with the last line of its log, if there are none."""
        self.let_go()  # nothing listens any more
        paths = sorted(path for path in self.reports.glob("*/results.json") if not path.parent.is_symlink())
        outcome = Outcome(
            self.entry, Proof.BROKEN, seconds=round(self._ran_s(), 1), attempts=self.attempt,
            reports=tuple(str((path.parent / "report.html").relative_to(self.run.path)) for path in paths),
        )  # fmt: skip
        code = self._popen.returncode
        if code not in range(4) or not paths:
            last = self.log.read_text(errors="replace").strip().splitlines()[-1:]
            late = f"it was ended after {self._limit_s:g} s; " if outcome.seconds > self._limit_s else ""
            return replace(outcome, message=f"{late}`rig` ended with {code}: {' '.join(last) or 'no word'}")
        results = [json.loads(path.read_text()) for path in paths]
        proof, message, fallen = judge_entry(
            self.entry, [item for run_results in results for item in run_results["items"]]
        )
        stopped = "; ".join(run_results["message"] for run_results in results if run_results["message"])
        if stopped and self.entry.breaks == "rig":
            proof = Proof.BROKEN  # else a rig that broke by itself would seem to have been caught
        if proof is Proof.BROKEN:
            message = "; ".join(filter(None, (message, stopped)))
        return replace(outcome, proof=proof, message=message, failed=tuple(fallen), told=fallen)


class Proving:
    """The entries that wait, run and have ended; `outcomes` come in the order of their ends."""

    def __init__(
        self,
        entries: Sequence[Entry],
        run: RunDirectory,
        everything: bool,
        seed: int,
        workers: int,
        ready_within_s: float,
    ) -> None:
        self.waiting = deque((entry, 1) for entry in entries)
        self.running: list[Job] = []
        self._run, self._everything, self._seed = run, everything, seed
        self._workers, self._ready_within_s = workers, ready_within_s

    def outcomes(self) -> Iterator[Outcome | None]:
        """Each outcome as it comes, and None after each look in between, for the progress bar."""
        while self.waiting or self.running:
            while self.waiting and len(self.running) < self._workers:
                entry, attempt = self.waiting.popleft()
                self.running.append(Job(entry, self._run, self._everything, self._seed, self._ready_within_s, attempt))
            for job in [job for job in self.running if job.ended()]:
                self.running.remove(job)
                outcome = job.outcome()
                if outcome.proof in (Proof.BROKEN, Proof.INCONCLUSIVE) and job.attempt < ATTEMPTS:
                    self.waiting.append((job.entry, job.attempt + 1))
                else:
                    yield outcome
            yield None
            time.sleep(LOOK_EVERY_S)

    def let_go(self) -> None:
        """Tell all running jobs to end, and kill those that do not within LEAVE_S."""
        for job in self.running:
            job.let_go()
        deadline = time.monotonic() + LEAVE_S
        for job in self.running:
            job.leave(deadline)
