"""Measures the generator by itself: how many mitras one core can keep pinging in time. `rig bench --fleet`."""

import os
import resource
import sys
import tempfile
import time
from pathlib import Path

import uvloop
from rich.console import Console

from rig.config import Settings
from rig.drive.goals import Figure, print_figures
from rig.drive.session import draw_random_seed
from rig.stack import Supervisor
from rig.stack.paths import CHECKOUT
from rig.traffic.fleet import Fleet, Tally, quantile
from rig.traffic.tokens import mint

EVERY_S, SECONDS = 30.0, 35.0  # so that each mitra has pinged once at least
SECRET = "of-nobody" * 4  # the tokens are as long as real ones; whoever answers does not read them
OFF_P99_MS, MEMORY_MB, BUSY = 5.0, 300.0, 0.70
STARTED_S = 10.0


def run(settings: Settings, mitras: int) -> int:
    """Exit code 0 when the goals are reached, 1 when one is not, 2 when the generator itself was saturated."""
    seed = draw_random_seed(settings.random_seed)
    with tempfile.TemporaryDirectory(prefix="rig-bench-") as logs, Supervisor.start() as supervisor:
        log = Path(logs) / "answering.log"
        command = [sys.executable, "-m", "rig.traffic.answering"]
        supervisor.spawn("answering", command, env=dict(os.environ), cwd=CHECKOUT, log=log)
        url = f"http://127.0.0.1:{port_of(log)}"
        tokens = [mint(SECRET, f"00000000-0000-4000-8000-{number:012x}", "mitra") for number in range(mitras)]
        began, busy = time.monotonic(), time.process_time()
        tally = uvloop.run(Fleet(url, tokens, EVERY_S, seed).run(SECONDS))
        share = (time.process_time() - busy) / (time.monotonic() - began)
    console = Console()
    console.print(f"{mitras} mitras who ping every {EVERY_S:g} s, from one process, at a server that does nothing")
    figures = figures_of(tally, share)
    print_figures(figures, console)
    if share > BUSY:
        console.print(f"inconclusive: the generator was busy for {share:.0%} of its time: it measured itself")
        return 2
    return 0 if tally.adds_up and all(figure.reached in (None, True) for figure in figures) else 1


def figures_of(tally: Tally, share: float) -> list[Figure]:
    return [
        Figure("pings planned", tally.planned, ""),
        Figure("not completed", tally.planned - tally.completed, "", 0),
        Figure("pings a second", tally.planned / SECONDS, "1/s"),
        Figure("late to its own plan: p99", in_ms(quantile(tally.off, 0.99)), "ms", OFF_P99_MS),
        Figure("latency from the sending: p99", in_ms(quantile(tally.raw, 0.99)), "ms"),
        Figure("latency from the plan: p99", in_ms(quantile(tally.corrected, 0.99)), "ms"),
        Figure("share of one core", share, "", BUSY),
        Figure("memory", resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024, "MB", MEMORY_MB),
    ]


def in_ms(seconds: float | None) -> float | None:
    return None if seconds is None else seconds * 1000


def port_of(log: Path) -> int:
    """TimeoutError when it does not say it in time. The supervisor puts a time before each line."""
    until = time.monotonic() + STARTED_S
    while time.monotonic() < until:
        words = log.read_text().split() if log.exists() else []
        if words and words[-1].isdigit():
            return int(words[-1])
        time.sleep(0.02)  # between two looks
    raise TimeoutError(f"the answering server did not start within {STARTED_S:g} s: {log}")
