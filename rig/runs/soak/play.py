"""One part of a soak: from empty stores to its end, or to an interruption."""

import time
from dataclasses import replace
from pathlib import Path

from typer import echo

from rig.config import Settings
from rig.environment.stack_spec import stack_spec
from rig.environment.testbed import Testbed, open_testbed
from rig.record.lines.chaos import Phase
from rig.record.lines.common import Weakness
from rig.record.lines.soak import SoakPart
from rig.runs.common.failures import Exits, keep_logs, rescued
from rig.runs.common.session import Session
from rig.runs.soak.calm import Calm
from rig.runs.soak.clock import SteadyClock
from rig.runs.soak.disturbances import Disturbances
from rig.runs.soak.keeper import Keeper
from rig.runs.soak.order import Order, told
from rig.runs.soak.pressure import ALL, FEW, apply_pressure
from rig.runs.soak.sampler import Sampler
from rig.traffic import Operator
from rig.traffic.churn.lives import ChurnPace, World

INSTANCES = ("a", "b")
LOOK_EVERY_S = 0.05
TOLD_EVERY_S = 600.0
ALL_POLICIES_FROM_S = 600.0  # a shorter soak tries a few policies


def play(session: Session, settings: Settings, order: Order, part: int, left_s: float) -> None:
    """Soak for `left_s` seconds. The caller records exceptions."""
    keeper = Keeper(session.recorder)
    spec = replace(stack_spec(settings, Path(".")), logs=session.directory.logs.resolve())
    with open_testbed(
        spec, session.supervisor, "soak", session.recorder, settings, cadence="written", random_seed=session.random_seed
    ) as testbed:
        testbed.monitor.close()  # it would see millions of commands
        if spec.postgres is None:  # one of ours logs each statement, which would fill the disk
            testbed.tables.query("ALTER SYSTEM SET log_statement = 'none'")
            testbed.tables.query("SELECT pg_reload_conf()")
        try:
            testbed.ready(testbed.environment_for(**order.cadences), INSTANCES)
            exits = Exits(testbed)
            with rescued(session.recorder, exits):
                soak(testbed, keeper, order, exits, part, left_s)
        finally:
            keep_logs(testbed)


def soak(testbed: Testbed, keeper: Keeper, order: Order, exits: Exits, part: int, left_s: float) -> None:
    """The traffic with samples, restarts and faults; then the pressure."""
    clock, calm = SteadyClock(), Calm()
    disturbances = Disturbances(testbed, keeper, order, calm, clock.now, testbed.random_seed)
    exits.expected = disturbances.ended
    operator = Operator(testbed.server(), None)
    operator.set_config("stale_after_seconds", order.stale_s)

    def new_mitra() -> tuple[str, str]:
        row = testbed.fixtures.mitra("mitra")
        return row.id, row.phone

    pace = ChurnPace().faster(order.factor)
    world = World(disturbances.taking, keeper, new_mitra, pace, testbed.random_seed * 1000 + part)
    sampler = Sampler(testbed, world, keeper, calm, clock, part=part, every_s=order.every_s, factor=order.factor)
    sampler.first_look()
    keeper.add(
        SoakPart(
            t=clock.now(), number=part, factor=order.factor, every_s=order.every_s, warm_up_s=order.warm_up_s,
            planned_s=order.planned_s, left_s=left_s, faults=order.faults, mirror_every_s=order.cadences["heartbeat-mirror"],
            headroom=sampler.headroom,
        )
    )  # fmt: skip
    world.begin()
    began = clock.now()
    try:
        with sampler:
            pass_time(world, sampler, exits, disturbances, left_s)
        keeper.add(Phase(t=clock.now(), name="soak", since=began, until=clock.now()))
        if order.pressure:
            policies = ALL if order.planned_s >= ALL_POLICIES_FROM_S else FEW
            echo(f"  pressure: {', '.join(policies)}")
            pressed = clock.now()
            apply_pressure(testbed, world, keeper, policies, order.cadences["reconcile"], world.lives.check)
            keeper.add(Phase(t=clock.now(), name="pressure", since=pressed, until=clock.now()))
    finally:
        world.lives.stop()
    if world.lives.late:
        text = f"{world.lives.late} actions began over 1 s late: the machine was too slow for this factor"
        keeper.add(Weakness(t=time.time(), text=text))


def pass_time(world: World, sampler: Sampler, exits: Exits, disturbances: Disturbances, seconds: float) -> None:
    """Soak for so long. Raises what an actor or the sampler raised; records servers that exit, and then ends."""
    began = time.monotonic()
    until, telling = began + seconds, began
    while (now := time.monotonic()) < until:
        if now >= telling:
            telling = now + TOLD_EVERY_S
            echo(f"  {told(round(now - began))} of {told(round(seconds))}")
        world.lives.check()
        if sampler.error is not None:
            raise sampler.error
        if exits.note():
            return
        disturbances.act(until)
        time.sleep(min(LOOK_EVERY_S, max(0.0, until - time.monotonic())))
