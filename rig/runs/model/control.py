"""Runs the negative control of a specification, and tells each trial as soon as it has ended."""

from collections.abc import Callable, Sequence
from typing import Any

from rig.model.control import Control, Trial, Verdict, control
from rig.model.found import Explored
from rig.model.language import Spec
from rig.runs.model.summary import told_bounds

OUTCOMES = {
    Verdict.KILLED: "killed",
    Verdict.EXPLAINED: "explained",
    Verdict.UNEXPLAINED: "survived",
    Verdict.KILLED_AFTER_ALL: "killed, though a reason is given why not",
    Verdict.OTHER: "killed by another invariant",
    Verdict.INCONCLUSIVE: "not exhausted",
}
ALWAYS_TRUE = "it was always true in the explorations with all rules"


def controlled(
    spec: Spec, tell: Callable[[dict[str, Any]], None], clean: Sequence[Explored], *, workers: int, thorough: bool,
    seconds_max: float, memory_max_bytes: int,
) -> Control:  # fmt: skip
    """The whole negative control. `tell` gets the fields of a `control` line for each trial."""
    return control(
        spec, workers=workers, thorough=thorough, clean=clean, seconds_max=seconds_max,
        memory_max_bytes=memory_max_bytes, on_trial=lambda trial: tell(trial_line(trial)),
    )  # fmt: skip


def trial_line(trial: Trial) -> dict[str, Any]:
    """What became of a mutant, or of a rule that was dropped."""
    return {
        "what": "mutant" if trial.expected else "rule",
        "name": trial.name,
        "finding": trial.finding,
        "breaks": trial.expected,
        "without": sorted(trial.without),
        "within": told_bounds(trial.bounds),
        "outcome": OUTCOMES[trial.verdict],
        "killed_by": trial.violation.number if trial.violation else "",
        "steps": trial.steps,
        "states": trial.states,
        "seconds": round(trial.seconds, 3),
        "reason": trial.reason,
        "stopped": trial.stopped or (ALWAYS_TRUE if trial.never_refused and not trial.violation else ""),
    }


def unfinished(done: Control) -> str:
    """Why there was no control at all; '' if there was one."""
    for one in done.clean:
        if one.violation:
            return f"with all rules, within {told_bounds(one.bounds)}, {one.violation.number} is broken"
        if not one.complete:
            return f"with all rules, within {told_bounds(one.bounds)}, not every state was seen: {one.stopped}"
    return ""
