"""Shares a load plan out among Locust's workers, collects what they did, and keeps it for the judging.

A process that sends (worker, or the only one) has a Generator; the one that leads (master, or the only one) says when to
begin and writes the record. Workers may be on other machines: all goes by Locust's own messages.
"""

import json
import os
import time
from collections import Counter
from pathlib import Path
from typing import Any

import gevent
import locust.runners
from gevent.event import Event
from hooks import listens_to, tell
from locust.env import Environment
from locust.runners import MasterRunner, WorkerRunner

from rig.record import Recorder, RunDirectory
from rig.record.lines import line_from
from rig.record.lines.base import Line
from rig.record.lines.load import Cause, Failure, Go, Tally, Traffic, TrafficEnd
from rig.record.lines.load import Generator as GeneratorEnd
from rig.traffic.load.generator import Generator
from rig.traffic.load.schedule import LoadPlan

LEAD_S = 2.0  # for the message to get everywhere
SIGNED_A_SECOND = 10_000  # tokens, of one process beside others
GRACE_S = 15.0  # beyond the plan and its last answers, until a silent worker is given up
LOCAL = "local"
# Seconds until Locust counts a silent worker as missing, and leaves it out of the plan: a busy machine holds a process
# up for longer than the 3 s that are Locust's own.
locust.runners.HEARTBEAT_LIVENESS = 20


