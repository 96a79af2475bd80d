"""Where the time of a run went: its parts in seconds, as the record has them."""

from collections import defaultdict
from collections.abc import Iterable

from rig.record import Run
from rig.record.lines.chaos import Phase
from rig.record.lines.checklist import Scenario
from rig.record.lines.common import StackOpened, Starts
from rig.record.lines.load import Phases

START = "start of the stack"
STEPS = {
    "Given": "steps that prepare (Given)",
    "When": "steps that act or wait (When)",
    "Then": "steps that check, with their waits (Then)",
}
SETTING_UP, BETWEEN = "other work within scenarios", "between scenarios: stores emptied"
AFTER = "after the last scenario of a worker"
GAP, STOPPING, BLOCKS = "between phases", "stopping and saving", "alternating blocks"


def wall_time(run: Run, ended: float) -> dict[str, object]:
    """`workers` and `parts` (name and seconds, which add up to the workers' time together); empty where unknown."""
    parts = of_workers(run, ended) if run.of(Scenario) else of_phases(run, ended)
    workers = len(run.of(Starts)) or 1
    return {"workers": workers, "parts": [{"name": name, "seconds": round(s, 3)} for name, s in parts.items() if s > 0]}


def of_workers(run: Run, ended: float) -> dict[str, float]:
    """Of a checklist, whose workers go through scenarios side by side. An interrupted run has no whole account."""
    opened = {line.worker: line.t for line in run.of(StackOpened)}
    closed = {line.worker: line.t for line in run.of(Starts)}
    if not opened or opened.keys() != closed.keys():
        return {}
    scenarios = [line for line in run.of(Scenario) if line.phase == "end"]
    inside = sum(line.t - line.began for line in scenarios)
    steps = by_keyword(scenarios)
    return {
        START: sum(at - run.meta["started"] for at in opened.values()),
        **steps,
        SETTING_UP: inside - sum(steps.values()),
        BETWEEN: sum(closed[worker] - at for worker, at in opened.items()) - inside,
        AFTER: sum(ended - at for at in closed.values()),
    }


def by_keyword(scenarios: Iterable[Scenario]) -> dict[str, float]:
    """Seconds of the steps of each keyword; `And` and `But` go on with the one before."""
    found = dict.fromkeys(STEPS.values(), 0.0)
    for scenario in scenarios:
        keyword = "Given"
        for step in scenario.steps:
            keyword = step.keyword if step.keyword in STEPS else keyword
            found[STEPS[keyword]] += step.seconds
    return found


def of_phases(run: Run, ended: float) -> dict[str, float]:
    """Of a campaign or a load, which goes through phases one after the other."""
    spans = [(phase.since, phase.until, phase.name) for phase in run.of(Phase)]
    spans += [(phase.since, phase.until, phase.name) for line in run.of(Phases) for phase in line.phases]
    found: dict[str, float] = defaultdict(float)
    reached: float = run.meta["started"]
    for since, until, name in sorted(spans):
        found[GAP if found else START] += max(0.0, since - reached)
        found[BLOCKS if name.startswith("block ") else name] += max(0.0, until - max(since, reached))
        reached = max(reached, until)
    if found:
        found[STOPPING] += max(0.0, ended - reached)
    return dict(found)
