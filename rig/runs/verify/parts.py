"""The parts of a verification that have a record of their own: campaigns, and a load of a minute."""

from dataclasses import dataclass, replace
from pathlib import Path

from rig.config import Settings
from rig.record.lines.common import PlannedPart
from rig.runs.chaos import run as chaos
from rig.runs.chaos.campaign import Campaign
from rig.runs.common.session import RunPlan, Session
from rig.runs.load import run as load
from rig.runs.load.options import options_of, replay_words
from rig.runs.load.plan import LoadOptions
from rig.runs.verify.choice import Chosen

LOAD = "load"  # the name of the part
# A small fleet for a minute. Blocks compare latencies of both arms, which no claim is about.
SMALL_LOAD = {
    "mitras": 100, "ping_every_s": 15.0, "customers": 40, "storm_peak": 60.0, "storm_shape": "square", "togglers": 2,
    "chats": 2, "seconds": 60.0, "blocks": 0, "processes": 1, "workers": 0, "expect": 0,
}  # fmt: skip


@dataclass(frozen=True)
class Part:
    """A campaign or a load: what it has to answer, and how it is run."""

    name: str
    title: str
    plan: RunPlan
    runs: Campaign | LoadOptions

    def planned(self) -> PlannedPart:
        """What the plan of the verification says of it."""
        return PlannedPart(self.name, self.plan.kind, self.title, list(self.plan.items), self.plan.command)

    def play(self, session: Session, settings: Settings) -> None:
        """Run it and record what is observed. The caller records exceptions."""
        if isinstance(self.runs, Campaign):
            chaos.play(session, settings, self.runs)
        else:
            load.play(session, settings, self.runs)


@dataclass(frozen=True)
class Handed:
    """What the process of a part has to know. `run` is the directory of the verification."""

    run: Path
    settings: Settings
    part: Part


def parts_of(settings: Settings, chosen: Chosen, seed: int) -> list[Part]:
    """The chosen campaigns, then the load if a claim was chosen; each has the random seed of the verification.

    UsageError if a load cannot be run with these settings.
    """
    found = []
    for campaign, items in chosen.campaigns:
        plan = replace(chaos.plan_of(settings, campaign, seed), items=items)
        found.append(Part(campaign.name, f"Campaign {campaign.name}: {campaign.shows}", plan, campaign))
    if chosen.claims:
        options = options_of(settings, **SMALL_LOAD)
        plan = load.plan_of(settings, options, replay_words(options), seed)
        answered = [id for id in plan.items if id in chosen.claims]  # on given stores some cannot be measured
        if answered:
            found.append(Part(LOAD, f"Load: {options.pace.mitras} mitras", replace(plan, items=answered), options))
    return found
