"""`python -m rig.runs.contract.worker FILE NUMBER`: takes jobs of a contract run, on a stack of its own, until none is left."""

import os
import pickle
import sys
import time
from dataclasses import replace
from pathlib import Path

from rig.checks.contract.replay import Followed
from rig.environment.testbed import Testbed, open_testbed
from rig.record import Recorder, RunDirectory
from rig.record.lines.common import Weakness
from rig.record.lines.contract import ShortestWalk
from rig.runs.common.failures import Exits, keep_logs, rescued
from rig.runs.contract.driver import Driver
from rig.runs.contract.jobs import Handed, Job
from rig.runs.contract.pairs import Player
from rig.runs.contract.plan import GOODBYE_S, INSTANCES, TOKEN_S
from rig.runs.contract.probing import probes, run_probe
from rig.runs.contract.walks import Walker, drawn
from rig.stack import Supervisor

BATCHES_MAX = 1_000_000  # of one worker, so that no two workers number a batch alike
NAMED_MAX = 5


def main(file: Path, number: int) -> None:
    """From an empty stack to the last job. What goes wrong stands in the record, or in this process's log and exit code."""
    handed = pickle.loads(file.read_bytes())
    assert isinstance(handed, Handed)
    directory = RunDirectory(handed.run)
    supervisor = Supervisor.attach(os.environ["RIG_SUPERVISOR"])
    spec = replace(handed.spec, logs=directory.logs.resolve(), login_shared=True)
    name = f"contract-{number}"
    with (
        Recorder(directory, name) as recorder,
        rescued(recorder),
        open_testbed(
            spec, supervisor, name, recorder, handed.settings, random_seed=handed.random_seed
        ) as testbed,
    ):  # fmt: skip
        exits = Exits(testbed)
        try:
            with rescued(recorder, exits):
                Worker(testbed, handed, number).work()
        finally:
            keep_logs(testbed)


class Worker:
    """Carries out jobs on one test bed."""

    def __init__(self, testbed: Testbed, handed: Handed, number: int) -> None:
        testbed.ready(testbed.environment_for(goodbye=GOODBYE_S), INSTANCES)
        self.testbed, self.handed = testbed, handed
        self.driver = Driver(testbed, GOODBYE_S, TOKEN_S, Followed(), first_batch=number * BATCHES_MAX)
        self.player = Player(self.driver)

    def work(self) -> None:
        """One job after the other, until none is left."""
        while job := self.handed.claim():
            self._do(job)
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
            run_probe(self.testbed, probes()[job.probe])

    def _walk(self, job: Job) -> None:
        """Random requests on empty stores; if they break a sentence, the walk is made as short as possible."""
        walker = Walker(self.driver)
        moves = drawn(f"{self.handed.random_seed}/{job.walk}", INSTANCES)
        found = walker.walk(job.name, moves)
        if not found:
            return
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
