"""Valkey is kept busy by a script, and then loads a large snapshot."""

from rig.runs.chaos.campaign import Campaign, Phases
from rig.runs.chaos.schedule import PlannedFault

CAMPAIGN = Campaign(
    name="busy_and_loading",
    shows="BUSY and LOADING are outages like any other",
    strikes=(
        PlannedFault(0.0, "busy script", 4.0),
        PlannedFault(10.0, "loading", 3.0),
    ),
    phases=Phases(fault_s=16.0),
)
