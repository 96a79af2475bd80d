"""Valkey stops answering for longer than a heartbeat lives: no connection notices."""

from rig.runs.chaos.campaign import CI, FULL, WITHOUT_SEED, Campaign
from rig.runs.chaos.schedule import PlannedFault

CAMPAIGN = Campaign(
    name="hang",
    shows="After a hang that outlasts the staleness limit nobody is taken offline for pings that Valkey never took",
    strikes=(PlannedFault(0.0, "hung", 7.0),),
    instances=("a",),
    cadences=WITHOUT_SEED,
    profiles=(CI, FULL),
)
