"""`python -m rig.runs.contract.worker FILE NUMBER`: takes jobs of a contract run, on a stack of its own, until none is left."""

import os
import pickle
import sys
import time
from dataclasses import replace
from pathlib import Path

from rig.checks.contract.probes import judge_probe
from rig.checks.contract.replay import Followed
from rig.environment.opened import open_any_testbed
from rig.environment.testbed import Testbed
from rig.record import Recorder
from rig.record.lines.common import Weakness
from rig.record.lines.contract import ShortestWalk
from rig.runs.common.failures import Exits, keep_logs, rescued
from rig.runs.common.kept import hold
from rig.runs.contract.driver import Driver
from rig.runs.contract.first_look import first_look
from rig.runs.contract.jobs import Handed, Job
from rig.runs.contract.pairs import Player
from rig.runs.contract.plan import GOODBYE_S, TOKEN_S, goodbye_window_s, instances_of
from rig.runs.contract.probing import probes, run_probe
from rig.runs.contract.walks import Walker, drawn
from rig.stack import Supervisor

BATCHES_MAX = 1_000_000  # of one worker, so that no two workers number a batch alike
NAMED_MAX = 5


def main(file: Path, number: int) -> None:
    """From an empty stack to the last job. What goes wrong stands in the record, or in this process's log and exit code."""
    handed = pickle.loads(file.read_bytes())
    assert isinstance(handed, Handed)
    directory = handed.run_directory
    supervisor = Supervisor.attach(os.environ["RIG_SUPERVISOR"])
    spec = replace(handed.spec, logs=directory.logs.resolve(), login_shared=True)
    name = f"contract-{number}"
    with (
        Recorder(directory, name) as recorder,
        rescued(recorder),
        open_any_testbed(spec, supervisor, name, recorder, handed.settings, handed.random_seed) as testbed,
    ):
        exits = Exits(testbed)
        try:
            with rescued(recorder, exits):
                Worker(testbed, handed, number).work()
        finally:
            if testbed.has_log:
                keep_logs(testbed)


class Worker:
    """Carries out jobs on one test bed."""

    def __init__(self, testbed: Testbed, handed: Handed, number: int) -> None:
        self.instances = instances_of(handed.spec)
        testbed.ready(testbed.environment_for(goodbye=GOODBYE_S), self.instances, quiet=testbed.starts_servers)
        self.testbed, self.handed = testbed, handed
        window_s = goodbye_window_s(handed.spec)
        self.driver = Driver(testbed, window_s, TOKEN_S, Followed(), first_batch=number * BATCHES_MAX)
        self.player = Player(self.driver)
        if number == 1:
            for text in first_look(testbed):
                testbed.recorder.add(Weakness(t=time.time(), text=text))
        self.shrunk: set[str] = set()  # sentences of which a short walk was looked for: once is enough
        self.broken_probe = False  # a probe has shown a breach

    def work(self) -> None:
        """One job after the other, until none is left; with --keep until the first that shows a breach."""
        while job := self.handed.claim():
            self._do(job)
            if self.handed.settings.keep and (self.driver.followed.findings or self.broken_probe):
                self.handed.kept.write_text(str(os.getpid()))
                hold(self.handed.run_directory, self.testbed, "contract")
                return
        if not self.testbed.starts_servers:  # it runs on, with the settings that it had
            self.driver.restore_settings()
            self.testbed.restore_settings()
        if unplayed := self.player.unplayed:
            named = ", ".join(unplayed[:NAMED_MAX]) + ", ..." * (len(unplayed) > NAMED_MAX)
            text = f"{len(unplayed)} cases could not be judged: {named}"
            self.testbed.recorder.add(Weakness(t=time.time(), text=text))

    def _do(self, job: Job) -> None:
        if job.cases:
            self.player.play(job.cases)
        elif job.walk:
            self._walk(job)
        else:
            self.driver.restore_settings()
            line = run_probe(self.testbed, probes()[job.probe])
            self.broken_probe |= bool(judge_probe(line).broken)

    def _walk(self, job: Job) -> None:
        """Random requests on empty stores; if they break a sentence, the walk is made as short as possible."""
        walker = Walker(self.driver)
        moves = drawn(f"{self.handed.random_seed}/{job.walk}", self.instances)
        found = walker.walk(job.name, moves)
        if not found:
            return
        if found[0].sentence in self.shrunk:
            return
        self.shrunk.add(found[0].sentence)
        moves = list(walker.done)
        shorter = walker.shrunk(job.name, moves, found[0].sentence)
        finding, steps = (shorter.findings[0], shorter.moves) if shorter else (found[0], moves)
        self.testbed.recorder.add(
            ShortestWalk(
                t=time.time(), walk=job.name, sentence=finding.sentence, message=finding.message, steps=len(steps),
                batch=finding.batch,
            )
        )  # fmt: skip


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]))
