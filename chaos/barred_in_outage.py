"""Valkey is away twice while mitras are deactivated and come back."""

from rig.runs.chaos.campaign import Campaign, Phases
from rig.runs.chaos.schedule import PlannedFault

CAMPAIGN = Campaign(
    name="barred_in_outage",
    shows="A deactivation made while Valkey is away is known to every instance afterwards",
    strikes=(
        PlannedFault(0.0, "valkey killed", 6.0),
        PlannedFault(14.0, "old snapshot", 4.0),
    ),
    phases=Phases(fault_s=20.0),
)
