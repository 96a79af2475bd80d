"""Postgres' end of one instance's connections is gone without a word, twice; the second time Valkey is away as well."""

from rig.runs.chaos.campaign import Campaign, Phases
from rig.runs.chaos.schedule import PlannedFault

CAMPAIGN = Campaign(
    name="postgres_half_open",
    shows="Connections to Postgres that nobody holds any more are found out and replaced, and nobody is forgotten over it",
    strikes=(
        PlannedFault(0.0, "postgres half-open", 6.0, ("b",)),
        PlannedFault(16.0, "refused", 6.0, ("b",)),
        PlannedFault(17.0, "postgres half-open", 6.0, ("b",)),
    ),
    phases=Phases(fault_s=25.0),
)
