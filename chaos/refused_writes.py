"""Reads are served and writes refused: by a demoted primary, then by a full one."""

from rig.runs.chaos.campaign import CI, FULL, WITHOUT_SEED, Campaign
from rig.runs.chaos.schedule import PlannedFault

CAMPAIGN = Campaign(
    name="refused_writes",
    shows="While writes are refused nobody is taken offline on heartbeats that stand still",
    strikes=(PlannedFault(0.0, "read-only", 7.0),),
    instances=("a",),
    cadences=WITHOUT_SEED,
    profiles=(CI, FULL),
)
