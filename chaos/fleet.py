"""A thousand mitras come and go while Valkey fails now and then: enough changes to say how often one is lost."""

from dataclasses import replace

from rig.runs.chaos.campaign import FULL, WITHOUT_SEED, Campaign, Phases
from rig.runs.chaos.random_campaign import FLEET_BASELINE_S, FLEET_PACE, FLEET_SETTINGS
from rig.runs.chaos.schedule import PlannedFault

FAULTS = ("valkey killed", "hung", "read-only", "half-open connections", "all connections cut")
CAMPAIGN = Campaign(
    name="fleet",
    shows="Of ten thousands of changes none is lost: not one is wrong in Valkey ten seconds after it",
    strikes=tuple(PlannedFault(40.0 * number, fault, 3.0) for number, fault in enumerate(FAULTS)),
    cadences=WITHOUT_SEED,
    settings=FLEET_SETTINGS,
    phases=Phases(baseline_s=FLEET_BASELINE_S, fault_s=200.0),
    pace=replace(FLEET_PACE, fleet=1500),
    profiles=(FULL,),
)