class Conductor:
    """One a process. `go` makes what is sent to every worker: the plan and all that it takes."""

    def __init__(self, environment: Environment, go: Any, run: Path | None) -> None:
        self.environment, self._make_go = environment, go
        self.run = RunDirectory(run) if run else None
        self.worker = isinstance(environment.runner, WorkerRunner)
        self.recorder = Recorder(self.run, "locust") if self.run and not self.worker else None
        self.generator: Generator | None = None
        self.over = False
        self.tallies: list[dict[str, Any]] = []
        self.generators: list[dict[str, Any]] = []
        self._begun = Event()
        self._lanes: dict[str, list[int]] = {}
        self._places: Counter[str] = Counter()
        self._playing = 0
        self._awaited: set[str] = set()
        self._from = 0.0
        runner = environment.runner
        if isinstance(runner, WorkerRunner):
            runner.register_message("rig-go", lambda environment, msg, **_: self._begin(msg.data))
        elif isinstance(runner, MasterRunner):
            runner.register_message("rig-done", lambda environment, msg, **_: self._done(msg.node_id, msg.data))
        events = environment.events
        listens_to(events.test_start)(lambda **_: self._reset())
        listens_to(events.report_to_master)(lambda client_id, data: data.update(rig=self._told()))
        listens_to(events.worker_report)(lambda client_id, data: self._keep(client_id, data.get("rig")))
        if not self.worker:
            listens_to(events.spawning_complete)(lambda **_: self._begin_to_lead())

    # --- the one who leads ---------------------------------------------------------------------------------------

    def _begin_to_lead(self) -> None:
        gevent.spawn(self._lead)

    def _lead(self) -> None:
        """Everybody is there: tell each worker which lanes are its own, and when to begin."""
        if self._awaited or self.over:
            return
        go = self._make_go()
        plan = LoadPlan.of(go["plan"])
        runner = self.environment.runner
        assert runner is not None, "nobody spawns users without a runner"
        present = {LOCAL: dict(runner.user_classes_count)}
        if isinstance(runner, MasterRunner):
            present = {node.id: dict(node.user_classes_count) for node in runner.clients.all if node.user_count}
        totals: Counter[str] = sum((Counter(own) for own in present.values()), Counter())
        lead_s = LEAD_S + plan.pace.mitras * len(go["arms"]) / SIGNED_A_SECOND / max(1, len(present))
        self._awaited = set(present)
        self._from = time.time() + lead_s
        phases = [
            {"name": one.name, "from": self._from + plan.starts[at], "to": self._from + plan.starts[at + 1],
             "arms": list(one.arms), "kinds": list(one.kinds)}
            for at, one in enumerate(plan.phases)
        ]  # fmt: skip
        self._write(Go, **{"from": self._from}, phases=phases, workers=sorted(present), users=dict(totals))
        first: Counter[str] = Counter()
        for node, own in present.items():
            lanes = {name: [first[name], totals[name]] for name in totals}
            first.update(own)
            message = {**go, "lanes": lanes, "lead_s": lead_s, "node": node}
            if node == LOCAL:
                self._begin(message)
            elif isinstance(runner, MasterRunner):
                runner.send_message("rig-go", message, client_id=node)
        gevent.spawn(self._give_up, self._from + plan.seconds + GRACE_S + 8.0)

    def _give_up(self, deadline: float) -> None:
        while self._awaited and time.time() < deadline:
            gevent.sleep(0.2)
        for node in sorted(self._awaited):
            self._write(GeneratorEnd, worker=node, finished=False)
            self.generators.append({"worker": node, "finished": False})
        self._end()

    def _done(self, node: str, data: dict[str, Any]) -> None:
        self._keep(node, data.pop("told"))
        for tally in data["tallies"]:
            self._write(Tally, worker=node, **tally)
        self._write(GeneratorEnd, worker=node, finished=True, **data["facts"])
        self.tallies += data["tallies"]
        self.generators.append({"worker": node, "finished": True, **data["facts"]})
        self._awaited.discard(node)
        if not self._awaited:
            self._end()

    def _end(self) -> None:
        if not self.over:
            self.over = True  # the shape ends the test
            self._write(TrafficEnd)

    def _keep(self, node: str, told: dict[str, Any] | None) -> None:
        if not told:
            return
        if told["seconds"]:
            self._write(Traffic, worker=node, seconds=told["seconds"])
        for failure in told["failures"]:
            self._write(Failure, worker=node, **failure)
        for cause in told["causes"]:
            self._write(Cause, worker=node, **cause)

    def _write(self, kind: type[Line], **facts: Any) -> None:
        if self.recorder is not None:
            self.recorder.add(line_from(kind, facts))

    # --- the ones who send ---------------------------------------------------------------------------------------

    def _reset(self) -> None:
        """Another start of the test from the web UI: all anew."""
        self._begun.clear()
        self._places.clear()
        self._playing, self.over = 0, False
        self._awaited, self.tallies, self.generators = set(), [], []

    def _begin(self, message: dict[str, Any]) -> None:
        raw = self.run.path / f"requests-{os.getpid()}.csv" if self.run else None
        self.generator = Generator(message, self._report, raw)
        self._lanes, self._node = message["lanes"], message["node"]
        self.generator.start(message["lead_s"])
        self._begun.set()
        gevent.spawn(self._finish)
        if not self.worker and message["node"] == LOCAL:
            gevent.spawn(self._tell)

    def play(self, user: str, kinds: tuple[str, ...]) -> None:
        """One user's share: its lane of each of these kinds. Returns when the plan is over."""
        place = self._places[user]
        self._places[user] += 1
        self._playing += 1
        try:
            self._begun.wait()
            assert self.generator is not None
            first, lanes = self._lanes[user]
            for kind in kinds:
                self.generator.prepare(kind, first + place, lanes)
            gevent.joinall([gevent.spawn(self.generator.play, kind, first + place, lanes) for kind in kinds])
        finally:
            self._playing -= 1

    def _finish(self) -> None:
        """When the plan is over and the last answers are in: the account of this process."""
        generator = self.generator
        assert generator is not None
        gevent.sleep(max(0.0, generator.begin + generator.plan.seconds - time.monotonic()))
        while self._playing:
            gevent.sleep(0.02)
        facts = generator.facts()
        generator.drain()
        data = {"told": self._told(), "facts": facts, "tallies": [tally.plain() for tally in generator.tallies.all()]}
        runner = self.environment.runner
        if isinstance(runner, WorkerRunner):
            runner.send_message("rig-done", json.loads(json.dumps(data)))
        else:
            self._done(self._node, json.loads(json.dumps(data)))

    def _tell(self) -> None:
        while self._awaited:
            gevent.sleep(1.0)
            self._keep(LOCAL, self._told())

    def _told(self) -> dict[str, Any] | None:
        if self.generator is None:
            return None
        causes, self.generator.causes = self.generator.causes, []
        return {**self.generator.tallies.drain(), "causes": causes}

    def _report(self, arm: str, method: str, action: str, ms: float, length: int, error: str | None) -> None:
        """Locust's own statistics: latency from the planned moment, a row an arm and action."""
        tell(
            self.environment.events.request, request_type=arm, name=action, response_time=ms, response_length=length,
            exception=RuntimeError(error) if error else None, context={},
        )  # fmt: skip
