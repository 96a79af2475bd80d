"""Hundreds of clients hold connections and say nothing, or half of a request."""

from rig.runs.chaos.campaign import Campaign, Phases
from rig.runs.chaos.schedule import PlannedFault

CAMPAIGN = Campaign(
    name="crowds",
    shows="Clients who hold connections by the hundred and ask nothing keep nobody else from an answer",
    strikes=(
        PlannedFault(0.0, "silent clients", 6.0),
        PlannedFault(9.0, "half-sent requests", 6.0),
    ),
    phases=Phases(fault_s=16.0),
)
