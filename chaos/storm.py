"""A storm of beacon polls meets a Valkey that hangs: slow, not dead, and all the polls fall back at once."""

from rig.runs.chaos.campaign import Campaign
from rig.runs.chaos.schedule import PlannedFault
from rig.traffic.background.steps import Pace

CAMPAIGN = Campaign(
    name="storm",
    shows="A storm of polls during a hang costs Postgres one availability query a second, and nobody waits",
    strikes=(PlannedFault(0.0, "hung", 7.0),),
    instances=("a",),
    pace=Pace(customers=20, beacon_every_s=0.05),
)
