"""From a saved run to its results: every item gets one verdict, from the files alone."""

from collections import Counter, defaultdict
from collections.abc import Sequence
from typing import Any

from rig.checks import CHECKS, Judgement, Kind, judge_seen, load_checks
from rig.checks.base import HARDENED, judge_with_evidence
from rig.checks.model import declare_model
from rig.drive.claims import claims
from rig.drive.figures import figures
from rig.record import Run, Verdict, evidence, exit_code, overall
from rig.record.evidence import Evidence
from rig.record.verdict import EXIT_INTERRUPTED

Answers = dict[str, list[dict[str, Any]]]
AROUND_S = 1.0
INTERRUPTED = "the run was interrupted before this could be judged"
MOMENTS_MAX, LINES_MAX = 3, 30


def judge_run(run: Run) -> dict[str, Any]:
    """The content of `results.json`. Pure: the same files give the same results, however often they are judged."""
    load_checks()
    claims()
    plan = next(run.of("plan"))
    declare_model(plan.get("specs", ()))
    end = next(run.of("end"), None)
    scenarios = last_attempts(run)
    answers = judge_observations(run, scenarios)
    charge_exits(run, plan, answers)
    judge_whole_run(run, plan, answers)
    broken = next((line["text"] for line in run.of("broken")), None)
    unanswered = broken or (INTERRUPTED if cut_short(end) else "no scenario answered this")
    replays = plan.get("replays", {})
    items = [
        item_entry(item, answers[item], replays.get(item, plan["replay"]), broken, unanswered) for item in plan["items"]
    ]
    counts = Counter(item["verdict"] for item in items)
    verdict = overall(Verdict(item["verdict"]) for item in items)
    ended = end["t"] if end else max((line["t"] for line in run.lines), default=run.meta["started"])
    return {
        **run.meta,
        "verdict": verdict,
        "interrupted": cut_short(end),
        "exit_code": code_of(run, verdict, counts, end),
        "counts": {name: counts[name] for name in Verdict},
        "weakens": weaknesses(run, end),
        "message": broken or "",
        "ended": ended,
        "seconds": round(ended - run.meta["started"], 3),
        "items": items,
        "scenarios": [scenario_entry(line) for line in scenarios.values()],
        **figures(run),
    }


def code_of(run: Run, verdict: Verdict, counts: Counter[str], end: dict[str, Any] | None) -> int:
    """That of the verdict, unless the run was ended by Ctrl-C or SIGTERM."""
    if end and end.get("interrupted"):
        return EXIT_INTERRUPTED
    return exit_code(verdict, skipped=counts["skipped"], strict=run.meta.get("strict", False))


def last_attempts(run: Run) -> dict[tuple[str, str], dict[str, Any]]:
    """The last begin or end line of each scenario and variant: a repeat replaces what was voided."""
    found: dict[tuple[str, str], dict[str, Any]] = {}
    for line in run.of("scenario"):
        found[line["scenario"], line["variant"]] = line
    return found


def judge_observations(run: Run, scenarios: dict[tuple[str, str], dict[str, Any]]) -> Answers:
    """All answers by item. What hangs on an action or precondition without effect is neither failed nor passed."""
    by_scenario: dict[tuple[str, str], list[dict[str, Any]]] = defaultdict(list)
    for line in run.of("observation"):
        key = (line["scenario"], line["variant"])
        if key not in scenarios or line["attempt"] == scenarios[key]["attempt"]:
            by_scenario[key].append(line)
    answers: Answers = defaultdict(list)
    interrupted = cut_short(next(run.of("end"), None))
    for key, scenario in scenarios.items():
        unmet: str | None = None
        for line in sorted(by_scenario[key], key=lambda line: line["t"]):
            judgement = judge_line(line, run.meta.get("level", HARDENED))
            acts = CHECKS[line["item"]].kind in (Kind.ACTION, Kind.PRECONDITION)
            if unmet and not acts and judgement.verdict in (Verdict.FAILED, Verdict.PASSED):
                judgement = Judgement(Verdict.INCONCLUSIVE, f"{unmet} took no effect; {judgement.message}")
            # What somebody else did before we came (started the server so) is skipped, not undone.
            if acts and judgement.verdict not in (Verdict.PASSED, Verdict.SKIPPED):
                unmet = unmet or line["item"]
            answers[line["item"]].append(answer_entry(line, judgement))
        reached = {line["item"] for line in by_scenario[key]}
        for item in scenario["items"]:
            if item not in reached:
                answers[item].append(unreached_entry(scenario, interrupted))
    return answers


def charge_exits(run: Run, plan: dict[str, Any], answers: Answers) -> None:
    """A server that left by itself in a scenario, or idle after it, has failed the box that was answered last before."""
    for line in run.of("exited"):
        answered = [
            answer
            for item in plan["items"]
            for answer in answers[item]
            if (answer["scenario"], answer["variant"]) == (line.get("scenario"), line.get("variant"))
        ]
        if answered and not any(line["text"] in answer["message"] for answer in answered):
            last = max(answered, key=lambda answer: (answer["started"] <= line["t"], answer["started"]))
            last["message"] = "; ".join(filter(None, (line["text"], last["message"])))
            last["verdict"] = Verdict.FAILED
            last["evidence"] = [*last["evidence"], evidence.note(line["text"])]


def judge_whole_run(run: Run, plan: dict[str, Any], answers: Answers) -> None:
    """One answer for each item of the plan that is judged from all lines, within the bounds that the plan holds."""
    items = [item for item in plan["items"] if CHECKS[item].whole_run]
    if not items:
        return
    lines: dict[str, list[dict[str, Any]]] = defaultdict(list)
    for line in run.lines:
        lines[line["kind"]].append(line)
    broken = next((line["text"] for line in lines["broken"]), None)
    lacking = next((line["text"] for line in lines["missing"]), None)
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
            "scenario": plan["scenario"], "variant": "", "started": plan["t"], "ended": plan["t"],  # no time of its own
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
        return never(
            scenario, INTERRUPTED if interrupted else "never reached: the run ended before this box was reached"
        )
    return never(scenario, f"never reached: {error['step']}: {error['message']}", error["verdict"])


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
        if line["phase"] == "begin" and line["attempt"] > 1:
            found.append(f"{line['scenario']}: repeated once, because the rig itself lagged by more than 200 ms")
    if cut_short(end):
        found.append("the run was interrupted: what was not reached is inconclusive")
    return list(dict.fromkeys(found))
