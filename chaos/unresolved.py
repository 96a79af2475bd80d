"""The resolver falls silent as the connections to Valkey are cut, twice."""

from rig.drive.campaign import Campaign, Phases
from rig.drive.strikes import Strike

CAMPAIGN = Campaign(
    name="unresolved",
    shows="A store that was reached by name is reached again while nobody answers for its name, and nobody waits for that",
    strikes=(Strike(0.0, "resolver silent", 8.0), Strike(16.0, "resolver silent", 4.0)),
    instances=("a", "b"),
    phases=Phases(fault_s=22.0),
)
