"""An instance dies by SIGKILL while Valkey is away, with writes that it still owed."""

from rig.runs.chaos.campaign import Campaign, Phases
from rig.runs.chaos.schedule import PlannedFault

CAMPAIGN = Campaign(
    name="crash_in_outage",
    shows="What a dead instance owed Valkey is settled by the seed of its return",
    strikes=(
        PlannedFault(0.0, "refused", 7.0),
        PlannedFault(2.0, "server killed", 3.0),
    ),
    phases=Phases(fault_s=9.0),
)
