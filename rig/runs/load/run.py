"""Runs a load: mitras at the written pace and a storm of polls, with the mirror and without it; what it costs is counted at the source."""

import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import msgspec
from typer import echo

from rig.config import Settings
from rig.environment.stack_spec import mapped_schema, stack_spec
from rig.observe import LagSentinel
from rig.observe.postgres.ledger import LedgerBroken
from rig.record.arms import NAMES
from rig.record.lines import line_from
from rig.record.lines.common import Lag
from rig.record.lines.load import ArmUp, Load, NoBaseline, Phases, PhaseSpan, Unfenced, Unseeded, Window
from rig.runs.common.failures import Exits, keep_logs, rescued
from rig.runs.common.replay import replay_command
from rig.runs.common.scaffold import carry_out
from rig.runs.common.seeds import draw_random_seed
from rig.runs.common.session import RunPlan, Session
from rig.runs.load.arm import Arm, NeverSeeded, shared_secrets
from rig.runs.load.bounds import bounds_of
from rig.runs.load.counters import Witnesses
from rig.runs.load.live_display import Live
from rig.runs.load.locust_process import Locust
from rig.runs.load.plan import IDLE, SETTLE, LoadOptions
from rig.stack import ServerDied, open_stack
from rig.traffic.load.schedule import LoadPlan

LOOK_EVERY_S = 0.1
USAGE_EVERY_S = 1.0
EARLY_S = 0.4  # before the end of an idle span its counters are read


def run(settings: Settings, options: LoadOptions, words: list[str]) -> int:
    """The whole command; returns its exit code. `words` are those that a replay begins with."""
    plan = plan_of(settings, options, words, draw_random_seed(settings.random_seed))
    return carry_out(settings, plan, lambda session: play(session, settings, options)).exit_code


def plan_of(settings: Settings, options: LoadOptions, words: list[str], seed: int) -> RunPlan:
    """What a run of this load has to answer. UsageError for a threshold that cannot be read."""
    bounds = bounds_of(options)
    scenario = f"{options.pace.mitras} mitras for {options.seconds:g} s"
    return RunPlan(
        "load",
        list(bounds),
        command=replay_command(words, settings, seed),
        headline=f"{scenario}, random seed {seed}",
        random_seed=seed,
        spec=stack_spec(settings, Path(".")),
        meta={"cadence": "written"},
        judging={"scenario": scenario, "bounds": bounds},
    )


def play(session: Session, settings: Settings, options: LoadOptions) -> None:
    """From empty stacks to the last count. The caller records exceptions."""
    plan = options.plan(session.random_seed)
    told = {"arms": options.arms, "instances": options.instances, **plan.plain()}
    session.recorder.add(line_from(Load, told))
    with opened_arms(session, settings, options) as arms, LagSentinel() as lag:
        try:
            prepare(session, settings, options, arms)
        except NeverSeeded as failure:
            session.recorder.add(Unseeded(t=time.time(), text=str(failure)))
            return
        exits = [Exits(arm) for arm in arms]
        with ExitStack() as logs:
            for arm in arms:
                logs.callback(keep_logs, arm, arm=arm.id)
            for one in exits:
                logs.enter_context(rescued(session.recorder, one))
            run_phases(session, options, plan, arms, exits, lag)


@contextmanager
def opened_arms(session: Session, settings: Settings, options: LoadOptions) -> Iterator[list[Arm]]:
    """One stack per arm, so that one arm's statements never show in the other's counters."""
    spec = replace(
        stack_spec(settings, Path(".")), logs=session.directory.logs.resolve(), autovacuum=not options.witness
    )
    with ExitStack() as stacks:
        entered = [open_stack(spec, session.supervisor, f"load-{id}") for id in options.arms]
        schema = mapped_schema(settings)
        arms = [
            Arm(id, stacks.enter_context(one), session.recorder, schema)
            for id, one in zip(options.arms, entered, strict=True)
        ]
        for arm in arms:
            stacks.callback(arm.close)
        shared_secrets(arms)
        yield arms


def prepare(session: Session, settings: Settings, options: LoadOptions, arms: list[Arm]) -> None:
    """Start the servers and put everybody online in both arms. A server without `off` leaves only the arm `on`."""
    pace = options.pace

    def prepare_arm(arm: Arm) -> None:
        arm.start(options.instances, options.cadences, settings.ready_within_s, options.bind)
        arm.plant(pace.mitras, pace.togglers, pace.chats)

    with ThreadPoolExecutor(len(arms)) as pool:
        for arm, future in [(arm, pool.submit(prepare_arm, arm)) for arm in arms]:
            try:
                future.result()
            except ServerDied as error:
                if arm.id == "on":
                    raise
                text = f"the server does not start with AVAILABILITY_MIRROR=off: {str(error).splitlines()[0]}"
                session.recorder.add(NoBaseline(t=time.time(), text=text))
    for arm in [arm for arm in arms if not all(server.running for server in arm.servers.values())]:
        arms.remove(arm)
    for arm in arms:
        most = pace.mitras + pace.togglers
        session.recorder.add(
            ArmUp(
                t=time.time(), arm=arm.id, fleet=pace.mitras, online=most, instances=list(arm.servers), pids=arm.pids()
            )
        )


