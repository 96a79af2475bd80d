"""From a saved run to its results: every item gets one verdict, from the files alone."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from typing import Any

from rig.checks import CHECKS, Judgement, Kind, judge_seen, load_checks
from rig.checks.base import CATCH_ALL, HARDENED, LAG_VOID_S, judge_with_evidence
from rig.checks.contract import defects, told_defects
from rig.checks.courses import http_evidence
from rig.checks.model import declare_model
from rig.drive.claims import claims
from rig.drive.figures import figures
from rig.record import Run, Verdict, evidence, exit_code, overall
from rig.record.evidence import Evidence
from rig.record.verdict import EXIT_INTERRUPTED

Answers = dict[str, list[dict[str, Any]]]
AROUND_S = 1.0
INTERRUPTED = "the run was interrupted before this could be judged"
MOMENTS_MAX, LINES_MAX, SHOWN_MAX = 3, 30, 5
UNREACHED = "never reached: "
UNENDED = "the record has no end of this scenario: what was seen after it is not known"


def judge_run(run: Run) -> dict[str, Any]:
    """The content of `results.json`. Pure: the same files give the same results, however often they are judged."""
    load_checks()
    claims()
    run = until_its_end(run)
    plan = next(run.of("plan"))
    declare_model(plan.get("specs", ()))
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


def run_ended(run: Run) -> float:
    """Epoch seconds of the run's end; of its last line where it was killed."""
    end = next(run.of("end"), None)
    return end["t"] if end else max((line["t"] for line in run.lines), default=run.meta["started"])


def until_its_end(run: Run) -> Run:
    """Without what happened as an interrupted run was taken down: what broke then has stopped nothing."""
    end = next(run.of("end"), None)
    if not end or not end.get("interrupted"):
        return run
    return replace(run, lines=[line for line in run.lines if line["t"] <= end["t"]])


def observations(run: Run) -> dict[str, int]:
    """How many were made, and how many of them do not count, as the rig itself spoiled them."""
    level = run.meta.get("level", HARDENED)
    lines = list(run.of("observation"))
    return {"made": len(lines), "voided": sum(bool(judge_line(line, level).lost) for line in lines)}


def code_of(run: Run, verdict: Verdict, counts: Counter[str], end: dict[str, Any] | None) -> int:
    """That of the verdict, unless the run was ended by Ctrl-C or SIGTERM."""
    if end and end.get("interrupted"):
        return EXIT_INTERRUPTED
    return exit_code(verdict, skipped=counts["skipped"], strict=run.meta.get("strict", False))


def last_attempts(run: Run) -> dict[tuple[str, str], dict[str, Any]]:
    """The last begin or end line of each scenario and variant: a further try replaces what was voided."""
    found: dict[tuple[str, str], dict[str, Any]] = {}
    for line in run.of("scenario"):
        found[line["scenario"], line["variant"]] = line
    return found


def owner_of(owner: str, plan: dict[str, Any]) -> str:
    """Who is charged: the item that owns the promise, where this run answers for it; else the item for all the rest."""
    return owner if owner in plan["items"] else CATCH_ALL


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
                        told = Judgement(Verdict.FAILED, f"at try {attempt}: {found.message}")
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


def charge_breaches(scenarios: Iterable[dict[str, Any]], plan: dict[str, Any], answers: Answers) -> None:
    """A promise that a preparing step saw broken fails its owner; the boxes that the step was for stay open."""
    for scenario in scenarios:
        error = scenario.get("error") or {}
        if "owner" in error or error.get("verdict") == Verdict.FAILED:
            said = f"{error['step']}: {error['message']}"
            answers[owner_of(error.get("owner", CATCH_ALL), plan)].append(
                charge_entry(scenario, said, [evidence.note(said)])
            )


def charge_contract(run: Run, scenarios: Iterable[dict[str, Any]], answers: Answers) -> None:
    """5xx answers that the contract does not allow, where no failed box of their scenario shows one like it."""
    failed = [answer for own in answers.values() for answer in own if answer["verdict"] == Verdict.FAILED]
    shown = {key for answer in failed for key in shown_by(answer)}
    by_key = {(line["scenario"], line["variant"]): line for line in scenarios}
    for key, lines in defects(run.lines).items():
        own = [line for line in lines if (*key, line["method"], line["url"], line["status"]) not in shown]
        if own and key in by_key:
            said = told_defects(own)
            answers[CATCH_ALL].append(
                charge_entry(by_key[key], said, [http_evidence(line) for line in own[:SHOWN_MAX]])
            )


