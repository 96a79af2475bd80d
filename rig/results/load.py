"""The tables and curves of a load, from its record, as plain JSON for the report."""

import statistics
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence

from rig.checks import CHECKS
from rig.checks.bounds import bounds_from
from rig.checks.load.measures import MEASURES, Measured
from rig.checks.load.request_accounting import (
    BLOCK,
    account,
    actions,
    by_second,
    delays,
    latencies,
    peak_to_mean,
    phases,
    raw_latencies,
    tallies,
    window,
)
from rig.checks.load.sql_attribution import spent
from rig.checks.load.table_counter_check import witness_rows
from rig.checks.load.thresholds import ITEM, rows
from rig.record import Lines, Run
from rig.record.arms import NAMES
from rig.record.histogram import edge_ms, quantile_ms
from rig.record.lines.common import BoundValue, Plan
from rig.record.lines.load import ArmUp, Block, Commands, Generator, PhaseSpan, Tally, TrafficSecond, Usage

Row = dict[str, object]
SHARES = {"p50": 0.5, "p90": 0.9, "p95": 0.95, "p99": 0.99, "max": 1.0}
# Student's t for a 95 % interval of the mean, by degrees of freedom.
T_95 = {1: 12.7, 2: 4.30, 3: 3.18, 4: 2.78, 5: 2.57, 6: 2.45, 7: 2.36, 8: 2.31, 9: 2.26, 10: 2.23, 15: 2.13, 20: 2.09}
BAR_STEP = 16  # buckets of 2 % merged into one bar
NO_TRAFFIC = TrafficSecond(0, "", "", 0, 0, 0, 0)
LEDGER_MAX = 60


def load_figures(run: Run) -> dict[str, object]:
    """The key `load` of the results, and `phases` for the bands of the plots."""
    lines = run.lines
    plan = lines.first(Plan)
    bounds = plan.bounds if plan else {}
    there = [line.arm for line in lines.of(ArmUp)]
    span = window(lines)
    found = {
        "arms": [{"id": arm, "name": NAMES[arm]} for arm in there],
        "window": {"from": span[0], "to": span[1]} if span else None,
        "claims": list(claim_rows(lines, bounds, there)) if span else [],
        "thresholds": rows(lines) if span and ITEM in bounds else [],
        "accounting": [account_row(lines, arm, action) for arm in there for action in actions(lines, arm)],
        "percentiles": [
            row for arm in there for action in actions(lines, arm) for row in percentiles(lines, arm, action)
        ],
        "histograms": [bars(lines, arm, action) for action in ("ping", "beacon") for arm in there],
        "plots": plots(lines, there),
        "ledger": [row for arm in there for row in ledger(lines, arm)] if span else [],
        **block_rows(lines),
        "witness": [row for arm in there for row in witness_rows(lines, arm) if row["moved"] or row["most"]],
        "generator": [generator(lines, worker) for worker in lines.of(Generator)],
        "valkey": commands(lines),
        "raw": sorted(
            path.name for path in run.directory.path.glob("*") if path.suffix in (".csv",) or path.name == "locust.html"
        ),
    }
    return {"phases": phase_bands(phases(lines)), "load": found}


def phase_bands(spans: Sequence[PhaseSpan]) -> list[Row]:
    """Name, begin and end of each phase; all blocks together are one."""
    blocks = [phase for phase in spans if phase.name.startswith(BLOCK)]
    found: list[Row] = [
        {"name": phase.name, "from": phase.since, "to": phase.until} for phase in spans if phase not in blocks
    ]
    if blocks:
        found.append({"name": "blocks", "from": blocks[0].since, "to": blocks[-1].until})
    return found


def claim_rows(lines: Lines, bounds: Mapping[str, Mapping[str, BoundValue]], there: Sequence[str]) -> Iterator[Row]:
    for id, limits in bounds.items():
        if "measure" not in limits:
            continue
        measure, limit = MEASURES[str(limits["measure"])], bounds_from(limits)
        of: dict[str, Measured] = {}
        for arm in there:
            if arm == "on" or not id.startswith("DIFF"):
                of[arm] = measure(lines, arm, limit)
        values = {arm: measured.value for arm, measured in of.items()}
        yield {
            "id": id, "wording": CHECKS[id].title, "limit": f"≤ {limit['limit']:g}", "unit": "",
            "on": values.get("on"), "off": values.get("off"), "note": of["on"].said if "on" in of else "",
        }  # fmt: skip


