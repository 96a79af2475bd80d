"""The items of a soak. Each names the series that rise, with rate and headroom, and those that exceeded their bound."""

from collections.abc import Callable
from datetime import UTC, datetime

from rig.checks.framework import Bounds, Judge, Kind, WholeRunFunction, whole_run_check
from rig.checks.soak.growth import (
    Rise,
    cadence_s,
    excesses,
    factor_of,
    gaps,
    observed_spans,
    points_by_series,
    rises,
    segments,
)
from rig.checks.soak.series import RIG_LAG, bounded, growing
from rig.record import Lines, evidence
from rig.record.lines.common import Exited
from rig.record.lines.soak import Pressure, SoakDifference, SoakEvent, SoakPart, SoakSample

RECONCILE_S = 300.0  # the written cadence of the periodic seed
UNITS = ((86400, "days"), (3600, "h"), (60, "min"))
SHOWN = 12  # blocks or values of one series in the evidence
BOUNDS: dict[str, dict[str, float]] = {
    **{f"SOAK-{number:02}": {"decides_s": 7200.0, "reach_times": 20.0} for number in (1, 2, 3, 4, 5, 6, 7, 9, 11, 12)},
    "SOAK-08": {"within_s": 5.0},
    "SOAK-10": {},
    "SOAK-13": {},
    "SOAK-14": {"sampled_share": 0.9, "samples_min": 20},
    "SOAK-15": {"alert_s": 6.0, "reconnect_s": 5.0},
}


def clock(t: float) -> str:
    return datetime.fromtimestamp(t, UTC).strftime("%Y-%m-%d %H:%M:%S")


def judge_series(judge: Judge, lines: Lines, bounds: Bounds, item: str) -> None:
    """Judge all series of an item by their bounds and, if the run is long enough, by their trends."""
    names = [name for name in sorted(points_by_series(lines)) if belongs(name, item)]
    if not judge.assume(names, "none of its series was sampled"):
        return
    for name in names:
        if excess := excesses(lines).get(name):
            at = f"{excess.times} samples, first {clock(excess.at)}, at most {excess.highest:g}"
            judge.require(False, f"{name} ({excess.how.title}) exceeded {excess.how.most:g}: {at}")
            judge.show(evidence.log(f"{name}, from {clock(excess.at)} on", values_of(lines, name, excess.at)))
    found = [rise for name in names if (rise := rises(lines).get(name))]
    if any(growing(name) for name in names):
        judge_rises(judge, lines, bounds, found)
    judge.note(f"{len(names)} series")


def belongs(name: str, item: str) -> bool:
    """Whether this item judges the series."""
    return any(how is not None and how.item == item for how in (growing(name), bounded(name)))


def judge_rises(judge: Judge, lines: Lines, bounds: Bounds, found: list[Rise]) -> None:
    """Below `decides_s` of the written cadences a rise is only noted."""
    decides = cadence_s(lines) >= bounds["decides_s"]
    hours = f"{cadence_s(lines) / 3600:.2g} h of the written cadences"
    if not decides:
        judge.note(
            f"trends are remarks: this run stands for {hours}, and they decide from {bounds['decides_s'] / 3600:g} h on"
        )
    elif not judge.enough(found, f"no series has enough blocks for a trend in {hours}"):
        return
    for rise in found:
        if rise.significant and not rise.rises and rise.found.low <= 0:
            judge.note(
                f"remark: {rise.name} rose in steps, from {rise.first:g} to {rise.last:g}, which no event explains"
            )
        if not rise.rises:
            continue
        judge.show(evidence.log(f"{rise.name}, the end of its segments", ends_of(lines, rise)))
        times = rise.reached_s / rise.observed_s
        reached = f"it is used up after {duration(rise.reached_s * rise.factor)} more"
        if not decides:
            judge.note(f"remark: {rise.told()}")
        elif times <= bounds["reach_times"]:
            judge.require(False, f"{rise.told()}; {reached}")
        else:
            judge.enough(
                False,
                f"{rise.told()}; when it is used up lies beyond {bounds['reach_times']:g} times what was observed",
            )


def duration(seconds: float) -> str:
    """A length in the unit in which it is a small number."""
    unit, name = next((one for one in UNITS if seconds >= 2 * one[0]), (1, "s"))
    return f"{seconds / unit:.3g} {name}"


def values_of(lines: Lines, name: str, since: float) -> list[str]:
    values = [(t, value) for t, value in points_by_series(lines)[name] if t >= since]
    return [f"{t:.3f} {value:g}" for t, value in values[:SHOWN]]


def ends_of(lines: Lines, rise: Rise) -> list[str]:
    found = segments(lines, rise.name, rise.how)
    return [
        f"{points[0][0]:.3f} to {clock(points[-1][0])}: from {points[0][1]:g} to {points[-1][1]:g}"
        for points in found[:SHOWN]
    ]


def series_item(id: str, title: str) -> WholeRunFunction:
    """Declare an item that is judged by its series alone."""

    def judged(judge: Judge, lines: Lines, bounds: Bounds) -> None:
        judge_series(judge, lines, bounds, id)

    return declared(id, title)(judged)


def declared(id: str, title: str) -> Callable[[WholeRunFunction], WholeRunFunction]:
    return whole_run_check(id, "BE", title, Kind.CLAIM)


