"""Two instances are restarted one after the other under load, as in a deployment."""

from rig.runs.chaos.campaign import CI, FULL, WITHOUT_SEED, Campaign, Phases
from rig.runs.chaos.schedule import PlannedFault

CAMPAIGN = Campaign(
    name="rolling_restart",
    shows="A rolling restart takes nobody offline and loses no change",
    strikes=(
        PlannedFault(0.0, "server stopped", 1.0, ("a",)),
        PlannedFault(5.0, "server stopped", 1.0, ("b",)),
    ),
    phases=Phases(fault_s=9.0),
    cadences=WITHOUT_SEED,
    profiles=(CI, FULL),
)
