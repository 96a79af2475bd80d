"""Sends a planned load through Locust: each request at its planned moment, each one recorded with that moment.

Started by `rig load` as a process of its own (importing locust patches ssl). The plan says who sends what when.
"""

import json
import os
import time
from pathlib import Path
from typing import Any

import gevent
from locust import FastHttpUser, constant, events, task
from locust.exception import StopUser

from rig.record import Recorder, RunDirectory

PLAN = json.loads(Path(os.environ["RIG_INTERNAL_LOAD"]).read_text())
ANSWER_S = 8.0  # the contract's 5 s and a margin, so that an answer that breaks the bound is still seen
SPAWNED_A_SECOND = 200  # what this machine starts of users at worst: the window begins when all are there

recorder = Recorder(RunDirectory(Path(PLAN["run"])), "locust")
waiting = list(reversed(PLAN["actors"]))
clock = {"from": 0.0, "done": 0}


class Planned(FastHttpUser):
    """One actor of the plan: sends its requests at their moments, late ones at once, then leaves."""

    host = PLAN["host"]
    wait_time = constant(0)
    network_timeout = connection_timeout = ANSWER_S

    def on_start(self) -> None:
        self.actor = waiting.pop()
        self.moments = iter(self.actor["moments_s"])

    @task
    def send(self) -> None:
        moment = next(self.moments, None)
        if moment is None:
            clock["done"] += 1
            raise StopUser
        planned = clock["from"] + moment
        gevent.sleep(max(0.0, planned - time.time()))
        self.client.request(
            self.actor["method"],
            self.actor["url"],
            name=self.actor["action"],
            headers={"Authorization": f"Bearer {self.actor['token']}"} if self.actor["token"] else {},
            context={"planned": planned, "actor": self.actor["name"], "action": self.actor["action"]},
        )


@events.request.add_listener
def record(
    request_type: str,
    response_time: float,
    exception: Exception | None,
    context: dict[str, Any],
    start_time: float,
    response: Any,
    url: str | None = None,
    **_: Any,
) -> None:
    """One line a request: `planned` is when it should have begun, so that a stalled generator cannot hide a stall."""
    recorder.write(
        "request", t=start_time, **context, method=request_type, url=url, status=getattr(response, "status_code", 0) or None,
        error=f"{type(exception).__name__}: {exception}" if exception else None, code=None,
        started=start_time, ended=start_time + response_time / 1000,
    )  # fmt: skip


@events.test_start.add_listener
def begin(environment: Any, **_: Any) -> None:
    clock["from"] = time.time() + 1.0 + len(PLAN["actors"]) / SPAWNED_A_SECOND
    gevent.spawn(end, environment.runner)


def end(runner: Any) -> None:
    """Quit once the window is over and the last answer in; the window is recorded only then."""
    until = clock["from"] + PLAN["seconds"]
    while time.time() < until or (clock["done"] < len(PLAN["actors"]) and time.time() < until + 2 * ANSWER_S):
        gevent.sleep(0.1)
    recorder.write("window", **{"from": clock["from"], "to": until})
    runner.quit()
