"""The subscriptions are lost and barred while settings change."""

from rig.drive.campaign import Campaign, Phases
from rig.drive.strikes import Strike

CAMPAIGN = Campaign(
    name="subscriptions",
    shows="A setting that changes while nobody can be told of it is in force once they can",
    strikes=(
        Strike(0.0, "subscriptions barred", 5.0),
        Strike(8.0, "subscribers killed"),
    ),
    phases=Phases(fault_s=10.0),
)
