"""FLUSHDB under traffic: no connection closes, nobody is told."""

from rig.runs.chaos.campaign import CI, FULL, WITHOUT_SEED, Campaign, Phases
from rig.runs.chaos.schedule import PlannedFault

CAMPAIGN = Campaign(
    name="emptied",
    shows="An emptied Valkey is noticed by itself and seeded within 5 s, and nobody reads the emptiness for long",
    strikes=(PlannedFault(0.0, "flushdb"),),
    phases=Phases(fault_s=3.0),
    instances=("a",),
    cadences=WITHOUT_SEED,
    profiles=(CI, FULL),
)
