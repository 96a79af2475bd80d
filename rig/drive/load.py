"""Runs a load: mitras at the written pace, a storm of beacon polls; SQL and Valkey counted at the source."""

import json
import os
import signal
import sys
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

from rig.config import Settings
from rig.drive.bench import Bench
from rig.drive.cadence import Cadence
from rig.drive.checklist import versions
from rig.drive.replay import replay_command
from rig.drive.session import Session, conclude, draw_random_seed, run_session
from rig.drive.stackspec import level_of, mapped_schema, stack_spec
from rig.drive.watch import Exits, keep_logs, rescued
from rig.record import Recorder
from rig.record.verdict import EXIT_INTERRUPTED
from rig.stack import ServerInstance, open_stack
from rig.stack.paths import CHECKOUT
from rig.traffic import Mitra
from rig.traffic.load import LoadPace, actors

LOCUSTFILE = CHECKOUT / "loadtest" / "locustfile.py"
WRITTEN = {"auto-offline": 30, "heartbeat-mirror": 60, "reconcile": 300}
SENT = {"sent_share": 0.95, "late_s": 1.0}
BOUNDS: dict[str, dict[str, float]] = {
    "CLAIM-01": {"mirror_every_s": WRITTEN["heartbeat-mirror"], "fallback_share": 0.01, **SENT},
    "CLAIM-02": {"snapshot_s": 10.0, "slack": 2.0, "query_share": 0.001, **SENT},
    "CLAIM-03": {"answer_s": 5.0, **SENT},
}
OVERTIME_S = 60.0  # what Locust may take to start, spawn and end, on top of the window
TOGGLERS = 8
LOOK_EVERY_S = 0.1


def run(settings: Settings, mitras: int, seconds: float, pace: LoadPace | None = None) -> int:
    """The whole command; returns its exit code."""
    from rig.report import print_summary

    mapped_schema(settings)
    pace = pace or LoadPace(mitras=mitras)
    seed = draw_random_seed(settings.random_seed)
    words = ["rig", "load", "--mitras", str(pace.mitras), "--seconds", f"{seconds:g}"]
    replay = replay_command(words, settings, seed)
    print(f"{pace.mitras} mitras for {seconds:g} s, random seed {seed}", flush=True)
    meta = {
        "command": replay,
        "cadence": "written",
        "level": level_of(settings),
        "schema": settings.schema and str(settings.schema),
        "strict": settings.strict,
        "load": {**asdict(pace), "seconds": seconds},
        "stack": {"mode": settings.mode, "sut": settings.sut, **versions()},
    }
    plan = {"scenario": f"{pace.mitras} mitras for {seconds:g} s", "bounds": BOUNDS}
    interrupted = False
    with run_session(
        "load", settings.reports, seed, items=list(BOUNDS), replay=replay, meta=meta, plan=plan
    ) as session:
        try:
            with rescued(session.recorder):
                play(session, settings, pace, seconds)
        except KeyboardInterrupt:
            interrupted = True
            session.recorder.write("weakness", text="interrupted by Ctrl-C")
    results = conclude(session.directory)
    print_summary(results, session.directory)
    return EXIT_INTERRUPTED if interrupted else int(results["exit_code"])


def play(session: Session, settings: Settings, pace: LoadPace, seconds: float) -> None:
    """From an empty stack to the last count. What goes wrong comes out as an exception."""
    recorder = session.recorder
    spec = replace(stack_spec(settings, Path(".")), logs=session.directory.logs.resolve())
    with open_stack(spec, session.supervisor, "load") as stack:
        bench = Bench(
            stack, recorder, Cadence("written"), session.random_seed, settings.ready_within_s, mapped_schema(settings)
        )
        try:
            server = stack.server("a", env=bench.environment_for(**WRITTEN), proxied=False)
            bench.empty_stores()
            server.start(ready_within_s=settings.ready_within_s)
            bench.read_by_contract()
            bench.servers["a"] = server
            recorder.mask(server.internal_token, "$INTERNAL_API_TOKEN")
            recorder.mask(server.jwt_secret, "$JWT_SECRET")
            exits = Exits(bench)
            with rescued(recorder, exits):
                course(session, bench, server, exits, pace, seconds)
        finally:
            keep_logs(bench)
            bench.close()


