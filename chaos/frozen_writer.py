"""An instance stands still in the middle of its writes and goes on later, with old knowledge."""

from rig.runs.chaos.campaign import Campaign
from rig.runs.chaos.schedule import PlannedFault

CAMPAIGN = Campaign(
    name="frozen_writer",
    shows="What a thawed instance still had in hand does not undo what happened since",
    strikes=(PlannedFault(0.0, "server frozen", 6.0),),
)
