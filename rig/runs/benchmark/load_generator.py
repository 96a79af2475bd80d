"""Measures the generator by itself: how many mitras one process of Locust can keep pinging in time. `rig bench --fleet`."""

import sys
import tempfile
import time
import uuid
from pathlib import Path
from typing import Any

from rig import caller
from rig.checks.load.request_accounting import BUSY
from rig.config import Settings
from rig.paths import shipped
from rig.record import new_run
from rig.record.histogram import merged, quantile_ms
from rig.runs.benchmark.table import Figure, ended, print_figures
from rig.runs.common.seeds import draw_random_seed
from rig.runs.load.locust_process import Locust
from rig.runs.load.plan import LoadOptions
from rig.stack import Supervisor
from rig.terminal import console
from rig.traffic.load.schedule import LoadProfile
from rig.waiting import NotYet, wait_until

EVERY_S, SECONDS = 30.0, 35.0  # so that each mitra has pinged once at least
SECRET = "of-nobody" * 4  # the tokens are as long as real ones; whoever answers does not read them
OFF_P99_MS, MEMORY_MB = 5.0, 300.0
STARTED_S = 10.0
LOOK_EVERY_S = 0.2


def run(settings: Settings, mitras: int) -> int:
    """Exit code 0 when the goals are reached, 1 when one is not, 2 when the generator itself was saturated."""
    seed = draw_random_seed(settings.random_seed)
    pace = LoadProfile(
        mitras=mitras, ping_every_s=EVERY_S, togglers=0, customers=0, storm_peak=0, chats=0, dashboards=0
    )
    options = LoadOptions(pace, SECONDS, 0, baseline=False, blocks=0, witness=False)
    with tempfile.TemporaryDirectory(prefix="rig-bench-") as kept, Supervisor.start() as supervisor:
        directory = new_run(Path(kept), "fleet", seed, {})
        log = directory.logs / "answering.log"
        command = [sys.executable, "-m", "rig.traffic.load.noop_server"]
        supervisor.spawn("answering", command, env=caller.own(), cwd=shipped(), log=log)
        url = f"http://127.0.0.1:{port_of(log)}"
        arm = {"instances": [{"public": url, "internal": url}], "jwt_secret": SECRET, "internal_token": ""}
        ids = [str(uuid.UUID(int=number)) for number in range(mitras)]
        people = {"mitras": ids, "takers": [], "togglers": [], "customers": [], "away": False}
        prepared = {"plan": options.plan(seed).plain(), "arms": {"on": arm}, "people": {"on": people}}
        locust = Locust(supervisor, directory, options, prepared)
        try:
            while locust.running():
                time.sleep(LOOK_EVERY_S)
            locust.check()
            lines = list(locust.new_lines())
        finally:
            locust.close()
    code = show(mitras, lines)
    return ended(code, settings, ["rig", "bench", "--fleet", str(mitras)], seed)


def show(mitras: int, lines: list[dict[str, Any]]) -> int:
    tallies = [line for line in lines if line["kind"] == "tally"]
    (generator,) = [line for line in lines if line["kind"] == "generator"]
    out = console()
    out.print(
        f"{mitras} mitras who ping every {EVERY_S:g} s, from one process of Locust, at a server that does nothing"
    )
    figures = figures_of(tallies, generator)
    print_figures(figures, out)
    if generator["cpu"] > BUSY:
        out.print(f"inconclusive: the generator was busy for {generator['cpu']:.0%} of its time: it measured itself")
        return 2
    return 0 if tallies and all(figure.reached in (None, True) for figure in figures) else 1


def figures_of(tallies: list[dict[str, Any]], generator: dict[str, Any]) -> list[Figure]:
    planned, completed = (sum(tally[name] for tally in tallies) for name in ("planned", "completed"))
    p99 = {kind: quantile_ms(merged(tally[kind] for tally in tallies), 0.99) for kind in ("off", "raw", "corrected")}
    return [
        Figure("pings planned", planned, ""),
        Figure("not completed", planned - completed, "", 0),
        Figure("pings a second", planned / SECONDS, "1/s"),
        Figure("late to its own plan: p99", p99["off"], "ms", OFF_P99_MS),
        Figure("latency from the sending: p99", p99["raw"], "ms"),
        Figure("latency from the plan: p99", p99["corrected"], "ms"),
        Figure("share of one core", generator["cpu"], "", BUSY),
        Figure("memory", generator["rss_mb"], "MB", MEMORY_MB),
    ]


def port_of(log: Path) -> int:
    """The port that the server printed, behind the time that the supervisor puts before each line. TimeoutError if none."""

    def printed() -> int:
        words = log.read_text().split() if log.exists() else []
        if not words or not words[-1].isdigit():
            raise NotYet(f"{' '.join(words) or 'nothing'} ({log})")
        return int(words[-1])

    return wait_until(printed, STARTED_S, "the answering server to print its port")