def shown_by(answer: dict[str, Any]) -> Iterator[tuple[Any, ...]]:
    """The exchanges in its evidence, as scenario, variant, method, URL and status."""
    for piece in answer["evidence"]:
        if piece["kind"] == "http":
            yield answer["scenario"], answer["variant"], piece["method"], piece["url"], piece["status"]


def charge_entry(scenario: dict[str, Any], said: str, shown: list[Evidence]) -> dict[str, Any]:
    line = {
        "scenario": scenario["scenario"], "variant": scenario["variant"], "bounds": {}, "evidence": shown,
        "started": scenario["t"], "ended": scenario["t"],
    }  # fmt: skip
    return answer_entry(line, Judgement(Verdict.FAILED, said))


def again(charged: list[dict[str, Any]], scenarios: dict[tuple[str, str], dict[str, Any]], plan: dict[str, Any]) -> str:
    """The command that runs those scenarios again: by the boxes that they answer."""
    wanted = [item for answer in charged for item in scenarios[answer["scenario"], answer["variant"]]["items"]]
    named = ",".join(dict.fromkeys(item for item in wanted if item in plan["items"]))
    return plan["replay"].replace("{item}", named)


def breaches_of(line: dict[str, Any], judgement: Judgement, plan: dict[str, Any]) -> Iterator[tuple[str, Judgement]]:
    """Who is charged by what another item's judgement has found."""
    for breach in judgement.breaches:
        yield owner_of(breach.owner, plan), Judgement(Verdict.FAILED, f"{line['item']}: {breach.message}")


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


def charge_exits(run: Run, plan: dict[str, Any], answers: Answers) -> None:
    """A server that left by itself in a scenario, or idle after it, has failed the box that was answered last before.

    Where none was answered it has failed CONTRACT: the boxes that were never reached stay open.
    """
    for line in run.of("exited"):
        own = [
            answer
            for item in (*plan["items"], CATCH_ALL)
            for answer in answers[item]
            if (answer["scenario"], answer["variant"]) == (line.get("scenario"), line.get("variant"))
        ]
        if any(answer["verdict"] == Verdict.FAILED and line["text"] in answer["message"] for answer in own):
            continue
        answered = [answer for answer in own if not answer["message"].startswith((UNREACHED, INTERRUPTED))]
        if own and not answered:
            answers[CATCH_ALL].append(
                charge_entry({**own[0], "t": line["t"]}, line["text"], [evidence.note(line["text"])])
            )
        elif answered:
            last = max(answered, key=lambda answer: (answer["started"] <= line["t"], answer["started"]))
            last["message"] = "; ".join(filter(None, (line["text"], last["message"])))
            last["verdict"] = Verdict.FAILED
            last["evidence"] = [*last["evidence"], evidence.note(line["text"])]


def judge_whole_run(run: Run, plan: dict[str, Any], answers: Answers, broken: str | None) -> None:
    """One answer for each item of the plan that is judged from all lines, within the bounds that the plan holds."""
    items = [item for item in plan["items"] if CHECKS[item].whole_run]
    if not items:
        return
    lines: dict[str, list[dict[str, Any]]] = defaultdict(list)
    for line in run.lines:
        lines[line["kind"]].append(line)
    lacking = next((line["text"] for line in lines["missing"]), None)
    ended = run_ended(run)
    for item in items:
        bounds = plan["bounds"][item]
        judgement, shown = judge_with_evidence(item, lines, bounds, run.meta.get("level", HARDENED))
        if lacking:
            judgement = Judgement(Verdict.SKIPPED, lacking)
        if broken and judgement.verdict is not Verdict.FAILED:
            judgement = Judgement(Verdict.BROKEN, broken)
        elif cut_short(next(iter(lines["end"]), None)) and judgement.verdict is not Verdict.FAILED:
            judgement = Judgement(Verdict.INCONCLUSIVE, INTERRUPTED)  # a promise held for part of the time is no pass
        if judgement.verdict is Verdict.FAILED:
            shown = [*shown, *said_around(lines, shown)]
        line = {
            "scenario": plan["scenario"], "variant": "", "started": plan["t"], "ended": ended,  # it was watched all along
            "bounds": bounds, "evidence": shown,
        }  # fmt: skip
        answers[item].append(answer_entry(line, judgement))


