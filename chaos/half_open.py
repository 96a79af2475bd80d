"""The other end of the connections is gone without a word, again and again, and the server has to find out by itself."""

from rig.runs.chaos.campaign import FULL, WITHOUT_SEED, Campaign, Phases
from rig.runs.chaos.schedule import PlannedFault
from rig.traffic.background.steps import Pace

# Only the first command of each connection is lost: it has to be a ping, and its mitra silent for long enough
# after it that the old heartbeat is seen.
OF_PINGS = Pace(ping_every_s=1.0, offers_every_s=6.0, profile_every_s=8.0, dashboard_every_s=1.0, abandon_every_s=1.0)

CAMPAIGN = Campaign(
    name="half_open",
    shows="What was sent into connections that nobody holds any more neither comes late nor is missing",
    strikes=tuple(PlannedFault(at_s, "half-open connections", 5.0) for at_s in (0.0, 7.0, 14.0)),
    phases=Phases(fault_s=20.0),
    pace=OF_PINGS,
    instances=("a",),
    cadences=WITHOUT_SEED,
    profiles=(FULL,),
)