def run_phases(
    session: Session, options: LoadOptions, plan: LoadPlan, arms: list[Arm], exits: list[Exits], lag: LagSentinel
) -> None:
    """Carry out the plan, read counters between its phases, then record what it cost."""
    ids = {arm.id for arm in arms}
    plan_facts = plan.plain()
    for phase in plan_facts["phases"]:
        phase["arms"] = [arm for arm in phase["arms"] if arm in ids]
    people = {arm.id: arm.people.plain() for arm in arms}
    prepared = {"plan": plan_facts, "arms": {arm.id: arm.go() for arm in arms}, "people": people}
    with ExitStack() as stack:
        witnesses = [stack.enter_context(Witnesses(arm)) for arm in arms]
        locust = Locust(session.supervisor, session.directory, options, prepared)
        stack.callback(locust.close)
        if options.web:
            echo(f"Locust's web UI: http://127.0.0.1:{options.web_port} (start it there; judged when all is sent)")
        live = stack.enter_context(Live(arms, plan))
        span = watched(session, options, plan, arms, exits, witnesses, locust, live)
        if options.web:
            locust.close()
        else:
            locust.check()
        began, until = span or (0.0, 0.0)
        for arm in [arm for arm in arms if span and arm.counted is None]:
            live.say(f"counting the statements of the server {NAMES[arm.id]}")
            if options.blocks:
                arm.log_statements(True)
            try:
                arm.record_statements(began, until)
            except TimeoutError as missing:
                session.recorder.add(Unfenced(t=time.time(), arm=arm.id, text=str(missing)))
        for witness in witnesses:
            witness.tell()
        session.recorder.add(Lag(t=time.time(), worst_s=round(lag.worst(began, until), 3)))
        gone = [one.note() for one in exits]
        if span is not None and not any(gone):
            session.recorder.add(Window(t=time.time(), since=began, until=until))


def watched(
    session: Session, options: LoadOptions, plan: LoadPlan, arms: list[Arm], exits: list[Exits],
    witnesses: list[Witnesses], locust: Locust, live: Live,
) -> tuple[float, float] | None:  # fmt: skip
    """Read Locust's record and carry out due readings until it ends. Returns the span before the blocks; None if the plan never began."""
    due: list[tuple[float, Callable[[], None]]] = []
    span: tuple[float, float] | None = None
    usage_at = 0.0
    over = False
    while locust.running() and not (over and options.web):  # a web UI would stay when all is sent
        for line in locust.new_lines():
            live.take(line)
            over = over or line["kind"] == "traffic_end"
            if line["kind"] == "go":
                span = line["from"], max(one["to"] for one in line["phases"] if not one["name"].startswith("block"))
                due = edges(options, line["phases"], arms, witnesses, session)
        while due and due[0][0] <= time.time():
            due.pop(0)[1]()
        if time.time() >= usage_at:
            usage_at = time.time() + USAGE_EVERY_S
            for witness in witnesses:
                witness.usage()
        gone = [one.note() for one in exits]  # of each, so that each is noted
        if any(gone):
            return span  # a server exited: requests after that measure nothing
        live.draw()
        time.sleep(LOOK_EVERY_S)
    for line in locust.new_lines():
        live.take(line)
    return span


def edges(
    options: LoadOptions, phases: list[dict[str, Any]], arms: list[Arm], witnesses: list[Witnesses], session: Session
) -> list[tuple[float, Callable[[], None]]]:
    """Readings and their times: counters at the end of idle phases, the statement log at blocks."""
    due: list[tuple[float, Callable[[], None]]] = []
    by_name = {phase["name"]: phase for phase in phases}
    session.recorder.add(Phases(t=time.time(), phases=msgspec.convert(phases, list[PhaseSpan])))
    for name in (SETTLE, IDLE):
        if name in by_name:
            due += [(by_name[name]["to"] - EARLY_S, witness.counters(name)) for witness in witnesses]
    measured = [phase for phase in phases if phase["arms"] and not phase["name"].startswith("block")]
    due += [(measured[0]["from"], witness.commands("begin")) for witness in witnesses]
    due += [(measured[-1]["to"] + EARLY_S, witness.commands("end")) for witness in witnesses]
    for arm in arms:
        if arm.counted is not None:
            due.append((measured[0]["from"] - EARLY_S, arm.counted.begin))
            due.append((measured[-1]["to"] + EARLY_S, counts_of(arm, (measured[0]["from"] + measured[-1]["to"]) / 2)))
    by_arm = {arm.id: (arm, witness) for arm, witness in zip(arms, witnesses, strict=True)}
    for block, alone, logged in options.block_phases():
        if alone in by_arm:
            due += by_arm[alone][1].block(by_name[block.name], logged)
    return sorted(due, key=lambda moment: moment[0])


def counts_of(arm: Arm, at: float) -> Callable[[], None]:
    """Takes what pg_stat_statements counted; counts that were lost make the run inconclusive."""

    def take() -> None:
        try:
            arm.record_counts(at)
        except LedgerBroken as lost:
            arm.recorder.add(Unfenced(t=time.time(), arm=arm.id, text=str(lost)))

    return take
