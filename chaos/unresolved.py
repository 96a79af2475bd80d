"""The resolver falls silent as the connections to Valkey are cut, twice."""

from rig.runs.chaos.campaign import Campaign, Phases
from rig.runs.chaos.schedule import PlannedFault

CAMPAIGN = Campaign(
    name="unresolved",
    shows="While nobody looks up a name every request is answered, and the mirror is right again 5 s after it",
    strikes=(PlannedFault(0.0, "resolver silent", 8.0), PlannedFault(16.0, "resolver silent", 4.0)),
    phases=Phases(fault_s=22.0),
)
