"""Nobody reads what an instance prints while it has much to say: Valkey is away, and each fallback is a line."""

from rig.runs.chaos.campaign import WITHOUT_SEED, Campaign, Phases
from rig.runs.chaos.schedule import PlannedFault

CAMPAIGN = Campaign(
    name="unread",
    shows="A server whose output nobody reads goes on answering, and its lines are found once somebody does",
    strikes=(
        PlannedFault(0.0, "output unread", 10.0),
        PlannedFault(2.0, "refused", 6.0),
    ),
    cadences=WITHOUT_SEED,
    phases=Phases(fault_s=12.0),
)
