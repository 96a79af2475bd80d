"""The answers of items that are judged from all lines of a run."""

from collections import defaultdict
from collections.abc import Sequence
from typing import Any

from rig.checks import CHECKS, Judgement
from rig.checks.framework import HARDENED, judge_with_evidence
from rig.record import Run, Verdict, evidence
from rig.record.evidence import Evidence
from rig.results.entries import INTERRUPTED, Answers, answer_entry, cut_short, run_ended

AROUND_S = 1.0
MOMENTS_MAX = 3
LINES_MAX = 30


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
