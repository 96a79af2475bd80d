"""A replica that lags is promoted, and later the first primary takes over again."""

from rig.runs.chaos.campaign import Campaign
from rig.runs.chaos.schedule import PlannedFault

CAMPAIGN = Campaign(
    name="failover",
    shows="What the new primary never saw is right again within 5 s, both ways",
    strikes=(PlannedFault(0.0, "failover to a lagging replica", 6.0),),
)
