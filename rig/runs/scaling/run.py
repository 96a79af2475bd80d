"""Measures how the server's operations grow with the fleet, beside what the stores alone take: `rig load --scale`."""

import statistics
import sys
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

from rich.console import Console
from typer import echo

from rig import caller
from rig.config import Settings
from rig.contract import PING
from rig.environment.cadence import Cadence
from rig.environment.stack_spec import level_of, stack_spec
from rig.environment.testbed import Testbed
from rig.errors import UsageError
from rig.paths import shipped
from rig.record import RecordWriter
from rig.record.histogram import quantile
from rig.record.lines.common import Weakness
from rig.record.lines.scaling import Growth, Memory, PingsDuring
from rig.record.verdict import EXIT_INTERRUPTED
from rig.runs.common.conclude import conclude
from rig.runs.common.failures import Exits, keep_logs, rescued
from rig.runs.common.replay import replay_command
from rig.runs.common.run_facts import run_facts
from rig.runs.common.seeds import draw_random_seed
from rig.runs.common.session import Session, run_session
from rig.runs.scaling.probe import TICK_S, TICKS, FleetSize, NotSeen, median
from rig.runs.scaling.store_baseline import Floors
from rig.stack import open_stack
from rig.traffic.actors.tokens import mint
from rig.traffic.load.open_loop import Shot, head
from rig.traffic.load.open_loop_process import ending, shots_of, write_plan

SIZES = (300, 1000, 3000, 10_000, 30_000, 100_000)
SIZE_MIN, SIZE_MAX = 10, 300_000
BOUNDS: dict[str, dict[str, float]] = {
    "GROWTH-01": {"exponent": 1.05, "size": 10_000},
    "GROWTH-02": {"size": 100_000, "times": 2.0},
    "GROWTH-03": {"size": 100_000, "within_s": 1.0},
    "GROWTH-04": {"p99_ms": 50.0, "pings": 200},
    # After a FLUSHDB Postgres answers until the seed is done: that is an outage, with the contract's bound.
    "GROWTH-05": {"p99_ms": 5000.0, "pings": 200},
}
PINGS_A_SECOND, PINGERS = 200, 200
CALM_S = 3.0
STORM_MAX_S, STRIKES_MAX = 60.0, 6
ENOUGH_S = 3.0  # of blasts, or of reseeds, under pings


def sizes_of(text: str | None) -> tuple[int, ...]:
    """The sizes asked for, in order. UsageError for what is none."""
    if text is None:
        return SIZES
    words = [word.strip() for word in text.split(",") if word.strip()]
    if not words or not all(word.isascii() and word.isdigit() and SIZE_MIN <= int(word) <= SIZE_MAX for word in words):
        raise UsageError(f"--sizes {text}: whole numbers from {SIZE_MIN} to {SIZE_MAX}, a comma between, say 300,1000")
    return tuple(sorted({int(word) for word in words}))


def run(settings: Settings, sizes: str | None = None) -> int:
    """The whole command; returns its exit code."""
    from rig.report import print_summary
    from rig.report.growth import print_table

    chosen = sizes_of(sizes)
    seed = draw_random_seed(settings.random_seed)
    words = ["rig", "load", "--scale", *(["--sizes", ",".join(map(str, chosen))] if chosen != SIZES else [])]
    replay = replay_command(words, settings, seed)
    told = ", ".join(f"{size:,}" for size in chosen)
    echo(f"growth: {told} mitras, random seed {seed}")
    meta = {
        "command": replay,
        "level": level_of(settings),
        "strict": settings.strict,
        **run_facts(settings, stack_spec(settings, Path("."))),
    }
    plan = {"scenario": f"growth: {told} mitras", "bounds": BOUNDS}
    with run_session(
        "load", settings.reports, seed, items=list(BOUNDS), replay=replay, meta=meta, plan=plan
    ) as session:
        with rescued(session.recorder):
            play(session, settings, chosen)
    results = conclude(session.directory)
    print_table(results, Console())
    print_summary(results, session.directory)
    return EXIT_INTERRUPTED if session.interrupted else int(results["exit_code"])


def play(session: Session, settings: Settings, sizes: Sequence[int]) -> None:
    """One stack for all sizes; what goes wrong comes out as an exception."""
    recorder = session.recorder
    spec = replace(stack_spec(settings, Path(".")), logs=session.directory.logs.resolve())
    with open_stack(spec, session.supervisor, "scale") as stack:
        bench = Testbed(stack, recorder, Cadence("written"), session.random_seed, settings.ready_within_s)
        bench.monitor.close()  # it would cost more than what it watches
        try:
            first = stack.server("a", env=bench.environment_for(), proxied=False)
            recorder.mask(first.internal_token, "$INTERNAL_API_TOKEN")
            recorder.mask(first.jwt_secret, "$JWT_SECRET")
            first.start(ready_within_s=settings.ready_within_s)  # makes its tables
            first.stop()
            bench.mirror.flush()
            empty = bench.mirror.client.info("memory")["used_memory"]
            floors = Floors(stack.valkey.url, stack.postgres.url)
            exits = Exits(bench)
            try:
                with rescued(recorder, exits):
                    for size in sizes:
                        measure(bench, floors, size, empty, last=size == sizes[-1])
            finally:
                floors.close()
        finally:
            keep_logs(bench)
            bench.close()


