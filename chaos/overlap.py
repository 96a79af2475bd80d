"""A hang ends in the middle of a cut, and Valkey is emptied while an instance cannot see it."""

from rig.runs.chaos.campaign import Campaign, Phases
from rig.runs.chaos.schedule import PlannedFault

CAMPAIGN = Campaign(
    name="overlap",
    shows="Two faults at a time are survived as one is",
    strikes=(
        PlannedFault(0.0, "hung", 5.0),
        PlannedFault(2.0, "refused", 6.0),
        PlannedFault(10.0, "one instance unheard", 5.0),
        PlannedFault(12.0, "flushdb"),
    ),
    phases=Phases(fault_s=18.0),
)
