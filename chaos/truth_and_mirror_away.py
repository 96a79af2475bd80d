"""Postgres restarts while Valkey is refused: nothing is left to answer from."""

from rig.runs.chaos.campaign import CI, FULL, Campaign
from rig.runs.chaos.schedule import Strike

CAMPAIGN = Campaign(
    name="truth_and_mirror_away",
    shows="With both stores away nothing is made up, and once both are back all is as it was",
    strikes=(
        Strike(0.0, "refused", 6.0),
        Strike(2.0, "postgres restarted", 2.0),
    ),
    profiles=(CI, FULL),
)
