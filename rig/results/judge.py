"""From a saved run to its results: every item gets one verdict, from the files alone."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import replace

from rig.checks import load_checks
from rig.checks.contract.verdicts import declare_contract
from rig.checks.framework import CATCH_ALL
from rig.checks.model.explorations import declare_model
from rig.record import Run, Verdict, exit_code, overall
from rig.record.lines.checklist import Scenario
from rig.record.lines.common import Broken, End, Person, Plan, Weakness
from rig.record.verdict import EXIT_INTERRUPTED
from rig.results.accepted import accept
from rig.results.blame import again, charge_breaches, charge_contract, charge_exits
from rig.results.chaos import figures
from rig.results.claims_registry import claims
from rig.results.entries import INTERRUPTED, cut_short, end_of, item_entry, run_ended, scenario_entry
from rig.results.observations import answers_of, counts, judged, last_attempts, note_unended, note_unrun
from rig.results.parts import PartResults, parts_of
from rig.results.wall_time import wall_time
from rig.results.whole_run import judge_whole_run


class NoPlan(ValueError):
    """The run has no plan: it ended before anything had begun."""


def judge_run(run: Run, judged_parts: Mapping[str, PartResults] | None = None) -> dict[str, object]:
    """The content of `results.json`. Pure: the same files always give the same results.

    `judged_parts`: the results of the run's parts that have a record, by name.
    NoPlan if nothing was planned, so that there is nothing to judge.
    """
    load_checks()
    claims()
    run = until_its_end(run)
    plan, end = run.lines.first(Plan), end_of(run.lines)
    if plan is None:
        raise NoPlan("its record holds no plan")
    declare_model(plan.specs)
    if plan.sentences:
        declare_contract(plan.sentences, float(run.meta["goodbye_s"]), int(run.meta["token_s"]))
    scenarios = last_attempts(run)
    observations = judged(run)
    answers = answers_of(observations, plan, scenarios, cut_short(end))
    broken = next((line.text for line in run.of(Broken)), None)
    note_unrun(plan, scenarios, answers, end, broken)
    if not broken and not cut_short(end):  # otherwise that is the reason
        note_unended(scenarios.values(), answers)
    charge_breaches(scenarios.values(), plan, answers)
    charge_exits(run, plan, answers)
    judge_whole_run(run, plan, answers, broken)
    charge_contract(run, scenarios.values(), answers)
    unanswered = broken or (INTERRUPTED if cut_short(end) else "no scenario answered this")
    items = [
        item_entry(item, answers[item], plan.replays.get(item, plan.replay), broken, unanswered) for item in plan.items
    ]
    if answers[CATCH_ALL]:
        items.append(item_entry(CATCH_ALL, answers[CATCH_ALL], again(answers[CATCH_ALL], scenarios, plan), None, ""))
    parts = parts_of(plan, judged_parts or {}, broken, INTERRUPTED if cut_short(end) else "it has no record")
    items += parts.items
    told = accept(items, plan.accepted, float(run.meta["started"]))
    verdicts = Counter(item["verdict"] for item in items)
    verdict = overall(Verdict(item["verdict"]) for item in items)
    ended = run_ended(run)
    return {
        **run.meta,
        "verdict": verdict,
        "interrupted": cut_short(end),
        "exit_code": code_of(run, verdict, verdicts, end),
        "counts": {name: verdicts[name] for name in Verdict},
        "observations": counts(observations),
        "weakens": [*told, *weaknesses(run, end), *parts.weakens],
        "message": broken or "",
        "ended": ended,
        "seconds": round(ended - run.meta["started"], 3),
        "items": items,
        "scenarios": [scenario_entry(line) for line in scenarios.values()],
        "people": people(run) | parts.people,
        **({"parts": parts.told} if parts.told else {}),
        "wall_time": wall_time(run, ended),
        **figures(run),
    }


def until_its_end(run: Run) -> Run:
    """The run without the lines after an interruption: what broke while it was taken down has stopped nothing."""
    end = end_of(run.lines)
    return replace(run, lines=run.lines.until(end.t)) if end and end.interrupted else run


def people(run: Run) -> dict[str, dict[str, str]]:
    """Name and role of everybody whose row the rig wrote, by id: an id alone says nothing to a reader."""
    return {line.id: {"name": line.name, "role": line.role} for line in run.of(Person)}


def code_of(run: Run, verdict: Verdict, counts: Counter[str], end: End | None) -> int:
    """The exit code of the verdict, or that of an interruption by Ctrl-C or SIGTERM."""
    if end and end.interrupted:
        return EXIT_INTERRUPTED
    return exit_code(verdict, skipped=counts["skipped"], strict=run.meta.get("strict", False))


def weaknesses(run: Run, end: End | None) -> list[str]:
    """What makes the verdict weaker than it looks, each once, in the order of time."""
    found = [line.text for line in run.of(Weakness)]
    for line in run.of(Scenario):
        if line.voids:
            why = "; ".join(dict.fromkeys(line.voids))
            found.append(f"{line.scenario}: try {line.attempt} does not count: {why}")
    if cut_short(end):
        found.append("the run was interrupted: what was not reached is inconclusive")
    return list(dict.fromkeys(found))
