"""The curves and figures of a soak, from its record, as plain JSON for the report."""

from rig.checks.soak.growth import factor_of, gaps, observed_spans, rises
from rig.checks.soak.series import bounded, growing, unit_of
from rig.record import Run
from rig.record.histogram import merged, quantile_ms
from rig.record.lines.chaos import FaultEvent, Phase
from rig.record.lines.soak import Pressure, SoakEvent, SoakLatency, SoakPart, SoakSample

CHARTS_MAX = 60
SHARES = (0.5, 0.95, 0.99)


def soak_figures(run: Run) -> dict[str, object]:
    """`phases`, `lanes`, `series` and `measures` for the report; `dates`: the axes show the time of day, or dates."""
    spans = observed_spans(run.lines)
    phases = [{"name": line.name, "from": line.since, "to": line.until} for line in run.of(Phase)]
    if not phases and spans:
        phases = [{"name": "soak", "from": spans[0][0], "to": spans[-1][1]}]
    return {
        "dates": True,
        "phases": phases,
        "lanes": [*faults(run), *events(run)],
        "series": series(run),
        "measures": [*rates(run), *latency(run), *pressure(run)],
    }


def series(run: Run) -> list[dict[str, object]]:
    """One curve per series that some item judges, and a few more; a gap where nothing was sampled."""
    names = sorted({name for line in run.of(SoakSample) for name in line.values})
    names.sort(key=lambda name: (not (growing(name) or bounded(name)), name))
    found: list[dict[str, object]] = []
    breaks: list[tuple[float, float | None]] = [(begin + 1e-3, None) for begin, _ in gaps(run.lines)]
    for name in names:
        points = [(line.t, line.values[name]) for line in run.of(SoakSample) if name in line.values]
        if any(value for _, value in points):  # a series that was always 0 needs no chart
            every = sorted([*points, *breaks], key=lambda point: point[0])
            found.append({"name": name, "unit": unit_of(name), "points": [list(point) for point in every]})
    return found[:CHARTS_MAX]


def faults(run: Run) -> list[dict[str, object]]:
    """One lane for all faults."""
    begun: dict[int, FaultEvent] = {}
    spans: list[dict[str, object]] = []
    for event in run.of(FaultEvent):
        if event.event == "requested":
            begun[event.number] = event
        elif event.event == "removed" and event.number in begun:
            spans.append({"from": begun[event.number].t, "to": event.t, "tone": "fault", "name": event.name})
    return [{"name": "faults", "spans": spans, "marks": []}] if spans else []


def events(run: Run) -> list[dict[str, object]]:
    """A lane for restarts and other events, one for the gaps."""
    told = [line for line in run.of(SoakEvent) if line.scope != "servers"]
    marks = [{"t": line.t, "name": line.text} for line in told]
    marks += [{"t": part.t, "name": f"resumed, part {part.number}"} for part in run.of(SoakPart)[1:]]
    lost = [{"from": begin, "to": end, "tone": "recovery", "name": "not sampled"} for begin, end in gaps(run.lines)]
    lanes: list[dict[str, object]] = [{"name": "events", "spans": [], "marks": marks}] if marks else []
    return lanes + ([{"name": "gaps", "spans": lost, "marks": []}] if lost else [])


def measure(name: str, value: float | str | None, unit: str = "") -> dict[str, object]:
    return {"name": name, "value": value, "unit": unit, "limit": None}


def rates(run: Run) -> list[dict[str, object]]:
    """The rate of every series that rises, per hour of the written cadences."""
    found = [measure("factor of the cadences", factor_of(run.lines))]
    for name, rise in rises(run.lines).items():
        if rise.rises:
            rate = rise.found.slope * 3600 / rise.factor
            found.append(measure(f"{name} rises per hour", f"{rate:.3g} of {rise.how.headroom:g}", rise.how.unit))
    return found


def latency(run: Run) -> list[dict[str, object]]:
    """Percentiles of each action in the whole run; those per hour are in the curves."""
    lines = run.of(SoakLatency)
    found = []
    for action in sorted({action for line in lines for action in line.histograms}):
        histogram = merged(line.histograms.get(action, {}) for line in lines)
        for share in SHARES:
            value = quantile_ms(histogram, share)
            found.append(measure(f"{action}: p{share * 100:.0f}", None if value is None else round(value, 2), "ms"))
    return found


def pressure(run: Run) -> list[dict[str, object]]:
    found = []
    for line in run.of(Pressure):
        alert = "no alert" if line.alert_s is None else f"alert after {line.alert_s:.1f} s"
        healed = "not healed" if line.healed_s is None else f"healed after {line.healed_s:.1f} s"
        lost = ", ".join(line.lost) or "nothing"
        value = f"{line.evicted} evicted, {line.refused} refused, wrong: {lost}; {alert}; {healed}"
        found.append(measure(f"pressure, {line.policy}", value))
    return found