def course(
    session: Session, bench: Bench, server: ServerInstance, exits: Exits, pace: LoadPace, seconds: float
) -> None:
    """Everybody online, then the window, then what it cost."""
    began = time.time()
    ids = [row.id for row in bench.fixtures.mitras(pace.mitras, "mitra")]
    go_online(server, ids)
    plan = actors(pace, session.random_seed, seconds, server, ids)
    planned: Counter[str] = Counter()
    for one in plan:
        planned[one["action"]] += len(one["moments_s"])
    session.recorder.write("load", planned=dict(planned))
    send(session, exits, {"host": server.public_url, "seconds": seconds, "actors": plan})
    window = window_of(session)
    if window is not None:
        session.recorder.write("phase", name="start", **{"from": began, "to": window["from"]})
        session.recorder.write("phase", name="window", **{"from": window["from"], "to": window["to"]})
        count(bench, session.recorder, window["from"], window["to"])


def go_online(server: ServerInstance, ids: list[str]) -> None:
    """Toggle them all by the API, a few at a time; ValueError when one is refused."""
    with ThreadPoolExecutor(TOGGLERS) as pool:
        for exchange in pool.map(lambda id: Mitra.from_secret(server, id).online(), ids):
            if not exchange.ok:
                raise ValueError(f"a mitra could not go online before the load: {exchange}")


def send(session: Session, exits: Exits, plan: dict[str, Any]) -> None:
    """Locust as a process of its own, until it has carried the plan out; OSError when it ends in another way."""
    path = session.supervisor.temporary_directory("load") / "plan.json"
    path.touch(mode=0o600)  # it holds tokens
    path.write_text(json.dumps({"run": str(session.directory.path.resolve()), **plan}))
    users = str(len(plan["actors"]))
    command = [
        sys.executable,
        "-m",
        "locust",
        "-f",
        str(LOCUSTFILE),
        "--headless",
        "--only-summary",
        "--exit-code-on-error",
        "0",
    ]
    command += ["--users", users, "--spawn-rate", users, "--loglevel", "WARNING"]
    log = session.directory.logs / "locust.log"
    environment = {**os.environ, "RIG_INTERNAL_LOAD": str(path)}
    process = session.supervisor.spawn("locust", command, env=environment, cwd=CHECKOUT, log=log)
    deadline = time.monotonic() + plan["seconds"] + OVERTIME_S
    try:
        while process.poll() is None and time.monotonic() < deadline:
            exits.note()
            time.sleep(LOOK_EVERY_S)
    finally:
        if process.poll() is None:
            process.signal(signal.SIGKILL, tree=True)
    if process.wait(5.0) != 0:
        tail = " / ".join(line.partition(" ")[2] for line in log.read_text().splitlines()[-6:])
        raise OSError(f"Locust ended with {process.poll()} ({log}): {tail}")


def window_of(session: Session) -> dict[str, Any] | None:
    """The measured window, as Locust recorded it at its end."""
    path = session.directory.path / "record-locust.jsonl"
    lines = path.read_text().splitlines() if path.exists() else []
    return next((json.loads(line) for line in reversed(lines) if '"kind": "window"' in line), None)


def count(bench: Bench, recorder: Recorder, since: float, until: float) -> None:
    """Every statement of the servers in the window, and every recompute that Valkey saw, into the record."""
    bench.statements.fence(bench.tables.connection)
    for statement in bench.statements.window(since, until):
        plain = statement.plain()
        if plain["class"] != "observer":
            recorder.write("statement", t=plain["at"], **plain)
    bench.monitor.fence()
    commands = [command for command in bench.monitor.window(since, until) if command.instance is not None]
    recomputes = [{"at": c.at, "text": str(c)} for c in commands if c.verb in ("SDIFF", "SDIFFSTORE")]
    blind = [span for span in bench.monitor.blind if span[0] < until and span[1] > since]
    lag_s = round(bench.lag.worst(since, until), 3)
    recorder.write("valkey_commands", total=len(commands), recomputes=recomputes, blind=blind, lag_s=lag_s)
