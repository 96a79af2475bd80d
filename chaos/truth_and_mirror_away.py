"""Postgres restarts while Valkey is refused: nothing is left to answer from."""

from rig.runs.chaos.campaign import CI, FULL, Campaign
from rig.runs.chaos.schedule import PlannedFault

CAMPAIGN = Campaign(
    name="truth_and_mirror_away",
    shows="With both stores away nothing is made up, and once both are back all is as it was",
    strikes=(
        PlannedFault(0.0, "refused", 6.0),
        PlannedFault(2.0, "postgres restarted", 2.0),
    ),
    profiles=(CI, FULL),
)
