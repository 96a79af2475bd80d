"""Failovers of a managed store: for maintenance, then as a repair. Both times are a fifth of what its provider tells."""

from rig.faults.valkey.failovers import MAINTENANCE_S, REPAIR_S
from rig.runs.chaos.campaign import Campaign, Phases
from rig.runs.chaos.schedule import PlannedFault

CAMPAIGN = Campaign(
    name="managed_failover",
    shows="While the store is away nobody is taken offline, and each time the mirror is right again within 5 s of its return",
    instances=("a",),  # a managed store has one login
    strikes=(
        PlannedFault(0.0, "managed failover", MAINTENANCE_S),
        PlannedFault(MAINTENANCE_S + 8.0, "managed failover", REPAIR_S),
    ),
    phases=Phases(fault_s=MAINTENANCE_S + 8.0 + REPAIR_S + 1.0),
)
