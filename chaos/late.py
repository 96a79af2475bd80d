"""Replies come later than a client waits, then just in time: slow is not dead."""

from rig.runs.chaos.campaign import CI, FULL, Campaign, Phases
from rig.runs.chaos.schedule import PlannedFault

CAMPAIGN = Campaign(
    name="late",
    shows="Slow replies cost nobody an answer, whether a client still waits for them or not",
    strikes=(
        PlannedFault(0.0, "slower than patience", 4.0),
        PlannedFault(9.0, "slow within patience", 3.0),
    ),
    phases=Phases(fault_s=13.0, warm_up_s=1.0),
    profiles=(CI, FULL),
)
