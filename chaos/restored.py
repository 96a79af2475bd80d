"""Postgres is restored from an older dump under running servers, whose Valkey knows what came after."""

from rig.runs.chaos.campaign import WITHOUT_SEED, Campaign, Phases
from rig.runs.chaos.schedule import PlannedFault

CAMPAIGN = Campaign(
    name="restored",
    shows="A Postgres that went back is noticed while the servers run, and the mirror goes back with it within 5 s",
    strikes=(PlannedFault(0.0, "postgres restored"), PlannedFault(16.0, "postgres restored")),
    cadences=WITHOUT_SEED,
    phases=Phases(fault_s=20.0),
)
