"""Soaks: hours of churning traffic with samples, then verdicts and a report. `--resume` goes on with an interrupted one."""

from pathlib import Path

from rig.checks.soak.items import BOUNDS
from rig.config import Settings
from rig.environment.stack_spec import stack_spec
from rig.runs.common.replay import replay_command
from rig.runs.common.scaffold import carry_out
from rig.runs.common.seeds import draw_random_seed
from rig.runs.common.session import RunPlan
from rig.runs.soak.order import Order, told
from rig.runs.soak.play import play

PRESSURE = "SOAK-15"


def run(settings: Settings, order: Order) -> int:
    """The whole command; returns its exit code."""
    seed = draw_random_seed(settings.random_seed)
    command = replay_command(["rig", "soak", *words_of(order)], settings, seed)
    accelerated = f", accelerated by {order.factor:g}" if order.factor != 1 else ""
    scenario = f"soak of {told(order.planned_s)}{accelerated}, faults {order.faults}"
    plan = RunPlan(
        "soak",
        items_of(order),
        command=command,
        headline=f"{scenario}, random seed {seed}",
        random_seed=seed,
        spec=stack_spec(settings, Path(".")),
        meta={"soak": order.plain()},
        judging={"scenario": scenario, "bounds": {item: BOUNDS[item] for item in items_of(order)}},
    )
    return carry_out(settings, plan, lambda session: play(session, settings, order, 1, order.planned_s)).exit_code


def items_of(order: Order) -> list[str]:
    """The items that this soak judges."""
    return [item for item in sorted(BOUNDS) if item != PRESSURE or order.pressure]


def words_of(order: Order) -> list[str]:
    """The words of the command line that ask for this order."""
    words = ["--minutes", f"{order.planned_s / 60:g}"]
    words += ["--factor", f"{order.factor:g}"] if order.factor != 1 else []
    words += ["--faults", order.faults] if order.faults != "none" else []
    return words + ([] if order.pressure else ["--no-pressure"])
