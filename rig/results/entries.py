"""The entries of results.json: an answer, an item, a scenario, and what stands where there was no answer."""

from dataclasses import asdict
from typing import Any

from rig.checks import CHECKS, Judgement
from rig.record import Run, Verdict, overall

Answers = dict[str, list[dict[str, Any]]]
INTERRUPTED = "the run was interrupted before this could be judged"
UNENDED = "the record has no end of this scenario: what was seen after it is not known"
UNREACHED = "never reached: "


def run_ended(run: Run) -> float:
    """Epoch seconds of the run's end; of its last line where it was killed."""
    end = next(run.of("end"), None)
    ended: float = end["t"] if end else max((line["t"] for line in run.lines), default=run.meta["started"])
    return ended


def answer_entry(line: dict[str, Any], judgement: Judgement) -> dict[str, Any]:
    different = [asdict(each) for each in judgement.differences]
    return {
        "scenario": line["scenario"], "variant": line["variant"], "verdict": judgement.verdict,
        "message": judgement.message, "seconds": round(line["ended"] - line["started"], 3),
        "started": line["started"], "bounds": line["bounds"], "weakened": [], "evidence": line["evidence"],
        **({"differences": different} if different else {}),
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
