"""Valkey comes and goes, each time for less than a recovery takes."""

from rig.runs.chaos.campaign import Campaign, Phases
from rig.runs.chaos.schedule import PlannedFault

CAMPAIGN = Campaign(
    name="flapping",
    shows="However often Valkey comes and goes, the last return ends with a right mirror and nobody wrongly offline",
    strikes=(
        PlannedFault(0.0, "refused", 1.0),
        PlannedFault(2.5, "refused", 1.0),
        PlannedFault(5.0, "refused", 1.0),
        PlannedFault(7.5, "refused", 1.0),
        PlannedFault(10.0, "refused", 1.0),
        PlannedFault(12.5, "refused", 1.0),
    ),
    phases=Phases(fault_s=16.0),
)