def account_row(lines: Lines, arm: str, action: str) -> Row:
    return {"arm": arm, "action": action, **account(lines, arm, action)}


def percentiles(lines: Lines, arm: str, action: str) -> Iterator[Row]:
    own = tallies(lines, arm, action)
    for kind, found in (("corrected", latencies(own)), ("raw", raw_latencies(own))):
        if found:
            shown = {name: rounded(quantile_ms(found, share)) for name, share in SHARES.items()}
            yield {"arm": arm, "action": action, "kind": kind, "n": sum(found.values()), **shown}


def bars(lines: Lines, arm: str, action: str) -> Row:
    """The histogram of latencies from the planned moments, in coarse buckets."""
    merged: Counter[int] = Counter()
    for number, count in latencies(tallies(lines, arm, action)).items():
        merged[number // BAR_STEP] += count
    buckets = [
        [rounded(edge_ms((number + 1) * BAR_STEP)), merged[number]]
        for number in range(min(merged, default=0), max(merged, default=-1) + 1)
    ]
    return {"arm": arm, "action": action, "buckets": buckets}


def plots(lines: Lines, there: Sequence[str]) -> list[Row]:
    edges = [edge for phase in phases(lines) for edge in (phase.since, phase.until)]
    if not edges:
        return []
    seconds = range(int(min(edges)) + 1, int(max(edges)))
    traffic = {arm: by_second(lines, arm) for arm in there}
    sql = {arm: Counter(int(one.at) for one in spent(lines, arm)) for arm in there}
    logged_until = max((phase.until for phase in phases(lines) if not phase.name.startswith(BLOCK)), default=0)

    def curve(arm: str, value: Callable[[int], float | None], dash: bool = False, name: str = "") -> Row:
        return {"name": name or NAMES[arm], "arm": arm, "dash": dash, "points": [[at, value(at)] for at in seconds]}

    def planned(arm: str) -> Callable[[int], float]:
        return lambda second: traffic[arm].get(second, NO_TRAFFIC).planned

    def completed(arm: str) -> Callable[[int], float]:
        return lambda second: traffic[arm].get(second, NO_TRAFFIC).completed

    def statements(arm: str) -> Callable[[int], float | None]:
        return lambda second: None if second >= logged_until else sql[arm][second]

    found = [
        {
            "title": "SQL statements a second",
            "unit": "1/s",
            "phases": True,
            "curves": [curve(arm, statements(arm)) for arm in there],
        }
    ]
    offered = []
    for arm in there:
        offered += [
            curve(arm, planned(arm), True, f"offered, {NAMES[arm]}"),
            curve(arm, completed(arm), False, f"achieved, {NAMES[arm]}"),
        ]
    found.append({"title": "Requests a second", "unit": "1/s", "phases": True, "curves": offered})
    for process in ("postgres", "valkey", "server a"):
        curves = [
            {"name": NAMES[arm], "arm": arm, "dash": False, "points": points}
            for arm in there
            if (points := processor(lines, arm, process))
        ]
        if curves:
            found.append(
                {"title": f"Processor time of {process}", "unit": "% of a core", "phases": True, "curves": curves}
            )
    return found


def processor(lines: Lines, arm: str, process: str) -> list[list[float]]:
    points, before = [], None
    for line in lines.of(Usage):
        if line.arm == arm and process in line.processes:
            used = line.processes[process].cpu_s
            if before is not None and line.t > before[0]:
                points.append([line.t, round(100 * max(0.0, used - before[1]) / (line.t - before[0]), 1)])
            before = (line.t, used)
    return points


def ledger(lines: Lines, arm: str) -> list[Row]:
    """Statements by shape, instance and cause, the most frequent first."""
    span = window(lines)
    assert span is not None, "only of a run that got through"
    minutes = (span[1] - span[0]) / 60
    counts = Counter((one.instance, one.cause, one.text) for one in spent(lines, arm, *span))
    return [
        {"arm": arm, "instance": instance, "class": "work", "cause": cause, "template": text, "calls": calls,
         "a_minute": round(calls / minutes, 1)}
        for (instance, cause, text), calls in counts.most_common(LEDGER_MAX)
    ]  # fmt: skip


def block_rows(lines: Lines) -> dict[str, list[Row]]:
    """`blocks`: both arms alternately and without the statement log. `observing`: what the log itself costs."""
    values: dict[tuple[str, str], dict[tuple[str, bool], list[float]]] = defaultdict(lambda: defaultdict(list))
    for block in lines.of(Block):
        key = (block.arm, block.logged)
        own = [tally for tally in lines.of(Tally) if tally.phase == block.name and tally.arm == block.arm]
        for action in ("ping", "beacon"):
            found = latencies(tally for tally in own if tally.action == action)
            for name in ("p50", "p95"):
                if (value := quantile_ms(found, SHARES[name])) is not None:
                    values[f"{action}: {name}, from the plan", "ms"][key].append(round(value, 2))
        for process, cpu_s in block.cpu_s.items():
            if process.startswith(("postgres", "valkey", "server")):
                values[f"processor time of {process}", "% of a core"][key].append(
                    round(100 * max(0.0, cpu_s) / block.seconds, 1)
                )
    blocks: list[Row] = []
    observing: list[Row] = []
    for (name, unit), by in values.items():
        on, off = by.get(("on", False), []), by.get(("off", False), [])
        if on and off:
            blocks.append({
                "name": name, "unit": unit, "on": on, "off": off, "on_interval": interval(on), "off_interval": interval(off),
                "told": compared(on, off),
            })  # fmt: skip
        for arm in ("on", "off"):
            plain, logged = by.get((arm, False), []), by.get((arm, True), [])
            if plain and logged:
                text = f"{name}, {NAMES[arm]}: with the statement log (without: {statistics.median(plain):g})"
                observing.append({"name": text, "value": statistics.median(logged), "unit": unit})
    return {"blocks": blocks, "observing": observing}


def compared(on: Sequence[float], off: Sequence[float]) -> str:
    """The arms differ for certain only if every block of one lies beyond every block of the other."""
    if max(on) < min(off):
        return "lower with the mirror, in every block"
    if min(on) > max(off):
        return "higher with the mirror, in every block"
    return "in doubt: the blocks overlap"


def interval(values: Sequence[float]) -> list[float] | None:
    """The 95 % interval of the mean; None for fewer than two values."""
    if len(values) < 2:
        return None
    degrees = len(values) - 1
    t = T_95[max(known for known in T_95 if known <= degrees)]
    mean, half = statistics.fmean(values), t * statistics.stdev(values) / len(values) ** 0.5
    return [round(max(0.0, mean - half), 2), round(mean + half, 2)]


def generator(lines: Lines, worker: Generator) -> Row:
    late_ms = rounded(quantile_ms(delays(tally for tally in lines.of(Tally) if tally.worker == worker.worker), 0.99))
    peak = peak_to_mean(lines, "on")
    return {
        "worker": worker.worker, "cpu": worker.cpu, "rss_mb": worker.rss_mb, "finished": worker.finished,
        "late_p99_ms": late_ms, "peak_to_mean": None if peak is None else round(peak, 2),
    }  # fmt: skip


def commands(lines: Lines) -> list[Row]:
    """Valkey's own count of its commands from the begin to the end of the traffic."""
    found: list[tuple[int, Row]] = []
    for arm in {line.arm for line in lines.of(Commands)}:
        reads = {line.name: line for line in lines.of(Commands) if line.arm == arm}
        if {"begin", "end"} <= reads.keys():
            seconds = reads["end"].t - reads["begin"].t
            for command, calls in reads["end"].commands.items():
                moved = calls - reads["begin"].commands.get(command, 0)
                if moved:
                    row: Row = {"arm": arm, "command": command, "calls": moved, "a_second": round(moved / seconds, 2)}
                    found.append((moved, row))
    return [row for _, row in sorted(found, key=lambda one: -one[0])]


def rounded(value: float | None) -> float | None:
    return None if value is None else round(value, 3)
