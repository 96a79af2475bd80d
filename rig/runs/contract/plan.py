"""What a contract run does: which cases, walks and probes, and so which sentences it judges."""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache

from rig.checks.framework import HARDENED
from rig.environment.cadence import ENVIRONMENT
from rig.errors import UsageError, unknown
from rig.runs.contract.cases import Case, every, later, simulated
from rig.runs.contract.means import ALL, WALK, Means, judged_by_probe, needs_of_case, needs_of_probe, why_not
from rig.runs.contract.probing import DeclaredProbe, probes
from rig.runs.contract.states import Do
from rig.service.sentences import Sentence, sentences
from rig.service.steps import predict
from rig.stack import StackSpec
from rig.stack.stack import FIRST

INSTANCES = ("a", "b")
GOODBYE_S = 30  # long enough for a batch of chats whose time is up
TOKEN_S = 900
QUICK = ("pairs", "walks", "races", "edges", "environment")  # those of a quick verification
STAGES = (*QUICK, "numbers", "growth", "outages")
# What each answer, and each look at rows and keys, tests, whatever the action is.
ALWAYS = frozenset({
    "HTTP-01", "HTTP-02", "HTTP-20", "HTTP-21", "ID-01", "TABLE-02", "TABLE-03", "TABLE-04", "TABLE-05",
    "KEY-01", "KEY-02", "KEY-03", "KEY-04", "KEY-07", "TIME-01",
})  # fmt: skip


@dataclass(frozen=True)
class ContractPlan:
    """`left_out`: the sentences of the contract that this run says nothing of.

    `skipped`: those that it would judge if it had what the text names.
    """

    cases: tuple[Case, ...]
    walks: int
    probes: tuple[DeclaredProbe, ...]
    judged: tuple[Sentence, ...]
    left_out: tuple[Sentence, ...]
    skipped: tuple[tuple[Sentence, str], ...] = ()

    @property
    def ids(self) -> list[str]:
        """All that get a verdict."""
        return [one.id for one in (*self.judged, *(sentence for sentence, _ in self.skipped))]


def instances_of(spec: StackSpec) -> tuple[str, ...]:
    """A running server is one instance."""
    return (FIRST,) if spec.attached else INSTANCES


def goodbye_window_s(spec: StackSpec) -> float:
    """Of a running server as the user told it, else the one that the rig asks for."""
    return float(spec.attached.cadences()[ENVIRONMENT["goodbye"]]) if spec.attached else GOODBYE_S


def plan_contract(
    only: Sequence[str], stages: Sequence[str], walks: int, *, level: str, means: Means = ALL
) -> ContractPlan:
    """UsageError for a word that names no sentence, section or stage, and where nothing can be judged.

    `means`: what the run has; what needs more is left out.
    """
    known = sentences()
    wanted = chosen(only, known)
    for stage in stages:
        if stage not in STAGES:
            raise unknown("stage", stage, STAGES)
    running = set(stages) or set(STAGES)
    all_cases = [case for case in every() if wanted & sentences_of(case)] if "pairs" in running else []
    all_probes = [one for one in probes().values() if one.stage in running and wanted & set(one.sentences)]
    cases = tuple(case for case in all_cases if needs_of_case(case) <= means)
    own = tuple(one for one in all_probes if wanted & judged_by_probe(one.name, one.sentences, means))
    walking = bool("walks" in running and walks)
    tested = {id for case in cases for id in sentences_of(case)}
    tested |= {id for one in own for id in judged_by_probe(one.name, one.sentences, means)}
    tested |= ALWAYS if walking and means >= WALK else set()
    lacking = dict[str, str]() if means == ALL else reasons(all_cases, all_probes, means, walking=walking)
    counted = [one for one in known.values() if one.id in wanted and (level == HARDENED or not one.hardened)]
    judged = tuple(one for one in counted if one.id in tested)
    skipped = tuple((one, lacking[one.id]) for one in counted if one.id in lacking.keys() - tested)
    if not judged:
        why = f"at this server: {skipped[0][0].id} {skipped[0][1]}" if skipped else "in this run"
        raise UsageError(f"nothing judges {' '.join(only) or 'a sentence'} {why}: see rig contract --list")
    named = {*judged, *(one for one, _ in skipped)}
    left_out = tuple(one for one in known.values() if one not in named and one.id in wanted)
    return ContractPlan(cases, walks if walking and means >= WALK and not only else 0, own, judged, left_out, skipped)


def reasons(
    cases: Sequence[Case], own: Sequence[DeclaredProbe], means: Means, *, walking: bool = False
) -> dict[str, str]:
    """By sentence: what the run lacks for the case, walk or probe that comes nearest to judging it."""
    needs: dict[str, set[Means]] = defaultdict(set)
    for case in cases:
        for id in sentences_of(case):
            needs[id].add(needs_of_case(case))
    for one in own:
        for id in one.sentences:
            needs[id].add(needs_of_probe(one.name, id))
    for id in ALWAYS if walking else ():
        needs[id].add(WALK)
    return {id: why_not(found, means) for id, found in needs.items()}


def chosen(only: Sequence[str], known: dict[str, Sentence]) -> set[str]:
    """The ids that these words name: an id, or all of a section such as AUTH; several stand in one word, with commas."""
    if not only:
        return set(known)
    found: set[str] = set()
    for word in (part.strip() for text in only for part in text.split(",")):
        ids = {id for id in known if id == word.upper() or id.rpartition("-")[0] == word.upper()}
        if not ids:
            sections = dict.fromkeys(id.rpartition("-")[0] for id in known)
            raise UsageError(f"the contract has no sentence {word!r}; its sections are {', '.join(sections)}")
        found |= ids
    return found


@cache
def sentences_of(case: Case) -> frozenset[str]:
    """The sentences that a case tests with its tries, according to the model."""
    service = simulated(case.way)
    found = {*ALWAYS, *({"OUTAGE-03"} if Do("back") in case.way else ())}
    for tried in case.tries:
        for expected in predict(service, case.step(tried), later(case)) if service else ():
            found |= {expected.sentence, *expected.also}
    return frozenset(found)
