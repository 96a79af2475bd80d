"""One of two instances loses Valkey, the other does not."""

from rig.runs.chaos.campaign import CI, FULL, WITHOUT_SEED, Campaign
from rig.runs.chaos.schedule import PlannedFault

CAMPAIGN = Campaign(
    name="one_cut_off",
    shows="What one instance cannot write the other does not take offline, and both are right within 5 s of its return",
    strikes=(PlannedFault(0.0, "one instance cut off", 7.0),),
    cadences=WITHOUT_SEED,
    profiles=(CI, FULL),
)
