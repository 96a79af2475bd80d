"""Which items, sentences, campaigns and claims a verification judges, by the words of the command line."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from rig.checks import load_checks
from rig.checks.framework import CATCH_ALL, HARDENED
from rig.errors import unknown
from rig.record.sections import SECTIONS
from rig.report.words import plural
from rig.results.claims_registry import claims
from rig.results.last_run import failed_of_last, tell_none
from rig.runs.chaos.campaign import CI, Campaign
from rig.runs.chaos.registry import campaigns, of_profile
from rig.runs.checklist.selection import items_of_replay, select_items
from rig.runs.contract.means import ALL, Means
from rig.runs.contract.plan import QUICK, ContractPlan, plan_contract
from rig.runs.contract.probing import probes
from rig.runs.contract.run import WALKS
from rig.service.sentences import sentences

LOAD = "LOAD"  # the word of `--only` for all claims


@dataclass(frozen=True)
class Chosen:
    """What a run judges. `contract` is None if no sentence was asked for.

    `campaigns`: each with those of its items that are judged. `claims`: the ids of the claims on a load.
    """

    items: list[str]
    contract: ContractPlan | None = None
    campaigns: tuple[tuple[Campaign, tuple[str, ...]], ...] = ()
    claims: tuple[str, ...] = ()

    @property
    def ids(self) -> list[str]:
        """The items and sentences; those of campaigns and loads stand in the plans of these."""
        return [*self.items, *(self.contract.ids if self.contract else ())]


def item_of(campaign: str, item: str) -> str:
    """The id of an item of a campaign in a verification, which judges the same item in several campaigns."""
    return f"{campaign}/{item}"


def known_ids() -> set[str]:
    """The ids of all items, sentences, items of campaigns, and claims."""
    of_campaigns = {item_of(name, item) for name, campaign in campaigns().items() for item in campaign.judged}
    return {*boxes(), *sentences(), *of_campaigns, *(claim.id for claim in claims())}


def boxes() -> set[str]:
    """The ids of the checklist."""
    return {id for id, check in load_checks().items() if check.section in SECTIONS}


def choose(only: Sequence[str], level: str, full: bool, means: Means = ALL) -> Chosen:
    """Everything when no word is given, with the long stages, the campaigns and the load only if `full`.

    A campaign or claim that a word names is judged in any case. `means`: what the run has to judge the contract with.
    UsageError for a word that names nothing.
    """
    stages = () if full else QUICK
    if not only:
        whole = Chosen(select_items([]), plan_contract([], stages, WALKS, level=level, means=means))
        return Chosen(whole.items, whole.contract, ci_campaigns(), tuple(c.id for c in claims())) if full else whole
    words = [part.strip() for text in only for part in text.split(",")]
    named = Named(words)
    return Chosen(
        select_items(named.boxes) if named.boxes else [],
        plan_contract(named.sentences, stages, WALKS, level=level, means=means) if named.sentences else None,
        named.campaigns,
        named.claims,
    )


def failed_ids(reports: Path, only: Sequence[str]) -> list[str]:
    """What did not pass in the last run, of what `only` names, as words for `only`. Says if there is nothing."""
    failed: list[str] = []
    for item in failed_of_last(reports, "verify"):
        campaign, _, own = item["id"].rpartition("/")
        if own == CATCH_ALL:
            failed += [campaign] if campaign else items_of_replay(item["replay"])
        else:
            failed.append(item["id"])
    words = {part.strip().upper() for text in only for part in text.split(",")}
    found = [id for id in dict.fromkeys(failed) if not words or names_of(id) & words]
    if failed and not found:
        tell_none("of those selected with --only")
    return found


def names_of(id: str) -> set[str]:
    """The words of `--only` that select an id: itself, its section, its campaign; upper-case."""
    return {id.upper(), id.upper().rpartition("-")[0], id.upper().rpartition("/")[0]}


def ci_campaigns() -> tuple[tuple[Campaign, tuple[str, ...]], ...]:
    """The campaigns of the profile `ci`, with all their items."""
    return tuple((campaign, tuple(campaign.judged)) for campaign in of_profile(CI))


def more_by_full(level: str, chosen: Chosen) -> str:
    """How much `--full` judges beyond a quick run, in words."""
    judged = {one.id for one in (chosen.contract.judged if chosen.contract else ())}
    later = {id for probe in probes().values() if probe.stage not in QUICK for id in probe.sentences}
    known = sentences()
    more = [id for id in later - judged if level == HARDENED or not known[id].hardened]
    told = [plural(len(more), "more sentence")] * bool(more)
    return " and ".join([", ".join([*told, plural(len(ci_campaigns()), "campaign")]), plural(len(claims()), "claim")])


class Named:
    """The words of `--only`, sorted by what they name. UsageError for a word that names nothing."""

    def __init__(self, words: Iterable[str]) -> None:
        known = sentences()
        checklist = {*SECTIONS, *boxes()}
        contract = {*known, *section_names(known)}
        of_load = {claim.id for claim in claims()}
        loads = {*of_load, *section_names(of_load), LOAD}
        faults = {**{name.upper(): (name, tuple(one.judged)) for name, one in campaigns().items()}, **campaign_items()}
        self.boxes, self.sentences, asked = [], [], []
        wanted: dict[str, list[str]] = {}
        for word in (given.upper() for given in words):
            if word in checklist:
                self.boxes.append(word)
            elif word in contract:
                self.sentences.append(word)
            elif word in loads:
                asked.append(word)
            elif word in faults:
                name, items = faults[word]
                wanted.setdefault(name, []).extend(items)
            else:
                hint = "`rig checklist --list`, `rig contract --list` and `rig chaos --list` list them"
                names = [name.lower() for name in faults if "/" not in name]
                all_known = [*checklist, *contract, *loads, *names]
                raise unknown("item, sentence, campaign, claim or section", word, all_known, hint)
        self.campaigns = tuple((campaigns()[name], in_order(name, items)) for name, items in wanted.items())
        self.claims = tuple(
            c.id for c in claims() if LOAD in asked or c.id in asked or c.id.rpartition("-")[0] in asked
        )


def section_names(ids: Iterable[str]) -> set[str]:
    return {id.rpartition("-")[0] for id in ids}


def campaign_items() -> Mapping[str, tuple[str, tuple[str, ...]]]:
    """By the upper-case id of an item of a campaign: the campaign's name, and the item."""
    return {item_of(name, item).upper(): (name, (item,)) for name, one in campaigns().items() for item in one.judged}


def in_order(name: str, items: Sequence[str]) -> tuple[str, ...]:
    """These items of the campaign, each once, in the campaign's order."""
    return tuple(item for item in campaigns()[name].judged if item in items)
