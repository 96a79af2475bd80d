"""A replica takes over the address of a managed store, and no connection ends: the old primary refuses writes on them."""

from rig.runs.chaos.campaign import Campaign
from rig.runs.chaos.schedule import PlannedFault

CAMPAIGN = Campaign(
    name="role_change",
    shows="A server leaves connections to a demoted primary by itself, and the mirror is right again within 5 s",
    instances=("a",),  # a managed store has one login
    strikes=(PlannedFault(0.0, "role change without a cut"),),
)
