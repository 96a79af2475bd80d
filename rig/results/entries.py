"""The entries of results.json: answers, items, scenarios, and what takes the place of a missing answer."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict

import msgspec

from rig.checks import CHECKS, Judgement
from rig.record import Lines, Run, Verdict, overall
from rig.record.evidence import Evidence
from rig.record.lines.checklist import Observation, Scenario, StepError
from rig.record.lines.common import BoundValue, End
from rig.record.lines.soak import SoakPart
from rig.results.forms import Answer, Item

Answers = dict[str, list[Answer]]  # by item
Key = tuple[str, str]  # a scenario and its variant
INTERRUPTED = "the run was interrupted before this could be judged"
UNENDED = "the record has no end of this scenario: what was seen after it is not known"
UNREACHED = "never reached: "


def end_of(lines: Lines) -> End | None:
    """The last end. None if the run was killed, or was resumed after it and then killed."""
    end, part = lines.last(End), lines.last(SoakPart)
    return None if end and part and part.t > end.t else end


def run_ended(run: Run) -> float:
    """When the run ended, in epoch seconds; the time of its last line if it was killed."""
    end = end_of(run.lines)
    started: float = run.meta["started"]
    return end.t if end else max((line.t for line in run.lines), default=started)


def answer_entry(
    key: Key, judgement: Judgement, *, started: float, ended: float, bounds: Mapping[str, BoundValue] | None = None,
    shown: Sequence[Evidence] = (),
) -> Answer:  # fmt: skip
    """One answer of an item, from a scenario and variant; times are epoch seconds."""
    scenario, variant = key
    entry: Answer = {
        "scenario": scenario, "variant": variant, "verdict": judgement.verdict, "message": judgement.message,
        "seconds": round(ended - started, 3), "started": started, "bounds": msgspec.to_builtins(bounds or {}),
        "weakened": [], "evidence": list(shown),
    }  # fmt: skip
    if judgement.differences:
        entry["differences"] = [asdict(each) for each in judgement.differences]
    return entry


def observed_entry(line: Observation, judgement: Judgement) -> Answer:
    """The answer that an observation gives."""
    key = line.scenario, line.variant
    return answer_entry(key, judgement, started=line.started, ended=line.ended, bounds=line.bounds, shown=line.evidence)


def unreached_entry(key: Key, t: float, error: StepError | None, interrupted: bool) -> Answer:
    """The answer of an item that its scenario did not reach, because of `error` or because the run ended at `t`."""
    if error is None:
        return never(key, t, INTERRUPTED if interrupted else f"{UNREACHED}the run ended before this box was reached")
    # If the server caused the error, the owner of that promise fails; this item was not observed.
    verdict = Verdict(error.verdict)
    seen = Verdict.INCONCLUSIVE if verdict is Verdict.FAILED else verdict
    return never(key, t, f"{UNREACHED}{error.step}: {error.message}", seen)


def never(key: Key, t: float, message: str, verdict: Verdict = Verdict.INCONCLUSIVE) -> Answer:
    """The answer of an item that was not observed."""
    return answer_entry(key, Judgement(verdict, message), started=t, ended=t)


def item_entry(item: str, answers: list[Answer], replay: str, broken: str | None, unanswered: str) -> Item:
    """One item with its verdict. `broken`: what stopped the rig itself; `unanswered`: why an item has no answer."""
    declared = CHECKS[item]
    verdict = overall(Verdict(answer["verdict"]) for answer in answers)
    if not answers and broken:
        verdict = Verdict.BROKEN
    telling = [answer["message"] for answer in answers if answer["verdict"] == verdict]
    entry: Item = {
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
    if declared.whole_run:
        entry["all_along"] = True
    return entry


def scenario_entry(line: Scenario) -> dict[str, object]:
    """One scenario with its steps."""
    feature, _, name = line.scenario.partition(": ")
    return {
        "id": f"{line.scenario} [{line.variant}]" if line.variant else line.scenario,
        "feature": feature,
        "name": name,
        "variant": line.variant,
        "seconds": round(line.t - (line.began or line.t), 3),
        "steps": msgspec.to_builtins(line.steps),
        "error": msgspec.to_builtins(line.error),
    }


def cut_short(end: End | None) -> bool:
    """Whether the run was interrupted, or killed before it could write its end."""
    return end is None or end.interrupted
