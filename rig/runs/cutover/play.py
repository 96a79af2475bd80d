"""Plays one rehearsal: both stores, the traffic, the steps one after the other, and the way back if one fails."""

import threading
import time
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path

import msgspec
import redis
from typer import echo

from rig.config import Settings
from rig.environment.stack_spec import stack_spec
from rig.environment.testbed import Testbed, open_testbed
from rig.record import RecordWriter
from rig.record.lines.chaos import Phase
from rig.record.lines.cutover import (
    CutoverAttest,
    CutoverCapacity,
    CutoverDefect,
    CutoverOffline,
    CutoverProof,
    CutoverStep,
)
from rig.runs.common.failures import keep_logs, rescued
from rig.runs.common.session import Session
from rig.runs.cutover import defects, kept
from rig.runs.cutover.options import DEFAULT_PROFILE, Order
from rig.runs.cutover.plan import Step, steps
from rig.runs.cutover.rehearsal import INSTANCES, Aborted, Rehearsal, StepFailed
from rig.runs.cutover.steps import ACTIONS, hold, measured_capacity
from rig.runs.cutover.stores import Ways, store_y
from rig.stack.errors import StackError
from rig.traffic import Operator
from rig.traffic.churn.lives import ChurnPace, World

WARM_UP_S, PINGED_WITHIN_S = 3.0, 20.0
PINGING_MIN = 4  # mitras
ABORT = "abort"
OFFLINES = """
SELECT mitra_id::text, extract(epoch FROM created_at)::float8 FROM mitra_online_logs
WHERE status = 'offline' AND created_at >= to_timestamp(%s) ORDER BY id
"""


def play(session: Session, settings: Settings, order: Order) -> None:
    """From two empty stores to the last step. The caller records exceptions."""
    own_x = settings.model_copy(update={"valkey_profile": None, "valkey_tls": False})
    spec = replace(stack_spec(own_x, Path(".")), logs=session.directory.logs.resolve())
    profile = settings.valkey_profile or DEFAULT_PROFILE
    with (
        open_testbed(
            spec, session.supervisor, "cutover", session.recorder, own_x, cadence="written",
            random_seed=session.random_seed,
        ) as testbed,
        store_y(testbed.stack, profile, tls=settings.valkey_tls, wheel=settings.valkey_wheel) as y,
        ExitStack() as ending,
    ):  # fmt: skip
        testbed.monitor.close()  # it would be a client of X
        pace = order.pace
        cadences = {
            "auto-offline": max(1, round(30 / pace.factor)),
            "heartbeat-mirror": max(1, round(60 / pace.factor)),
        }
        testbed.ready(testbed.environment_for(**cadences), INSTANCES)
        ways = Ways(testbed.stack, y)
        ending.callback(ways.close)
        abort = session.directory.path / ABORT
        rehearsal = Rehearsal(testbed, y, ways, pace, abort.exists, order.plant)
        ending.callback(rehearsal.close)
        ending.callback(keep_logs, testbed)
        with rescued(session.recorder, rehearsal.exits):
            rehearse(rehearsal, settings, order)


def rehearse(rehearsal: Rehearsal, settings: Settings, order: Order) -> None:
    """The traffic, and all steps in it."""
    testbed, recorder = rehearsal.testbed, rehearsal.recorder
    note_order(recorder, settings, order)
    recorder.add(capacity(testbed, order))
    Operator(testbed.server(), None).set_config("stale_after_seconds", order.pace.stale_s)

    hiring = threading.Lock()  # the fixtures have one connection, and the people act in several threads

    def new_mitra() -> tuple[str, str]:
        with hiring:
            row = testbed.fixtures.mitra("mitra")
        return row.id, row.phone

    people = ChurnPace().faster(order.factor)
    world = World(rehearsal.taking, rehearsal.ledger, new_mitra, people, testbed.random_seed * 1000)
    rehearsal.world = world
    rehearsal.serves_from_the_start()
    world.begin()
    try:
        warm_up(rehearsal)
        defects.before_all(rehearsal)
        plan = steps(order.pace, order.hold_s)
        predicted = kept.predictions(settings.reports, order.factor)
        play_steps(rehearsal, plan, order, predicted)
    finally:
        world.lives.stop()
        note_offlines(rehearsal)


def note_order(recorder: RecordWriter, settings: Settings, order: Order) -> None:
    """What was planted, stated and proven before."""
    now = time.time()
    if order.plant:
        defect = defects.defect_named(order.plant)
        recorder.add(CutoverDefect(t=now, name=defect.name, row=defect.row, text=defect.text))
    for fact, value in order.attested:
        recorder.add(CutoverAttest(t=now, fact=fact, value=value, by=order.by))
    for row, (name, at) in kept.proofs(settings.reports).items():
        recorder.add(CutoverProof(t=now, row=row, defect=name, at=at))


