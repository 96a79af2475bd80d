"""The numbers and curves of a run, from its record lines: phases, requests, latencies, differences of the mirror."""

from collections import Counter, defaultdict
from collections.abc import Callable, Sequence
from typing import Any

from rig.checks.chaos.consistency import availability_queries_a_second, person_minutes, sql_per_request, tallies
from rig.checks.chaos.coverage import EVENTS
from rig.checks.chaos.timeline import wrong_in
from rig.contract import SEED_LINE, SWEEP_HELD_LINE
from rig.record import Run
from rig.record.histogram import quantile
from rig.results.load import load_figures
from rig.results.model import model_figures
from rig.results.scaling import growth_figures

Line = dict[str, Any]
Point = list[Any]

COSTS = {
    "ghost": "time that mitras who had left could be offered to seekers",
    "missing": "time that mitras who were online could not be found",
}
# Lanes of the timeline, by what their log lines hold.
MARKED = {
    "seeds": SEED_LINE,
    "ticks skipped": "valkey unavailable, skipping",
    "mass offline held": SWEEP_HELD_LINE,
}
BELIEVED = "mirror_warm"
ANSWER_MS = 5000  # the contract's bound on any answer


def figures(run: Run) -> dict[str, Any]:
    """`phases`, `series` and `measures` as a report draws them; nothing for a run without phases."""
    if run.meta["kind"] == "load" and next(run.of("load"), None):
        return load_figures(run)
    if run.meta["kind"] == "model":
        return model_figures(run)
    if next(run.of("growth"), None):
        return growth_figures(run)
    phases = list(run.of("phase"))
    if not phases:
        return {}
    # Of those whose sender hung up nobody knows the latency.
    requests = [line for line in run.of("request") if line.get("action") not in (None, "", "abandoned")]
    samples = list(run.of("sample"))
    return {
        "phases": [{"name": line["name"], "from": line["from"], "to": line["to"]} for line in phases],
        "lanes": lanes(run),
        "series": [*request_series(phases, requests), *(mirror_series(samples) if samples else [])],
        "measures": chaos_measures(run, phases, requests),
    }


def request_series(phases: Sequence[Line], requests: Sequence[Line]) -> list[dict[str, Any]]:
    """A point a second, at its begin, of the requests that began in it; seconds without any are gaps."""
    begin, end = min(line["from"] for line in phases), max(line["to"] for line in phases)
    by_second: dict[int, list[Line]] = defaultdict(list)
    for line in requests:
        by_second[int(line["started"] - begin)].append(line)
    seconds = range(int(end - begin))  # whole ones only: the last, cut one would look like a drop

    def points(value: Callable[[list[Line]], float | None]) -> list[Point]:
        return [[begin + second, value(by_second[second])] for second in seconds]

    failed = any(line["status"] is None or line["status"] >= 500 for line in requests)
    series = [
        {"name": "requests", "unit": "1/s", "points": points(len)},
        {"name": "latency, p50", "unit": "ms", "points": points(lambda lines: latency_ms(lines, 0.5))},
        {"name": "latency, p95", "unit": "ms", "points": points(lambda lines: latency_ms(lines, 0.95))},
    ]
    if failed:
        unanswered = points(lambda lines: sum(line["status"] is None or line["status"] >= 500 for line in lines))
        series.append({"name": "no answer or 5xx", "unit": "1/s", "points": unanswered})
    return series


def mirror_series(samples: Sequence[Line]) -> list[dict[str, Any]]:
    """How many ids were wrong in each sample; gaps where the mirror could not be read."""
    curves: dict[str, list[Point]] = {"ghost": [], "missing": []}
    for sample in samples:
        wrong = wrong_in(sample)
        counts = Counter((wrong or {}).values())
        for how, points in curves.items():
            points.append([sample["t"], None if wrong is None else counts[how]])
    return [
        {"name": "ghosts in mitras:online", "unit": "ids", "points": curves["ghost"]},
        {"name": "missing in mitras:online", "unit": "ids", "points": curves["missing"]},
    ]


def latency_ms(requests: Sequence[Line], share: float) -> float | None:
    """A quantile of the answers' times in ms, from the planned sending where there was a plan."""
    found = quantile([line["ended"] - line.get("planned", line["started"]) for line in requests], share)
    return None if found is None else round(found * 1000, 2)


