"""The figures and curves of a run, from its record: phases, requests, latencies, differences of the mirror."""

from collections import Counter, defaultdict
from collections.abc import Callable, Sequence

from rig.checks.chaos.consistency import availability_queries_per_s, person_minutes, sql_per_request, tallies
from rig.checks.chaos.coverage import EVENTS
from rig.checks.chaos.timeline import wrong_in
from rig.contract import SEED_LINE, SWEEP_HELD_LINE
from rig.record import Lines, Run
from rig.record.histogram import quantile
from rig.record.lines.chaos import FaultEvent, Metrics, Phase, Sample
from rig.record.lines.common import Request, ServerLog
from rig.record.lines.load import Load
from rig.record.lines.scaling import Growth
from rig.results.contract import failing_walks, pairs_reached
from rig.results.cutover import cutover_figures
from rig.results.load import load_figures
from rig.results.model import model_figures
from rig.results.scaling import growth_figures
from rig.results.soak import soak_figures

Point = list[object]

COSTS = {
    "ghost": "time that mitras who had left could be offered to seekers",
    "missing": "time that mitras who were online could not be found",
}
# Lanes of the timeline, by the text that their log lines contain.
MARKED = {
    "seeds": SEED_LINE,
    "ticks skipped": "valkey unavailable, skipping",
    "mass offline held": SWEEP_HELD_LINE,
}
BELIEVED = "mirror_warm"
ANSWER_MS = 5000  # the contract's bound on any answer


def figures(run: Run) -> dict[str, object]:
    """`phases`, `series` and `measures` for the report; empty for a run without phases."""
    if run.meta["kind"] == "load" and run.of(Load):
        return load_figures(run)
    if run.meta["kind"] == "soak":
        return soak_figures(run)
    if run.meta["kind"] == "cutover":
        return cutover_figures(run)
    if run.meta["kind"] == "model":
        return model_figures(run)
    if run.of(Growth):
        return growth_figures(run)
    phases = run.of(Phase)
    if not phases:
        return {**pairs_reached(run), **failing_walks(run)}
    # The latency of a request whose sender hung up is not known.
    requests = [line for line in run.of(Request) if line.action not in ("", "abandoned")]
    samples = run.of(Sample)
    return {
        "phases": [{"name": line.name, "from": line.since, "to": line.until} for line in phases],
        "lanes": lanes(run),
        "series": [*request_series(phases, requests), *(mirror_series(samples) if samples else [])],
        "measures": chaos_measures(run, phases, requests),
    }


def request_series(phases: Sequence[Phase], requests: Sequence[Request]) -> list[dict[str, object]]:
    """One point per second, at its begin, for the requests that began in it; a second without requests is a gap."""
    begin, end = min(line.since for line in phases), max(line.until for line in phases)
    by_second: dict[int, list[Request]] = defaultdict(list)
    for line in requests:
        by_second[int(line.started - begin)].append(line)
    seconds = range(int(end - begin))  # without the last, incomplete second, which would look like a drop

    def points(value: Callable[[list[Request]], float | None]) -> list[Point]:
        return [[begin + second, value(by_second[second])] for second in seconds]

    def failures(lines: Sequence[Request]) -> int:
        return sum(line.status is None or line.status >= 500 for line in lines)

    series: list[dict[str, object]] = [
        {"name": "requests", "unit": "1/s", "points": points(len)},
        {"name": "latency, p50", "unit": "ms", "points": points(lambda lines: latency_ms(lines, 0.5))},
        {"name": "latency, p95", "unit": "ms", "points": points(lambda lines: latency_ms(lines, 0.95))},
    ]
    if failures(requests):
        series.append({"name": "no answer or 5xx", "unit": "1/s", "points": points(failures)})
    return series


def mirror_series(samples: Sequence[Sample]) -> list[dict[str, object]]:
    """How many ids were wrong in each sample; a gap where the mirror could not be read."""
    curves: dict[str, list[Point]] = {"ghost": [], "missing": []}
    for sample in samples:
        wrong = wrong_in(sample)
        counts = Counter((wrong or {}).values())
        for how, points in curves.items():
            points.append([sample.t, None if wrong is None else counts[how]])
    return [
        {"name": "ghosts in mitras:online", "unit": "ids", "points": curves["ghost"]},
        {"name": "missing in mitras:online", "unit": "ids", "points": curves["missing"]},
    ]


