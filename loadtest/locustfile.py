"""The users of a load, for Locust: headless, in its web UI, in several processes or on several machines.

`rig load` starts it with a plan and judges what comes of it. By itself it sends the same traffic to any server that keeps
the contract: `locust -f loadtest/locustfile.py --host http://127.0.0.1:3000 --mitra-ids ids.txt`, with the server's
JWT_SECRET and INTERNAL_API_TOKEN in the environment. `python loadtest/locustfile.py --help` tells its own options, too.
"""

import json
import os
import random
import sys
from argparse import Namespace
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import gevent
from conductor import Conductor
from hooks import listens_to
from locust import LoadTestShape, User, events, task
from locust.env import Environment
from locust.runners import MasterRunner, WorkerRunner
from outcome import print_outcome

from rig.traffic.load.schedule import SHAPES, STEADY, WRITING, LoadPlan, LoadProfile, Phase

PLAN = "RIG_INTERNAL_LOAD"  # a file with all that `rig load` has prepared
ARM = "on"
SPAWNED_A_SECOND = 100
Number = TypeVar("Number", int, float)
conductors: dict[int, Conductor] = {}


class Actors(User):
    """A group of people: all that this process's lane has of them, over shared connections."""

    abstract = True
    kinds: tuple[str, ...] = ()

    @task
    def play(self) -> None:
        conductors[id(self.environment)].play(type(self).__name__, self.kinds)
        while True:  # nothing is left to do: the shape ends the test when everybody is so far
            gevent.sleep(60)


class Mitras(Actors):
    """The fleet: each pings at a place of her own in the pace. A few go away and come back."""

    kinds = ("ping", "toggle")


class Customers(Actors):
    """They ask every few seconds whether anyone is available."""

    kinds = ("beacon",)


class Storm(Actors):
    """Crowds that ask all at once, by a shape: ramp, spike, square wave, sustained."""

    kinds = ("storm",)


class Chats(Actors):
    """Customers who pay, which blasts the chat; a mitra accepts and ends it."""

    kinds = ("chat",)


class Dashboards(Actors):
    """Operators who look at the number of mitras online."""

    kinds = ("dashboard",)


EVERYBODY = (Mitras, Customers, Storm, Chats, Dashboards)


class Everybody(LoadTestShape):
    """One of each a process that sends, until the plan is over: how many people each stands for is in the plan."""

    def tick(self) -> tuple[int, float] | None:
        conductor = conductors.get(id(self.runner.environment)) if self.runner else None
        if conductor is not None and conductor.over:
            return None
        workers = self.runner.worker_count if isinstance(self.runner, MasterRunner) else 1
        return len(EVERYBODY) * max(1, workers), SPAWNED_A_SECOND


@listens_to(events.init_command_line_parser)
def add_options(parser: Any) -> None:
    """Each has the pace's default; what a load of one's own needs besides is named at the end."""
    pace = LoadProfile()
    add = parser.add_argument  # what a group holds the web UI does not show
    add("--mitras", type=positive, default=pace.mitras, help="Mitras who are online and ping.")
    add("--ping-every", type=span, default=pace.ping_every_s, help="Seconds between two pings of a mitra.")
    add("--togglers", type=count, default=0, help="Of these mitras, how many go offline and online instead.")
    add("--customers", type=count, default=pace.customers, help="Customers who poll the beacon.")
    add("--beacon-every", type=span, default=pace.beacon_every_s, help="Seconds between two polls of a customer.")
    add("--storm-shape", choices=SHAPES, default=pace.storm_shape, help="How the storm of polls rises and falls.")
    add("--storm-peak", type=number, default=pace.storm_peak, help="Polls a second at its height; 0: no storm.")
    add("--storm-period", type=span, default=pace.storm_period_s, help="Seconds from one burst to the next.")
    add("--dashboards", type=count, default=pace.dashboards, help="Operators who look once a second.")
    add("--seconds", type=span, default=60.0, help="Length of the load, after the warm-up.")
    add("--warm-up", type=number, default=5.0, help="Seconds before that.")
    add("--random-seed", type=int, default=1, help="The same schedule again.")
    add("--mitra-ids", default="", help="File with the ids of mitras who are online, one a line.")
    add("--internal-host", default="", help="URL of the internal listener (default: --host, one port up).")
    secret = {"default": "", "include_in_web_ui": False}
    add("--jwt-secret", env_var="JWT_SECRET", help="Signs the mitras in.", **secret)
    add("--internal-token", env_var="INTERNAL_API_TOKEN", help="For the dashboard.", **secret)


