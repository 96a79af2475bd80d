"""The answers of scenarios: each observation judged, tries counted, and what was owed and never seen."""

from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import replace
from typing import Any

from rig.checks import CHECKS, Judgement, Kind, judge_seen
from rig.checks.framework import HARDENED, LAG_VOID_S
from rig.record import Run, Verdict
from rig.results.blame import breaches_of
from rig.results.entries import UNENDED, Answers, answer_entry, cut_short, never, unreached_entry


def observations(run: Run) -> dict[str, int]:
    """How many were made, and how many of them do not count, as the rig itself spoiled them."""
    level = run.meta.get("level", HARDENED)
    lines = list(run.of("observation"))
    return {"made": len(lines), "voided": sum(bool(judge_line(line, level).lost) for line in lines)}


def last_attempts(run: Run) -> dict[tuple[str, str], dict[str, Any]]:
    """The last begin or end line of each scenario and variant: a further try replaces what was voided."""
    found: dict[tuple[str, str], dict[str, Any]] = {}
    for line in run.of("scenario"):
        found[line["scenario"], line["variant"]] = line
    return found


def judge_observations(run: Run, plan: dict[str, Any], scenarios: dict[tuple[str, str], dict[str, Any]]) -> Answers:
    """All answers by item: those of each scenario's last try, and what failed in an earlier one for certain."""
    tries: dict[tuple[str, str, int], list[dict[str, Any]]] = defaultdict(list)
    for line in run.of("observation"):
        tries[line["scenario"], line["variant"], line["attempt"]].append(line)
    answers: Answers = defaultdict(list)
    level = run.meta.get("level", HARDENED)
    interrupted = cut_short(next(run.of("end"), None))
    for (name, variant), scenario in scenarios.items():
        for attempt in range(1, scenario["attempt"]):
            for line, judgement in judge_try(tries[name, variant, attempt], level):
                if line.get("lag_so_far_s", 0.0) > LAG_VOID_S:
                    continue
                for item, found in ((line["item"], judgement), *breaches_of(line, judgement, plan)):
                    if found.verdict is Verdict.FAILED:
                        told = replace(found, message=f"at try {attempt}: {found.message}")
                        answers[item].append(answer_entry(line, told))
        last = tries[name, variant, scenario["attempt"]]
        for line, judgement in judge_try(last, level):
            answers[line["item"]].append(answer_entry(line, judgement))
            for owner, breach in breaches_of(line, judgement, plan):
                answers[owner].append(answer_entry(line, breach))
        reached = {line["item"] for line in last}
        for item in scenario["items"]:
            if item not in reached:
                answers[item].append(unreached_entry(scenario, interrupted))
    return answers


def note_unrun(
    plan: dict[str, Any],
    scenarios: dict[tuple[str, str], dict[str, Any]],
    answers: Answers,
    end: dict[str, Any] | None,
    broken: str | None,
) -> None:
    """A variant of which the record has nothing was owed all the same: that others passed is no answer of it."""
    told = {item for item, own in answers.items() if own}  # where there is no answer at all, that is said of the item
    why = broken or ("the run was cut short before it" if cut_short(end) else "the record has nothing of it")
    for one in plan.get("owed", ()):  # a run from before that knows only what it ran
        if (one["scenario"], one["variant"]) in scenarios:
            continue
        named = f"{one['scenario']} [{one['variant']}]" if one["variant"] else one["scenario"]
        verdict = Verdict.BROKEN if broken else Verdict.INCONCLUSIVE
        error = {"verdict": verdict, "step": named, "message": why}
        for item in told & set(one["items"]):
            answers[item].append(unreached_entry({**one, "error": error, "t": plan["t"]}, interrupted=False))


def note_unended(scenarios: Iterable[dict[str, Any]], answers: Answers) -> None:
    """Whoever ran it died, or its last lines are lost: that its boxes were seen before is no pass."""
    for scenario in scenarios:
        if scenario["phase"] == "begin":
            for item in scenario["items"]:
                answers[item].append(never(scenario, UNENDED))


def judge_try(lines: list[dict[str, Any]], level: str) -> Iterator[tuple[dict[str, Any], Judgement]]:
    """What hangs on an action or precondition without effect is neither failed nor passed."""
    unmet: str | None = None
    for line in sorted(lines, key=lambda line: line["t"]):
        judgement = judge_line(line, level)
        acts = CHECKS[line["item"]].kind in (Kind.ACTION, Kind.PRECONDITION)
        if unmet and not acts and judgement.verdict in (Verdict.FAILED, Verdict.PASSED):
            judgement = replace(
                judgement, verdict=Verdict.INCONCLUSIVE, message=f"{unmet} took no effect; {judgement.message}"
            )
        # What somebody else did before we came (started the server so) is skipped, not undone.
        if acts and judgement.verdict not in (Verdict.PASSED, Verdict.SKIPPED):
            unmet = unmet or line["item"]
        yield line, judgement


def judge_line(line: dict[str, Any], level: str) -> Judgement:
    error = line.get("error")
    if error:
        blames = CHECKS[line["item"]].kind not in (Kind.ACTION, Kind.PRECONDITION)
        verdict = Verdict(error["verdict"])
        return Judgement(verdict if blames or verdict is not Verdict.FAILED else Verdict.INCONCLUSIVE, error["message"])
    return judge_seen(line["item"], line["seen"], line["bounds"], level)
