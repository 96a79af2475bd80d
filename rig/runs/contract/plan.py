"""What a contract run does: which cases, walks and probes, and so which sentences it judges."""

from collections.abc import Sequence
from dataclasses import dataclass

from rig.checks.framework import HARDENED
from rig.errors import UsageError, unknown
from rig.runs.contract.cases import Case, every, later, simulated
from rig.runs.contract.probing import DeclaredProbe, probes
from rig.runs.contract.states import Do
from rig.service.sentences import Sentence, sentences
from rig.service.steps import predict

INSTANCES = ("a", "b")
GOODBYE_S = 30  # long enough for a batch of chats whose time is up
TOKEN_S = 900
META = {"goodbye_s": GOODBYE_S, "token_s": TOKEN_S}  # what judging has to know, for `run.json`
QUICK = ("pairs", "walks", "races", "edges", "environment")  # those of a quick verification
STAGES = (*QUICK, "numbers", "growth", "outages")
# What each answer, and each look at rows and keys, tests, whatever the action is.
ALWAYS = frozenset({
    "HTTP-01", "HTTP-02", "HTTP-20", "HTTP-21", "ID-01", "TABLE-02", "TABLE-03", "TABLE-04", "TABLE-05",
    "KEY-01", "KEY-02", "KEY-03", "KEY-04", "KEY-07", "TIME-01",
})  # fmt: skip


@dataclass(frozen=True)
class ContractPlan:
    """`left_out`: the sentences of the contract that this run says nothing of."""

    cases: tuple[Case, ...]
    walks: int
    probes: tuple[DeclaredProbe, ...]
    judged: tuple[Sentence, ...]
    left_out: tuple[Sentence, ...]


def plan_contract(only: Sequence[str], stages: Sequence[str], walks: int, *, level: str) -> ContractPlan:
    """UsageError for a word that names no sentence, section or stage."""
    known = sentences()
    wanted = chosen(only, known)
    for stage in stages:
        if stage not in STAGES:
            raise unknown("stage", stage, STAGES)
    running = set(stages) or set(STAGES)
    cases = tuple(case for case in every() if wanted & sentences_of(case)) if "pairs" in running else ()
    own = tuple(one for one in probes().values() if one.stage in running and wanted & set(one.sentences))
    tested = {id for case in cases for id in sentences_of(case)} | {id for one in own for id in one.sentences}
    if "walks" in running and walks and not cases:
        tested |= ALWAYS
    judged = tuple(
        one for one in known.values() if one.id in tested & wanted and (level == HARDENED or not one.hardened)
    )
    if not judged:
        raise UsageError(f"nothing in this run judges {' '.join(only) or 'a sentence'}: see rig contract --list")
    left_out = tuple(one for one in known.values() if one not in judged and one.id in wanted)
    return ContractPlan(cases, walks if "walks" in running and not only else 0, own, judged, left_out)


def chosen(only: Sequence[str], known: dict[str, Sentence]) -> set[str]:
    """The ids that these words name: an id, or all of a section such as AUTH."""
    if not only:
        return set(known)
    found: set[str] = set()
    for word in only:
        ids = {id for id in known if id == word.upper() or id.rpartition("-")[0] == word.upper()}
        if not ids:
            sections = dict.fromkeys(id.rpartition("-")[0] for id in known)
            raise UsageError(f"the contract has no sentence {word!r}; its sections are {', '.join(sections)}")
        found |= ids
    return found


def sentences_of(case: Case) -> set[str]:
    """The sentences that a case tests with its tries, according to the model."""
    service = simulated(case.way)
    found = {*ALWAYS, *({"OUTAGE-03"} if Do("back") in case.way else ())}
    for tried in case.tries:
        for expected in predict(service, case.step(tried), later(case)) if service else ():
            found |= {expected.sentence, *expected.also}
    return found
