"""Valkey's process dies in the middle of a day's traffic and comes back empty."""

from rig.runs.chaos.campaign import CI, FULL, WITHOUT_SEED, Campaign
from rig.runs.chaos.schedule import PlannedFault

CAMPAIGN = Campaign(
    name="valkey_killed",
    shows="A killed Valkey that comes back empty costs nobody an answer, and the mirror is right again within 5 s",
    strikes=(PlannedFault(0.0, "valkey killed", for_s=7.0),),
    instances=("a",),
    cadences=WITHOUT_SEED,
    profiles=(CI, FULL),
)
