"""The failovers of a managed store with the times that its provider tells: 15 s for maintenance, 30 s for a repair."""

from rig.faults.valkey.failovers import MAINTENANCE_S, REPAIR_S, SHORTENED
from rig.runs.chaos.campaign import Campaign, Phases
from rig.runs.chaos.schedule import PlannedFault

CAMPAIGN = Campaign(
    name="managed_failover_full",
    shows="A store that is away for 15 s and for 30 s costs nobody an answer and takes nobody offline",
    instances=("a",),  # a managed store has one login
    strikes=(
        PlannedFault(0.0, "managed failover", SHORTENED * MAINTENANCE_S),
        PlannedFault(SHORTENED * MAINTENANCE_S + 8.0, "managed failover", SHORTENED * REPAIR_S),
    ),
    phases=Phases(fault_s=SHORTENED * (MAINTENANCE_S + REPAIR_S) + 9.0),
)
