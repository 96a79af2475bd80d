"""One instance reaches Valkey slowly: what it writes arrives after what another wrote later."""

from rig.runs.chaos.campaign import FULL, WITHOUT_SEED, Campaign, Phases
from rig.runs.chaos.schedule import PlannedFault
from rig.traffic.background.steps import Pace

CAMPAIGN = Campaign(
    name="overtaken",
    shows="A write that was overtaken on its way to Valkey does not undo the later one",
    strikes=(PlannedFault(0.0, "slow within patience", 40.0, ("b",)),),
    cadences=WITHOUT_SEED,
    phases=Phases(fault_s=41.0),
    # Mitras whom many change from both sides: chats from one instance, reroutes and bars from the other.
    pace=Pace(reroute_every_s=0.2, chat_every_s=0.9, offers_every_s=0.5, bar_every_s=2.0),
    profiles=(FULL,),
    must_see=("SEEN-04",),
)