def positive(text: str) -> int:
    return bounded(text, int, 1)


def count(text: str) -> int:
    return bounded(text, int, 0)


def number(text: str) -> float:
    return bounded(text, float, 0)


def span(text: str) -> float:
    return bounded(text, float, 0.01)


def bounded(text: str, kind: Callable[[str], Number], least: float) -> Number:
    """Argparse turns the ValueError into a usage error; it names the option itself."""
    value = kind(text)
    if not least <= value < 1e9:
        raise ValueError(text)
    return value


@listens_to(events.init)
def prepare(environment: Environment, **_: Any) -> None:
    options = environment.parsed_options
    assert options is not None, "Locust reads the command line before it calls this"
    prepared = os.environ.get(PLAN)
    run = json.loads(Path(prepared).read_text())["run"] if prepared else None
    if prepared is None and not isinstance(environment.runner, WorkerRunner):
        refuse_half(options)
    conductors[id(environment)] = Conductor(
        environment, lambda: prepared_go(prepared) if prepared else own_go(options), Path(run) if run else None
    )


def refuse_half(options: Namespace) -> None:
    """Exit 4 with a line for a load that cannot be sent."""
    lacking = []
    if not options.host:
        lacking.append("--host URL of the public listener")
    if not options.jwt_secret:
        lacking.append("JWT_SECRET in the environment (or --jwt-secret), to sign mitras in")
    if not options.mitra_ids or not Path(options.mitra_ids).is_file():
        lacking.append("--mitra-ids FILE with the ids of mitras who are online, one a line")
    if lacking:
        sys.stderr.write(f"this load needs {'; '.join(lacking)}. `rig load` prepares all of that by itself\n")
        sys.exit(4)


def prepared_go(path: str) -> dict[str, Any]:
    return {key: value for key, value in json.loads(Path(path).read_text()).items() if key != "run"}


def own_go(options: Namespace) -> dict[str, Any]:
    """The plan of a load by itself: one arm, no writing but pings."""
    ids = Path(options.mitra_ids).read_text().split()
    random.Random(options.random_seed).shuffle(ids)
    togglers, mitras = ids[: options.togglers], ids[options.togglers :][: options.mitras]
    pace = LoadProfile(
        mitras=len(mitras), ping_every_s=options.ping_every, togglers=len(togglers), customers=options.customers,
        beacon_every_s=options.beacon_every, storm_shape=options.storm_shape, storm_peak=options.storm_peak,
        storm_period_s=options.storm_period, chats=0, dashboards=options.dashboards if options.internal_token else 0,
    )  # fmt: skip
    kinds = (*STEADY, *WRITING)
    phases = (Phase("warm-up", options.warm_up, (ARM,), kinds), Phase("window", options.seconds, (ARM,), kinds))
    plan = LoadPlan(pace, tuple(phase for phase in phases if phase.seconds), options.random_seed)
    listeners = {"public": options.host, "internal": options.internal_host or one_up(options.host)}
    arm = {"instances": [listeners], "jwt_secret": options.jwt_secret, "internal_token": options.internal_token}
    people = {"mitras": mitras, "togglers": togglers, "away": False, "customers": [], "takers": []}
    return {"plan": plan.plain(), "arms": {ARM: arm}, "people": {ARM: people}}


def one_up(host: str) -> str:
    """The internal listener's default is the port after the public one's."""
    front, _, port = host.rstrip("/").rpartition(":")
    return f"{front}:{int(port) + 1}" if port.isdigit() else host


@listens_to(events.quitting)
def tell(environment: Environment, **_: Any) -> None:
    """The verdict on the traffic alone, where no rig waits for it: what it cost in SQL only `rig load` can count."""
    conductor = conductors.get(id(environment))
    if conductor is not None and not conductor.worker and PLAN not in os.environ:
        environment.process_exit_code = print_outcome(conductor.tallies, conductor.generators)


if __name__ == "__main__":  # `locust --help` does not read this file
    from locust.main import main

    start: Callable[[], int | None] = main
    sys.exit(start())
