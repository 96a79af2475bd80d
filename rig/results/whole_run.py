"""The answers of items that are judged from all lines of a run."""

from collections.abc import Sequence

from rig.checks import CHECKS, Judgement
from rig.checks.bounds import bounds_from
from rig.checks.framework import HARDENED, judge_lines
from rig.record import Lines, Run, Verdict, evidence
from rig.record.evidence import Evidence
from rig.record.lines.common import Missing, Plan, ServerLog
from rig.results.entries import INTERRUPTED, Answers, answer_entry, cut_short, end_of, run_ended

AROUND_S = 1.0
MOMENTS_MAX = 3
LINES_MAX = 30


def judge_whole_run(run: Run, plan: Plan, answers: Answers, broken: str | None) -> None:
    """Add one answer for each item of the plan that is judged from all lines, with the bounds of the plan.

    KeyError for an item that has no check or no bounds.
    """
    items = [item for item in plan.items if CHECKS[item].whole_run]
    if not items:
        return
    lines = run.lines
    lacking = next((line.text for line in lines.of(Missing)), None)
    ended = run_ended(run)
    for item in items:
        bounds = plan.bounds[item]
        judgement, shown = judge_lines(item, lines, bounds_from(bounds), run.meta.get("level", HARDENED))
        if lacking:
            judgement = Judgement(Verdict.SKIPPED, lacking)
        if broken and judgement.verdict is not Verdict.FAILED:
            judgement = Judgement(Verdict.BROKEN, broken)
        elif cut_short(end_of(lines)) and judgement.verdict is not Verdict.FAILED:
            judgement = Judgement(Verdict.INCONCLUSIVE, INTERRUPTED)  # a promise kept for a part of the run is no pass
        if judgement.verdict is Verdict.FAILED:
            shown = [*shown, *said_around(lines, shown)]
        key = plan.scenario, ""
        answers[item].append(answer_entry(key, judgement, started=plan.t, ended=ended, bounds=bounds, shown=shown))


def said_around(lines: Lines, shown: Sequence[Evidence]) -> list[Evidence]:
    """What the servers logged near the first moments of the evidence."""
    moments = [at for piece in shown if (at := evidence.moment(piece)) is not None][:MOMENTS_MAX]
    found = []
    for log in lines.of(ServerLog):
        near = [(at, text) for at, text in log.lines if any(abs(at - moment) <= AROUND_S for moment in moments)]
        if near:
            told = [f"{at:.3f} {text}" for at, text in near[:LINES_MAX]]
            found.append(evidence.log(f"{log.source}, around what is shown above", told))
    return found
