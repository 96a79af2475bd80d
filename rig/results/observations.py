"""The answers of scenarios: judges each observation, and finds planned items that were not observed."""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace

from rig.checks import CHECKS, Judgement, Kind, judge_seen
from rig.checks.bounds import bounds_from
from rig.checks.framework import HARDENED, LAG_VOID_S
from rig.record import Run, Verdict
from rig.record.lines.checklist import Observation, Scenario, StepError
from rig.record.lines.common import End, Plan
from rig.results.blame import breaches_of
from rig.results.entries import UNENDED, Answers, Key, cut_short, never, observed_entry, unreached_entry

Judged = list[tuple[Observation, Judgement]]


def judged(run: Run) -> Judged:
    """Every observation of the run with its judgement, in the order of their times."""
    level = run.meta.get("level", HARDENED)
    return [(line, judge_line(line, level)) for line in run.of(Observation)]


def counts(observations: Judged) -> dict[str, int]:
    """How many observations were made, and how many do not count because of the rig itself."""
    return {"made": len(observations), "voided": sum(bool(judgement.lost) for _, judgement in observations)}


def last_attempts(run: Run) -> dict[Key, Scenario]:
    """The last line of each scenario and variant: a later attempt replaces one that did not count."""
    return {(line.scenario, line.variant): line for line in run.of(Scenario)}


def answers_of(observations: Judged, plan: Plan, scenarios: Mapping[Key, Scenario], interrupted: bool) -> Answers:
    """All answers by item: those of the last attempt of each scenario, and certain failures of earlier attempts."""
    tries: dict[tuple[str, str, int], Judged] = defaultdict(list)
    for line, judgement in observations:
        tries[line.scenario, line.variant, line.attempt].append((line, judgement))
    answers: Answers = defaultdict(list)
    for (name, variant), scenario in scenarios.items():
        for attempt in range(1, scenario.attempt):
            for line, judgement in judge_try(tries[name, variant, attempt]):
                if line.lag_so_far_s > LAG_VOID_S:
                    continue
                for item, found in ((line.item, judgement), *breaches_of(line, judgement, plan)):
                    if found.verdict is Verdict.FAILED:
                        told = replace(found, message=f"at try {attempt}: {found.message}")
                        answers[item].append(observed_entry(line, told))
        last = tries[name, variant, scenario.attempt]
        for line, judgement in judge_try(last):
            answers[line.item].append(observed_entry(line, judgement))
            for owner, breach in breaches_of(line, judgement, plan):
                answers[owner].append(observed_entry(line, breach))
        reached = {line.item for line, _ in last}
        for item in scenario.items:
            if item not in reached:
                answers[item].append(unreached_entry((name, variant), scenario.t, scenario.error, interrupted))
    return answers


def note_unrun(
    plan: Plan, scenarios: Mapping[Key, Scenario], answers: Answers, end: End | None, broken: str | None
) -> None:
    """A planned variant that is missing in the record gets an answer too, even if other variants passed."""
    answered = {item for item, own in answers.items() if own}  # an item without any answer is reported by itself
    why = broken or ("the run was cut short before it" if cut_short(end) else "the record has nothing of it")
    for owed in plan.owed:
        key = owed.scenario, owed.variant
        if key in scenarios:
            continue
        named = f"{owed.scenario} [{owed.variant}]" if owed.variant else owed.scenario
        error = StepError(Verdict.BROKEN if broken else Verdict.INCONCLUSIVE, why, named)
        for item in answered & set(owed.items):
            answers[item].append(unreached_entry(key, plan.t, error, interrupted=False))


def note_unended(scenarios: Iterable[Scenario], answers: Answers) -> None:
    """A scenario without an end: its process died or its last lines are lost. Its items cannot pass."""
    for scenario in scenarios:
        if scenario.phase == "begin":
            for item in scenario.items:
                answers[item].append(never((scenario.scenario, scenario.variant), scenario.t, UNENDED))


def judge_try(observations: Judged) -> Iterator[tuple[Observation, Judgement]]:
    """The observations of one attempt. After an action or precondition without effect no promise passes or fails."""
    unmet: str | None = None
    for line, judgement in observations:
        acts = CHECKS[line.item].kind in (Kind.ACTION, Kind.PRECONDITION)
        if unmet and not acts and judgement.verdict in (Verdict.FAILED, Verdict.PASSED):
            message = f"{unmet} took no effect; {judgement.message}"
            yield line, replace(judgement, verdict=Verdict.INCONCLUSIVE, message=message)
            continue
        # A skipped action may have been done by somebody else, for example the start of a given server.
        if acts and judgement.verdict not in (Verdict.PASSED, Verdict.SKIPPED):
            unmet = unmet or line.item
        yield line, judgement


def judge_line(line: Observation, level: str) -> Judgement:
    """Judge one observation, or the error that took its place."""
    if line.error:
        blames = CHECKS[line.item].kind not in (Kind.ACTION, Kind.PRECONDITION)
        verdict = Verdict(line.error.verdict)
        return Judgement(
            verdict if blames or verdict is not Verdict.FAILED else Verdict.INCONCLUSIVE, line.error.message
        )
    return judge_seen(line.item, line.seen, bounds_from(line.bounds), level)
