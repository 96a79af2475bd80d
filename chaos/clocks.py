"""Clocks are set by a minute while servers run, of one instance and then of all; the stores' clocks stand."""

from rig.runs.chaos.campaign import Campaign, Phases
from rig.runs.chaos.schedule import PlannedFault

CLOCKS = ("clock set forward", "clock set back", "all clocks set forward", "all clocks set back")

CAMPAIGN = Campaign(
    name="clocks",
    shows="A clock that is set takes nobody offline and revives nobody: heartbeats go by one clock, Valkey's",
    strikes=tuple(PlannedFault(10.0 * turn, clock, 6.0) for turn, clock in enumerate(CLOCKS)),
    phases=Phases(fault_s=37.0),
)
