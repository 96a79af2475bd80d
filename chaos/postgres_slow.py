"""Postgres answers seconds late: first in time for whoever has patience, then too late for anybody."""

from rig.runs.chaos.campaign import Campaign, Phases
from rig.runs.chaos.schedule import PlannedFault

CAMPAIGN = Campaign(
    name="postgres_slow",
    shows="While Postgres is slow by seconds nothing is half done, and once it is quick again all is as it was",
    strikes=(
        PlannedFault(0.0, "postgres slow by 1.5 s", 5.0),
        PlannedFault(14.0, "postgres slow by 3 s", 7.0),
    ),
    phases=Phases(fault_s=22.0),
)
