"""Connections end in the middle of replies and pipelines, one by one and all at once."""

from rig.runs.chaos.campaign import CI, FULL, Campaign, Phases
from rig.runs.chaos.schedule import PlannedFault

CAMPAIGN = Campaign(
    name="cuts",
    shows="A connection that ends at a bad moment gives nobody a wrong answer, and ends with a seed",
    strikes=(
        PlannedFault(0.0, "cut in mid-reply", 3.0),
        PlannedFault(5.0, "all connections cut"),
        PlannedFault(7.0, "cut in mid-pipeline", 3.0),
    ),
    phases=Phases(fault_s=10.0, warm_up_s=1.0),
    profiles=(CI, FULL),
)