def measure(name: str, value: float | str | None, unit: str, limit: float | None = None) -> dict[str, Any]:
    return {"name": name, "value": value, "unit": unit, "limit": limit}


def lanes(run: Run) -> list[dict[str, Any]]:
    """What happened when, lane by lane: `spans` (from, to, tone, name) and `marks` (t, name), for the report's timeline."""
    found = []
    by_number: dict[int, list[Line]] = defaultdict(list)
    for line in run.of("fault"):
        by_number[line.get("number", 0)].append(line)
    for own in by_number.values():
        at = {line["event"]: line["t"] for line in own}
        removed = at.get("removed", own[-1]["t"])
        bitten = at.get("confirmed", at.get("masked", removed))
        spans = [
            {"from": at["requested"], "to": bitten, "tone": "coming", "name": "requested"},
            {"from": bitten, "to": removed, "tone": "fault", "name": "in force" if "confirmed" in at else "hidden"},
            {"from": removed, "to": at.get("healed", removed), "tone": "recovery", "name": "healing"},
        ]
        hit = ", ".join(own[0].get("hit") or ())
        found.append({"name": f"{own[0]['name']} → {hit}" if hit else own[0]["name"], "spans": spans, "marks": []})
    for name, text in MARKED.items():
        marks = [
            {"t": at, "name": f"{log['instance']}: {line}"}
            for log in run.of("log")
            for at, line in log["lines"]
            if text in line
        ]
        if marks:
            found.append({"name": name, "spans": [], "marks": marks})
    return [*found, *belief(run)]


def belief(run: Run) -> list[dict[str, Any]]:
    """A lane an instance: when it believed Valkey and when Postgres answered instead, as its `/metrics` told."""
    told: dict[str, list[tuple[float, bool]]] = defaultdict(list)
    for line in run.of("metrics"):
        if BELIEVED in line["values"]:
            told[line["instance"]].append((line["t"], line["values"][BELIEVED] == 1))
    found = []
    for instance, looks in told.items():
        spans: list[dict[str, Any]] = []
        for at, warm in looks:
            name = "Valkey" if warm else "Postgres"
            if spans and spans[-1]["name"] == name:
                spans[-1]["to"] = at
            else:
                spans.append({"from": at, "to": at, "tone": "calm" if warm else "recovery", "name": name})
        found.append({"name": f"{instance} believes", "spans": spans, "marks": []})
    return found


def chaos_measures(run: Run, phases: Sequence[Line], requests: Sequence[Line]) -> list[dict[str, Any]]:
    """Consistency and its price first, then requests and latency of each phase that had traffic."""
    lines: dict[str, list[Line]] = defaultdict(list)
    for line in run.lines:
        lines[line["kind"]].append(line)
    found = consistency_measures(lines)
    for phase in phases:
        own = [line for line in requests if phase["from"] <= line["started"] < phase["to"]]
        if own:
            found.append(measure(f"{phase['name']}: requests", len(own), ""))
            found += [measure(f"{phase['name']}: p{q}", latency_ms(own, q / 100), "ms") for q in (50, 95, 99)]
            found.append(measure(f"{phase['name']}: slowest", latency_ms(own, 1.0), "ms", ANSWER_MS))
    return found


def consistency_measures(lines: dict[str, list[Line]]) -> list[dict[str, Any]]:
    found = []
    for (horizon, phase), tally in sorted(tallies(lines).items()):
        told = f"changes right after {horizon:g} s, {phase}"
        bound = f", at 95 % fewer than {tally.bound:.2%} wrong" if tally.bound else ""
        kinds = "".join(f", {number} {kind}" for kind, number in (tally.wrong or {}).items())
        apart = f"; {tally.superseded} superseded, {tally.unread} unread"
        right = tally.samples - tally.violations
        found.append(measure(told, f"{right} of {tally.samples}{kinds}{bound}{apart}", ""))
    for how, minutes in person_minutes(lines).items():
        found.append(measure(COSTS[how], round(minutes, 3), "min"))
    for name, number in sql_per_request(lines).items():
        found.append(measure(f"{name}: SQL statements for a request", round(number, 3), ""))
    queries = availability_queries_a_second(lines)
    if queries is not None:
        found.append(
            measure("availability queries of an instance in the fault, blasts apart", round(queries, 2), "1/s")
        )
    for event, count in EVENTS.values():
        found.append(measure(f"how often {event}", count(lines), ""))
    return found
