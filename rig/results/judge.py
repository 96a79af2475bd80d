"""From a saved run to its results: every item gets one verdict, from the files alone."""

from collections import Counter
from dataclasses import replace
from typing import Any

from rig.checks import load_checks
from rig.checks.contract.verdicts import declare_contract
from rig.checks.framework import CATCH_ALL
from rig.checks.model.explorations import declare_model
from rig.record import Run, Verdict, exit_code, overall
from rig.record.verdict import EXIT_INTERRUPTED
from rig.results.blame import again, charge_breaches, charge_contract, charge_exits
from rig.results.chaos import figures
from rig.results.claims_registry import claims
from rig.results.entries import INTERRUPTED, cut_short, item_entry, run_ended, scenario_entry
from rig.results.observations import judge_observations, last_attempts, note_unended, note_unrun, observations
from rig.results.whole_run import judge_whole_run


def judge_run(run: Run) -> dict[str, Any]:
    """The content of `results.json`. Pure: the same files give the same results, however often they are judged."""
    load_checks()
    claims()
    run = until_its_end(run)
    plan = next(run.of("plan"))
    declare_model(plan.get("specs", ()))
    if plan.get("sentences"):
        declare_contract(plan["sentences"], run.meta["goodbye_s"], run.meta["token_s"])
    end = next(run.of("end"), None)
    scenarios = last_attempts(run)
    answers = judge_observations(run, plan, scenarios)
    broken = next((line["text"] for line in run.of("broken")), None)
    note_unrun(plan, scenarios, answers, end, broken)
    if not broken and not cut_short(end):  # else that is why
        note_unended(scenarios.values(), answers)
    charge_breaches(scenarios.values(), plan, answers)
    charge_exits(run, plan, answers)
    judge_whole_run(run, plan, answers, broken)
    charge_contract(run, scenarios.values(), answers)
    unanswered = broken or (INTERRUPTED if cut_short(end) else "no scenario answered this")
    replays = plan.get("replays", {})
    items = [
        item_entry(item, answers[item], replays.get(item, plan["replay"]), broken, unanswered) for item in plan["items"]
    ]
    if answers[CATCH_ALL]:
        items.append(item_entry(CATCH_ALL, answers[CATCH_ALL], again(answers[CATCH_ALL], scenarios, plan), None, ""))
    counts = Counter(item["verdict"] for item in items)
    verdict = overall(Verdict(item["verdict"]) for item in items)
    ended = run_ended(run)
    return {
        **run.meta,
        "verdict": verdict,
        "interrupted": cut_short(end),
        "exit_code": code_of(run, verdict, counts, end),
        "counts": {name: counts[name] for name in Verdict},
        "observations": observations(run),
        "weakens": weaknesses(run, end),
        "message": broken or "",
        "ended": ended,
        "seconds": round(ended - run.meta["started"], 3),
        "items": items,
        "scenarios": [scenario_entry(line) for line in scenarios.values()],
        **figures(run),
    }


def until_its_end(run: Run) -> Run:
    """Without what happened as an interrupted run was taken down: what broke then has stopped nothing."""
    end = next(run.of("end"), None)
    if not end or not end.get("interrupted"):
        return run
    return replace(run, lines=[line for line in run.lines if line["t"] <= end["t"]])


def code_of(run: Run, verdict: Verdict, counts: Counter[str], end: dict[str, Any] | None) -> int:
    """That of the verdict, unless the run was ended by Ctrl-C or SIGTERM."""
    if end and end.get("interrupted"):
        return EXIT_INTERRUPTED
    return exit_code(verdict, skipped=counts["skipped"], strict=run.meta.get("strict", False))


def weaknesses(run: Run, end: dict[str, Any] | None) -> list[str]:
    """What makes the verdict weaker than it looks, each once, in the order in which it came up."""
    found = [line["text"] for line in run.of("weakness")]
    for line in run.of("scenario"):
        if line.get("voids"):
            why = "; ".join(dict.fromkeys(line["voids"]))
            found.append(f"{line['scenario']}: try {line['attempt']} does not count: {why}")
    if cut_short(end):
        found.append("the run was interrupted: what was not reached is inconclusive")
    return list(dict.fromkeys(found))