def capacity(testbed: Testbed, order: Order) -> CutoverCapacity:
    """What Postgres takes, as measured or as stated."""
    if order.plant == "small-postgres":
        return CutoverCapacity(t=time.time(), per_s=1, how="planted")
    if order.sql_capacity is not None:
        return CutoverCapacity(t=time.time(), per_s=order.sql_capacity, how="stated by --sql-capacity")
    return measured_capacity(testbed.stack.postgres.observer_url)


def warm_up(rehearsal: Rehearsal) -> None:
    """Until mitras ping. What the servers used of X by then is what the preflight tries on Y."""
    rehearsal.step = "warm-up"
    until = time.monotonic() + PINGED_WITHIN_S
    rehearsal.pass_time(WARM_UP_S)
    while len(rehearsal.ledger.pings) < PINGING_MIN and time.monotonic() < until:
        rehearsal.pass_time(0.2)
    rehearsal.used_on_x = {*rehearsal.counters["X"].line("warm-up").calls}


def play_steps(rehearsal: Rehearsal, plan: Sequence[Step], order: Order, predicted: Mapping[str, float]) -> None:
    """Each step until one does not succeed. Then the instances go back to X, and what is left stays waiting."""
    last = defects.defect_named(order.plant).last if order.plant else plan[-1].name
    for number, step in enumerate(plan, 1):
        line = one_step(rehearsal, number, step, order, predicted.get(step.name))
        rehearsal.recorder.add(line)
        echo(
            f"  {number:2} {step.title}: {line.state}, {line.seconds:.1f} s{f' ({line.reason})' if line.reason else ''}"
        )
        if line.state != "done" or step.name == last:
            undo(rehearsal)
            for later, waiting in enumerate(plan[number:], number + 1):
                rehearsal.recorder.add(line_of(later, waiting, "waiting", predicted.get(waiting.name)))
            return


def one_step(rehearsal: Rehearsal, number: int, step: Step, order: Order, predicted: float | None) -> CutoverStep:
    """Play the step; its line says how it ended."""
    rehearsal.step = step.name
    action = hold(order.hold, step.bound_s) if step.name == "hold" and order.hold else ACTIONS[step.name]
    began, state, reason = time.time(), "done", ""
    since = time.monotonic()
    try:
        action(rehearsal)
    except Aborted as error:
        state, reason = "aborted", str(error)
    except (StepFailed, StackError, redis.RedisError, TimeoutError) as error:
        state, reason = "failed", str(error).partition("\n")[0]
    seconds = time.monotonic() - since
    if state == "done" and seconds > step.bound_s:
        state, reason = "timed out", f"more than {step.bound_s:g} s"
    rehearsal.note_stores()
    rehearsal.recorder.add(Phase(t=time.time(), name=step.name, since=began, until=time.time()))
    fixed_s = seconds if step.name == "hold" else step.fixed_s
    line = line_of(number, step, state, predicted)
    return msgspec.structs.replace(line, seconds=round(seconds, 3), fixed_s=fixed_s, reason=reason)


def line_of(number: int, step: Step, state: str, predicted: float | None) -> CutoverStep:
    return CutoverStep(
        t=time.time(), number=number, name=step.name, title=step.title, owner=step.owner, precondition=step.precondition,
        command=step.command, bound_s=step.bound_s, failed_if=step.failed_if, undo=step.undo, no_return=step.no_return,
        state=state, predicted_s=predicted,
    )  # fmt: skip


def undo(rehearsal: Rehearsal) -> None:
    """Every instance back on X, whatever has happened."""
    rehearsal.step = "undo"
    moved = [name for name in INSTANCES if rehearsal.standing[name] != "X"]
    for name in moved:
        rehearsal.move(name, "X")
    if moved:
        echo(f"     instances {', '.join(moved)} are back on X")


def note_offlines(rehearsal: Rehearsal) -> None:
    rows = [(str(mitra), float(at)) for mitra, at in rehearsal.testbed.tables.query(OFFLINES, (rehearsal.began,)).rows]
    ledger = rehearsal.ledger
    rehearsal.recorder.add(
        CutoverOffline(
            t=time.time(), judged=len(rows), mitras=len(ledger.pings),
            wrongful=ledger.wrongful(rows, rehearsal.pace.stale_s),
        )
    )  # fmt: skip