def latency_ms(requests: Sequence[Request], share: float) -> float | None:
    """A quantile of the latencies in ms; None without requests."""
    found = quantile([line.seconds for line in requests], share)
    return None if found is None else round(found * 1000, 2)


def measure(name: str, value: float | str | None, unit: str, limit: float | None = None) -> dict[str, object]:
    return {"name": name, "value": value, "unit": unit, "limit": limit}


def lanes(run: Run) -> list[dict[str, object]]:
    """The lanes of the report's timeline, each with `spans` (from, to, tone, name) and `marks` (t, name)."""
    found: list[dict[str, object]] = []
    by_number: dict[int, list[FaultEvent]] = defaultdict(list)
    for event in run.of(FaultEvent):
        by_number[event.number].append(event)
    for events in by_number.values():
        at = {event.event: event.t for event in events}
        removed = at.get("removed", events[-1].t)
        acting = at.get("confirmed", at.get("masked", removed))
        spans = [
            {"from": at["requested"], "to": acting, "tone": "coming", "name": "requested"},
            {"from": acting, "to": removed, "tone": "fault", "name": "in force" if "confirmed" in at else "hidden"},
            {"from": removed, "to": at.get("healed", removed), "tone": "recovery", "name": "healing"},
        ]
        name, hit = events[0].name, ", ".join(events[0].hit)
        found.append({"name": f"{name} → {hit}" if hit else name, "spans": spans, "marks": []})
    for name, text in MARKED.items():
        marks = [
            {"t": at, "name": f"{log.instance}: {line}"}
            for log in run.of(ServerLog)
            for at, line in log.lines
            if text in line
        ]
        if marks:
            found.append({"name": name, "spans": [], "marks": marks})
    return [*found, *belief(run)]


def belief(run: Run) -> list[dict[str, object]]:
    """One lane per instance: when it used Valkey and when Postgres, by its `/metrics`."""
    by_instance: dict[str, list[tuple[float, bool]]] = defaultdict(list)
    for line in run.of(Metrics):
        if BELIEVED in line.values:
            by_instance[line.instance].append((line.t, line.values[BELIEVED] == 1))
    found: list[dict[str, object]] = []
    for instance, looks in by_instance.items():
        spans: list[dict[str, object]] = []
        for at, warm in looks:
            name = "Valkey" if warm else "Postgres"
            if spans and spans[-1]["name"] == name:
                spans[-1]["to"] = at
            else:
                spans.append({"from": at, "to": at, "tone": "calm" if warm else "recovery", "name": name})
        found.append({"name": f"{instance} believes", "spans": spans, "marks": []})
    return found


def chaos_measures(run: Run, phases: Sequence[Phase], requests: Sequence[Request]) -> list[dict[str, object]]:
    """Consistency and its cost first, then requests and latency of each phase with traffic."""
    found = consistency_measures(run.lines)
    for phase in phases:
        own = [line for line in requests if phase.since <= line.started < phase.until]
        if own:
            found.append(measure(f"{phase.name}: requests", len(own), ""))
            found += [measure(f"{phase.name}: p{q}", latency_ms(own, q / 100), "ms") for q in (50, 95, 99)]
            found.append(measure(f"{phase.name}: slowest", latency_ms(own, 1.0), "ms", ANSWER_MS))
    return found


def consistency_measures(lines: Lines) -> list[dict[str, object]]:
    found = []
    for (horizon, phase), tally in sorted(tallies(lines).items()):
        told = f"changes right after {horizon:g} s, {phase}"
        bound = f", at 95 % fewer than {tally.bound:.2%} wrong" if tally.bound else ""
        kinds = "".join(f", {number} {kind}" for kind, number in tally.wrong.items())
        apart = f"; {tally.superseded} superseded, {tally.unread} unread"
        right = tally.samples - tally.violations
        found.append(measure(told, f"{right} of {tally.samples}{kinds}{bound}{apart}", ""))
    for how, minutes in person_minutes(lines).items():
        found.append(measure(COSTS[how], round(minutes, 3), "min"))
    for name, number in sql_per_request(lines).items():
        found.append(measure(f"{name}: SQL statements for a request", round(number, 3), ""))
    queries = availability_queries_per_s(lines)
    if queries is not None:
        found.append(
            measure("availability queries of an instance in the fault, blasts apart", round(queries, 2), "1/s")
        )
    for event, count in EVENTS.values():
        found.append(measure(f"how often {event}", count(lines), ""))
    return found