series_item("SOAK-01", "Valkey's memory does not grow")
series_item("SOAK-02", "The memory of each instance does not grow")
series_item("SOAK-03", "Each instance closes its descriptors and ends its threads")
series_item("SOAK-04", "Connections to both stores are given back")
series_item("SOAK-05", "Each table has the rows that the workload explains")
series_item("SOAK-06", "No keys gather in Valkey beside those of the contract")
series_item("SOAK-09", "Valkey evicts nothing, and its error replies do not become more")
series_item("SOAK-10", "Each row of mitra_online_logs has a cause")
series_item("SOAK-11", "The same workload does not cost more and more statements")
series_item("SOAK-12", "Tables and indexes do not bloat")


@declared("SOAK-07", "Answers do not become slower")
def stays_fast(judge: Judge, lines: Lines, bounds: Bounds) -> None:
    """Inconclusive if the rig itself is delayed more and more: then something else takes the machine's time."""
    lag = rises(lines).get(RIG_LAG)
    judge.assume(
        lag is None or not lag.significant, "the rig itself was delayed more and more: this machine had other work"
    )
    judge_series(judge, lines, bounds, "SOAK-07")


@declared("SOAK-08", "The mirror does not drift from the truth")
def does_not_drift(judge: Judge, lines: Lines, bounds: Bounds) -> None:
    judge_series(judge, lines, bounds, "SOAK-08")
    old = [line for line in lines.of(SoakDifference) if line.calm and line.age_s > bounds["within_s"]]
    for line in old:
        judge.require(False, f"{line.what} lasted for {line.age_s:.0f} s from {clock(line.since)} on")
    judge.show(*(evidence.note(f"{clock(line.since)}: {line.what}, {line.age_s:.1f} s") for line in old[:SHOWN]))
    judge.note(
        f"{len(lines.of(SoakDifference))} differences, none of them older than {bounds['within_s']:g} s outside of faults"
    )


@declared("SOAK-13", "Every request is answered, and no instance exits")
def all_is_answered(judge: Judge, lines: Lines, bounds: Bounds) -> None:
    judge_series(judge, lines, bounds, "SOAK-13")
    for line in lines.of(Exited):
        judge.require(False, f"{clock(line.t)}: {line.text}")


@declared("SOAK-14", "The soak was sampled as planned")
def was_sampled(judge: Judge, lines: Lines, bounds: Bounds) -> None:
    """A precondition: it is never the server's failure."""
    part, samples = lines.first(SoakPart), lines.of(SoakSample)
    if not judge.assume(part is not None and samples, "nothing was sampled") or part is None:
        return
    sampled_s = sum(end - begin for begin, end in observed_spans(lines))
    share = min(1.0, sampled_s / part.planned_s)
    for begin, end in gaps(lines):
        judge.note(f"gap of {duration(end - begin)} from {clock(begin)} on")
    for event in lines.of(SoakEvent):
        if not event.ours:
            judge.note(f"{clock(event.t)}: {event.text}")
    judge.assume(len(samples) >= bounds["samples_min"], f"only {len(samples)} samples were taken")
    judge.assume(
        share >= bounds["sampled_share"], f"{share:.0%} of the planned {duration(part.planned_s)} were sampled"
    )
    calm = sum(sample.calm for sample in samples) / len(samples)
    judge.note(
        f"{len(samples)} samples in {duration(sampled_s)}, {calm:.0%} of them undisturbed; factor {factor_of(lines):g}"
    )


@declared("SOAK-15", "A neighbour who fills Valkey is noticed, and all is healed when the neighbour is gone")
def survives_pressure(judge: Judge, lines: Lines, bounds: Bounds) -> None:
    phases = lines.of(Pressure)
    if not judge.assume(phases, "no pressure was applied"):
        return
    every_s = max((RECONCILE_S / part.factor for part in lines.of(SoakPart)), default=RECONCILE_S)
    for phase in phases:
        judge.assume(phase.evicted or phase.refused, f"{phase.policy}: Valkey was not full")
        if phase.evicts:
            noticed = phase.alert_s is not None and phase.alert_s <= bounds["alert_s"]
            judge.require_hardened(
                noticed, f"{phase.policy}: no instance tells of it at /readyz within {bounds['alert_s']:g} s"
            )
        healed = phase.healed_s is not None and phase.healed_s <= bounds["reconnect_s"] + every_s
        judge.require(healed, f"{phase.policy}: mirror and truth still differ after the neighbour is gone")
        judge.require(not phase.failed, f"{phase.policy}: {phase.failed} requests got no answer or a 5xx")
        judge.note(told_pressure(phase))
    judge.show(evidence.log("pressure", [told_pressure(phase) for phase in phases]))


def told_pressure(phase: Pressure) -> str:
    """One phase in words."""
    lost = ", ".join(phase.lost) or "nothing"
    alert = "no alert" if phase.alert_s is None else f"alert after {phase.alert_s:.1f} s: {phase.alert}"
    healed = "not healed" if phase.healed_s is None else f"healed after {phase.healed_s:.1f} s"
    return f"{phase.policy}: {phase.evicted} evicted, {phase.refused} writes refused, wrong: {lost}; {alert}; {healed}"
