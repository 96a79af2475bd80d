"""A hang ends in the middle of a cut, and Valkey is emptied while an instance cannot see it."""

from rig.runs.chaos.campaign import Campaign, Phases
from rig.runs.chaos.schedule import Strike

CAMPAIGN = Campaign(
    name="overlap",
    shows="Two faults at a time are survived as one is",
    strikes=(
        Strike(0.0, "hung", 5.0),
        Strike(2.0, "refused", 6.0),
        Strike(10.0, "one instance unheard", 5.0),
        Strike(12.0, "flushdb"),
    ),
    instances=("a", "b"),
    phases=Phases(fault_s=18.0),
)
