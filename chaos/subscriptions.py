"""The subscriptions are lost and barred while settings change."""

from rig.runs.chaos.campaign import Campaign, Phases
from rig.runs.chaos.schedule import PlannedFault

CAMPAIGN = Campaign(
    name="subscriptions",
    shows="A setting that changes while nobody can be told of it is in force once they can",
    strikes=(
        PlannedFault(0.0, "subscriptions barred", 5.0),
        PlannedFault(8.0, "subscribers killed"),
    ),
    phases=Phases(fault_s=10.0),
)
