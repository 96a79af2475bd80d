"""Measures what an outage costs under a storm of beacon polls, beside the goals: `rig bench`."""

import asyncio
import tempfile
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

from rich.console import Console
from typer import echo

from rig.checks.common.sql_statements import is_availability_query
from rig.config import Settings
from rig.contract import BEACON, SEED_LINE
from rig.environment.cadence import Cadence
from rig.environment.stack_spec import mapped_schema, stack_spec
from rig.environment.testbed import Testbed
from rig.record.null_recorder import NullRecorder
from rig.runs.benchmark.table import Figure, print_figures
from rig.runs.common.replay import replay_command
from rig.stack import CapabilityMissing, Supervisor, open_stack
from rig.traffic.actors.mitra import go_online
from rig.traffic.load.open_loop import Shot, fire

MITRAS = 300
WARM_S, CALM_S, HANG_S, BACK_S, FLUSH_S = 2.0, 6.0, 8.0, 12.0, 8.0
# The goals, in ms, 1/s and s.
HANG_P99_MS, QUERIES_A_SECOND, BACK_WITHIN_S, RESEED_WITHIN_S = 500.0, 1.0, 10.0, 5.0
GENERATOR_LATE_MS = 50.0  # a generator that is itself later than this has measured itself


def run(settings: Settings, polls_a_second: int) -> int:
    """Exit code 0 when every goal is reached, 1 when one is not, 2 when the storm itself was not what it should be."""
    spec = stack_spec(settings, Path("."))
    with tempfile.TemporaryDirectory(prefix="rig-bench-") as logs, Supervisor.start() as supervisor:
        with open_stack(replace(spec, logs=Path(logs)), supervisor, "bench") as stack:
            bench = Testbed(
                stack,
                NullRecorder(),
                Cadence("written"),
                0,  # nothing is drawn
                settings.ready_within_s,
                mapped_schema(settings),
            )
            try:
                figures = measure(bench, polls_a_second)
            except CapabilityMissing as lack:
                echo(f"skipped: {lack}")
                return 0
            finally:
                bench.close()
    code = show(figures, polls_a_second, Console())
    words = ["rig", "bench", "--polls", str(polls_a_second)]
    echo(f"replay       {replay_command(words, settings)}")
    return code


def measure(bench: Testbed, polls_a_second: int) -> list[Figure]:
    """Calm, a hang by SIGSTOP, the way back, then FLUSHDB, all under the same storm."""
    if not hasattr(bench.stack.valkey, "pause"):
        raise CapabilityMissing("this Valkey is not a process of ours to stop: use --mode embedded")
    bench.ready(bench.environment_for())
    server = bench.server()
    go_online(server, [row.id for row in bench.fixtures.mitras(MITRAS, "mitra")])
    begin = time.monotonic() + 0.5
    epoch = time.time() - time.monotonic()
    hang = begin + WARM_S + CALM_S
    back, flush = hang + HANG_S, hang + HANG_S + BACK_S
    end = flush + FLUSH_S
    moments = [begin + number / polls_a_second for number in range(int((end - begin) * polls_a_second))]
    with ThreadPoolExecutor(1, "storm") as pool:
        storm = pool.submit(lambda: asyncio.run(fire(server.public_url.rstrip("/") + BEACON, moments)))
        try:
            until(hang)
            bench.stack.valkey.pause()
            hung = time.monotonic()
            until(back)
        finally:
            bench.stack.valkey.resume()
        resumed = time.monotonic()
        until(flush)
        bench.mirror.client.flushdb()
        flushed = time.monotonic()
        shots = storm.result(end - flushed + 30)
    bench.statements.fence(bench.tables.connection)
    asked = [s.at for s in bench.statements.window(hung + epoch, end + epoch) if is_availability_query(s)]
    seeds = [at for at, _ in bench.log().lines(containing=SEED_LINE)]
    calm = between(shots, begin + WARM_S, hang)
    in_hang = between(shots, hung, resumed)
    queries = sum(hung + epoch <= at < resumed + epoch for at in asked)
    last = max((at for at in asked if at < flushed + epoch), default=hung + epoch)
    unanswered = sum(shot.status != 200 for shot in shots)
    return [
        Figure("polls that were not answered 200", unanswered, "", 0),
        Figure("storm offered", len(calm) / CALM_S, "1/s"),
        Figure("calm: p99", p99_ms(calm), "ms"),
        Figure("hang: p99", p99_ms(in_hang), "ms", HANG_P99_MS),
        Figure("hang: slowest", max((shot.seconds * 1000 for shot in in_hang), default=None), "ms"),
        Figure("hang: p99 over calm", ratio(p99_ms(in_hang), p99_ms(calm)), "times"),
        Figure("hang: availability queries", queries / (resumed - hung), "1/s", QUERIES_A_SECOND),
        Figure("hang over → last poll that asked Postgres", max(0.0, last - resumed - epoch), "s", BACK_WITHIN_S),
        Figure("hang over → seed", first_after(seeds, resumed + epoch), "s", BACK_WITHIN_S),
        Figure("FLUSHDB → seed", first_after(seeds, flushed + epoch), "s", RESEED_WITHIN_S),
    ]  # fmt: skip


def until(moment: float) -> None:
    time.sleep(max(0.0, moment - time.monotonic()))


def between(shots: Sequence[Shot], since: float, end: float) -> list[Shot]:
    return [shot for shot in shots if since <= shot.planned < end]


def p99_ms(shots: Sequence[Shot]) -> float | None:
    latencies = sorted(shot.seconds * 1000 for shot in shots)
    return latencies[min(len(latencies) - 1, int(len(latencies) * 0.99))] if latencies else None


def ratio(one: float | None, other: float | None) -> float | None:
    return one / other if one is not None and other else None


def first_after(moments: Sequence[float], since: float) -> float | None:
    """Seconds from `since` to the first of these; None when none came."""
    return next((at - since for at in sorted(moments) if at >= since), None)


def show(figures: Sequence[Figure], polls_a_second: int, console: Console) -> int:
    console.print(f"{MITRAS} mitras, {polls_a_second} beacon polls a second")
    print_figures(figures, console)
    calm = next(figure.value for figure in figures if figure.name == "calm: p99")
    if calm is None or calm > GENERATOR_LATE_MS:
        console.print(f"inconclusive: even in calm p99 is above {GENERATOR_LATE_MS:g} ms: this machine is too busy")
        return 2
    return 0 if all(figure.reached in (None, True) for figure in figures) else 1