def measure(bench: Testbed, floors: Floors, size: int, empty: int, *, last: bool) -> None:
    """Every figure of one size, each written as it is there."""
    fleet, recorder = FleetSize(bench, floors, size), bench.recorder
    bench.mirror.flush()
    fleet.plant()
    times = 3 if size > 20_000 else 5

    def note(operation: str, seconds: Callable[[], float], **floor: float) -> None:
        try:
            recorder.add(Growth(t=time.time(), operation=operation, size=size, seconds=seconds(), **floor))
        except NotSeen as lack:
            recorder.add(Growth(t=time.time(), operation=operation, size=size, seconds=None, **floor))
            recorder.add(Weakness(t=time.time(), text=f"{operation} at {size} mitras: {lack}"))

    echo(f"  {size:,} mitras")
    floor, packed = floors.seed(fleet.ids), floors.seed_packed(fleet.ids)
    looks = median(floors.look, times)
    beats = median(floors.beats, times)
    fleet.serve()
    recorder.add(Memory(t=time.time(), size=size, **fleet.memory(empty)))
    note("reseed", lambda: median(lambda: fleet.reseed()[0], times), floor=floor, packed=packed)
    note("available", lambda: median(fleet.available, times), floor=looks)
    note("beacon", lambda: median(fleet.beacon, times), floor=looks)
    blasts: list[tuple[float, float, float, float]] = []
    with suppress(NotSeen):
        blasts = [fleet.blast() for _ in range(3)]
    chat = bench.fixtures.session(fleet.customer().id or "", status="searching").id
    copied = floors.offers(chat, fleet.ids)
    note("blast", lambda: of_blasts(blasts, 0), floor=looks + copied)
    note("offers", lambda: of_blasts(blasts, 1), floor=copied)
    if last:
        storms(fleet, recorder)
    updated = floors.unnest(fleet.ids)
    fleet.serve(**{"heartbeat-mirror": TICK_S})
    note("unnest", lambda: median(fleet.unnest, TICKS), floor=updated)
    fleet.serve(**{"auto-offline": TICK_S})
    note("sweep", lambda: median(fleet.tick, TICKS), floor=beats)


def of_blasts(blasts: Sequence[tuple[float, float, float, float]], place: int) -> float:
    if not blasts:
        raise NotSeen("the blast did not reach everybody")
    return statistics.median(blast[place] for blast in blasts)


def storms(fleet: FleetSize, recorder: RecordWriter) -> None:
    """Pings at planned moments, in calm and then while one operation is repeated: how long they wait for it."""
    server = fleet.bench.server()
    url = server.public_url.rstrip("/") + PING
    requests = [head("POST", url, mint(server.jwt_secret or "", id, "mitra")) for id in fleet.ids[:PINGERS]]
    supervisor = fleet.bench.stack.supervisor
    for during, strike in (("blast", fleet.blast), ("reseed", fleet.reseed)):
        begin, epoch = time.monotonic() + 1.0, time.time() - time.monotonic()
        plan = supervisor.temporary_directory(f"storm-{during}") / "plan.json"
        write_plan(plan, url, requests, begin, PINGS_A_SECOND, STORM_MAX_S)
        command = [sys.executable, "-m", "rig.traffic.load.open_loop_process", str(plan)]
        process = supervisor.spawn(
            f"storm-{during}",
            command,
            env=caller.own(),
            cwd=shipped(),
            log=fleet.bench.stack.spec.logs / "storm.log",
        )
        time.sleep(max(0.0, begin + CALM_S - time.monotonic()))
        spans: list[tuple[float, float]] = []
        try:
            while len(spans) < STRIKES_MAX and sum(to - since for since, to in spans) < ENOUGH_S:
                found: tuple[Any, ...] = strike()
                spans.append((found[-2] - epoch, found[-1] - epoch))
                time.sleep(0.5)
        except NotSeen as lack:
            recorder.add(Weakness(t=time.time(), text=f"under pings: {lack}"))
        ending(plan).touch()
        process.wait(STORM_MAX_S)
        shots = shots_of(plan)
        inside = [shot for shot in shots if any(since <= shot.planned < to for since, to in spans)]
        calm = [shot for shot in shots if begin + 1.0 <= shot.planned < begin + CALM_S]
        if inside:
            recorder.add(
                PingsDuring(
                    t=time.time(),
                    during=during,
                    size=fleet.size,
                    sent=len(inside),
                    times=len(spans),
                    failed=sum(shot.status != 200 for shot in inside),
                    p50_ms=latency(inside, 0.5),
                    p99_ms=latency(inside, 0.99),
                    slowest_ms=latency(inside, 1.0),
                    calm_p99_ms=latency(calm, 0.99),
                )
            )


def latency(shots: Sequence[Shot], share: float) -> float:
    """In ms, from the planned moment."""
    found = quantile([shot.seconds for shot in shots], share)
    return round((found or 0.0) * 1000, 2)
