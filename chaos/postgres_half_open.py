"""Postgres' end of one instance's connections is gone without a word, twice; the second time Valkey is away as well."""

from rig.runs.chaos.campaign import Campaign, Phases
from rig.runs.chaos.schedule import Strike

CAMPAIGN = Campaign(
    name="postgres_half_open",
    shows="Connections to Postgres that nobody holds any more are found out and replaced, and nobody is forgotten over it",
    strikes=(
        Strike(0.0, "postgres half-open", 6.0, ("b",)),
        Strike(16.0, "refused", 6.0, ("b",)),
        Strike(17.0, "postgres half-open", 6.0, ("b",)),
    ),
    instances=("a", "b"),
    phases=Phases(fault_s=25.0),
)
