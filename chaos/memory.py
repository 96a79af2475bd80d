"""A full Valkey refuses writes, under noeviction and under volatile-lru."""

from rig.runs.chaos.campaign import Campaign, Phases
from rig.runs.chaos.schedule import PlannedFault

CAMPAIGN = Campaign(
    name="memory",
    shows="A seed under OOM never replaces half of a set, and the sweep takes nobody offline",
    strikes=(
        PlannedFault(0.0, "out of memory", 7.0),
        PlannedFault(13.0, "out of memory, volatile-lru", 7.0),
    ),
    phases=Phases(fault_s=22.0),
)