def said_around(lines: dict[str, list[dict[str, Any]]], shown: Sequence[Evidence]) -> list[Evidence]:
    """What the servers printed near the first moments of the evidence."""
    moments = [at for piece in shown if (at := evidence.moment(piece)) is not None][:MOMENTS_MAX]
    found = []
    for log in lines["log"]:
        near = [(at, text) for at, text in log["lines"] if any(abs(at - moment) <= AROUND_S for moment in moments)]
        if near:
            told = [f"{at:.3f} {text}" for at, text in near[:LINES_MAX]]
            found.append(evidence.log(f"{log['source']}, around what is shown above", told))
    return found


def judge_line(line: dict[str, Any], level: str) -> Judgement:
    error = line.get("error")
    if error:
        blames = CHECKS[line["item"]].kind not in (Kind.ACTION, Kind.PRECONDITION)
        verdict = Verdict(error["verdict"])
        return Judgement(verdict if blames or verdict is not Verdict.FAILED else Verdict.INCONCLUSIVE, error["message"])
    return judge_seen(line["item"], line["seen"], line["bounds"], level)


def answer_entry(line: dict[str, Any], judgement: Judgement) -> dict[str, Any]:
    return {
        "scenario": line["scenario"], "variant": line["variant"], "verdict": judgement.verdict,
        "message": judgement.message, "seconds": round(line["ended"] - line["started"], 3),
        "started": line["started"], "bounds": line["bounds"], "weakened": [], "evidence": line["evidence"],
    }  # fmt: skip


def unreached_entry(scenario: dict[str, Any], interrupted: bool) -> dict[str, Any]:
    error = scenario.get("error") or {}
    if not error:
        return never(scenario, INTERRUPTED if interrupted else f"{UNREACHED}the run ended before this box was reached")
    # What a server did to end the scenario is charged to who owns it; of this box nothing was seen.
    verdict = Verdict(error.get("verdict", "inconclusive"))
    seen = Verdict.INCONCLUSIVE if verdict is Verdict.FAILED else verdict
    return never(scenario, f"{UNREACHED}{error['step']}: {error['message']}", seen)


def never(scenario: dict[str, Any], message: str, verdict: str = Verdict.INCONCLUSIVE) -> dict[str, Any]:
    return {
        "scenario": scenario["scenario"], "variant": scenario["variant"],
        "verdict": Verdict(verdict), "message": message, "seconds": 0.0,
        "started": scenario["t"], "bounds": {}, "weakened": [], "evidence": [],
    }  # fmt: skip


def item_entry(
    item: str, answers: list[dict[str, Any]], replay: str, broken: str | None, unanswered: str
) -> dict[str, Any]:
    """`broken`: what stopped the rig itself; `unanswered`: why an item has no answer."""
    declared = CHECKS[item]
    verdict = overall(Verdict(answer["verdict"]) for answer in answers)
    if not answers and broken:
        verdict = Verdict.BROKEN
    telling = [answer["message"] for answer in answers if answer["verdict"] == verdict]
    return {
        "id": item,
        "section": declared.section,
        "section_title": declared.section_title,
        "kind": declared.kind,
        "title": declared.title,
        "audience": declared.audience,
        "verdict": verdict,
        "message": " | ".join(dict.fromkeys(telling)) or unanswered,
        "seconds": round(sum(answer["seconds"] for answer in answers), 3),
        **({"all_along": True} if declared.whole_run else {}),
        "answers": answers,
        "replay": replay.replace("{item}", item),
    }


def scenario_entry(line: dict[str, Any]) -> dict[str, Any]:
    feature, _, name = line["scenario"].partition(": ")
    return {
        "id": f"{line['scenario']} [{line['variant']}]" if line["variant"] else line["scenario"],
        "feature": feature,
        "name": name,
        "variant": line["variant"],
        "seconds": round(line["t"] - line.get("began", line["t"]), 3),
        "steps": line.get("steps", []),
        "error": line.get("error"),
    }


def cut_short(end: dict[str, Any] | None) -> bool:
    """Whether the run was interrupted, or killed before it could say how it ended."""
    return end is None or bool(end.get("interrupted"))


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
