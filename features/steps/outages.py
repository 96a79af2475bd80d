"""An outage of Valkey that lasts for some ticks of a sweep: how it passes, and what sections G and H ask of it alike."""

import time

from pytest_bdd import parsers, when

from features.steps.looks import cadence_of, sample_of, stamped, watch
from rig.contract import LOG_FLUSH_S
from rig.record import evidence
from rig.record.observations.parts import LogLine, SkippedTicks, ValkeyReach
from rig.runs.checklist.observation import Observed
from rig.runs.checklist.world import World

TICKS = {"sweeps": "auto-offline", "mirror cycles": "heartbeat-mirror"}
UNDER_WAY_S = 0.5  # what was under way when Valkey went is over by then


@when(parsers.re(r"Valkey stays away for (?P<count>\d+) (?P<ticks>sweeps|mirror cycles)"))
def stays_away(world: World, count: str, ticks: str) -> None:
    """A part of a tick more than asked, so that the last one comes for sure."""
    until = world.notes["valkey stopped at"] + (int(count) + 0.3) * cadence_of(world, TICKS[ticks])
    watch(world, UNDER_WAY_S)
    readings = [sample_of(world)]
    watch(world, until - time.time())
    world.notes["readings in the outage"] = [*readings, sample_of(world)]


def seen_from_both_ends(world: World) -> Observed:
    seen: ValkeyReach = world.notes["valkey from both ends"]
    text = f"Valkey {seen.how}: directly it {seen.direct}, on the backend's address it {seen.through_proxy}"
    return Observed(seen, [evidence.note(text)])


def skip_lines(world: World, text: str, every_s: float) -> Observed:
    stopped, back = world.notes["valkey stopped at"], world.notes["valkey back from"]
    lines = world.log_lines(text, stopped, back + LOG_FLUSH_S)
    return Observed(
        SkippedTicks(
            valkey=world.notes["valkey from both ends"],
            stopped_at=stopped,
            back_at=back,
            lines=[LogLine(*line) for line in lines],
        ),
        [
            evidence.note(f"Valkey was away from {stopped:.3f} to {back:.3f}, {back - stopped:.1f} s"),
            evidence.log("backend a, in the outage", stamped(lines), looked_for=text),
        ],
        {"every_s": every_s, "flush_s": LOG_FLUSH_S},
    )
