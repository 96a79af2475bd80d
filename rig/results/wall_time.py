"""Where the time of a run went: its parts in seconds, as the record has them."""

from collections import defaultdict
from collections.abc import Iterable
from typing import Any

from rig.record import Run

START = "start of the stack"
STEPS = {
    "Given": "steps that prepare (Given)",
    "When": "steps that act or wait (When)",
    "Then": "steps that check, with their waits (Then)",
}
SETTING_UP, BETWEEN = "other work within scenarios", "between scenarios: stores emptied"
AFTER = "after the last scenario of a worker"
GAP, STOPPING, BLOCKS = "between phases", "stopping and saving", "alternating blocks"


def wall_time(run: Run, ended: float) -> dict[str, Any]:
    """`workers` and `parts` (name and seconds, which add up to the workers' time together); empty where unknown."""
    parts = of_workers(run, ended) if any(run.of("scenario")) else of_phases(run, ended)
    workers = len(list(run.of("starts"))) or 1
    return {"workers": workers, "parts": [{"name": name, "seconds": round(s, 3)} for name, s in parts.items() if s > 0]}


def of_workers(run: Run, ended: float) -> dict[str, float]:
    """Of a checklist, whose workers go through scenarios side by side. An interrupted run has no whole account."""
    opened = {line["worker"]: line["t"] for line in run.of("stack")}
    closed = {line["worker"]: line["t"] for line in run.of("starts")}
    if not opened or opened.keys() != closed.keys():
        return {}
    scenarios = [line for line in run.of("scenario") if line["phase"] == "end"]
    inside = sum(line["t"] - line["began"] for line in scenarios)
    steps = by_keyword(scenarios)
    return {
        START: sum(at - run.meta["started"] for at in opened.values()),
        **steps,
        SETTING_UP: inside - sum(steps.values()),
        BETWEEN: sum(closed[worker] - at for worker, at in opened.items()) - inside,
        AFTER: sum(ended - at for at in closed.values()),
    }


def by_keyword(scenarios: Iterable[dict[str, Any]]) -> dict[str, float]:
    """Seconds of the steps of each keyword; `And` and `But` go on with the one before."""
    found = dict.fromkeys(STEPS.values(), 0.0)
    for scenario in scenarios:
        keyword = "Given"
        for step in scenario.get("steps", ()):
            keyword = step["keyword"] if step["keyword"] in STEPS else keyword
            found[STEPS[keyword]] += step["seconds"]
    return found


def of_phases(run: Run, ended: float) -> dict[str, float]:
    """Of a campaign or a load, which goes through phases one after the other."""
    spans = sorted((line["from"], line["to"], line["name"]) for line in phases(run))
    spans = [(begin, end, BLOCKS if name.startswith("block ") else name) for begin, end, name in spans]
    found: dict[str, float] = defaultdict(float)
    reached = run.meta["started"]
    for begin, end, name in spans:
        found[GAP if found else START] += max(0.0, begin - reached)
        found[name] += max(0.0, end - max(begin, reached))
        reached = max(reached, end)
    if found:
        found[STOPPING] += max(0.0, ended - reached)
    return dict(found)


def phases(run: Run) -> list[dict[str, Any]]:
    """As the record has them: a line each in a campaign, a list in that of a load."""
    return [*run.of("phase"), *(phase for line in run.of("phases") for phase in line["phases"])]
