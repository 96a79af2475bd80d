"""Limits given on the command line, in the grammar that k6 has for its own: `ping: p(95)<200`, `claim-01: value<=0`."""

import difflib
import operator
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from rig.checks.framework import CHECKS, Bounds, Check, Judge, Kind, Lines
from rig.checks.load.measures import MEASURES
from rig.checks.load.request_accounting import ACTIONS, actions, assume_load, histogram, tallies, total, window
from rig.record.histogram import edge_ms, quantile_ms

ITEM = "THRESHOLD-01"
GRAMMAR = re.compile(
    r"\s*([a-z][a-z0-9_-]*)\s*:\s*(p\(\d+(?:\.\d+)?\)|[a-z]+)\s*(<=|>=|<|>|==|!=)\s*(-?\d+(?:\.\d+)?)\s*"
)
OPERATORS = {
    "<": operator.lt, "<=": operator.le, ">": operator.gt, ">=": operator.ge, "==": operator.eq, "!=": operator.ne,
}  # fmt: skip
# What may be limited, and by which aggregates: latencies in ms from the planned moment, or (…_raw) from the sending.
LATENCY = ("p(N)", "med", "avg", "max")
REQUESTS, FAILED = "requests", "failed"
COUNTED = {REQUESTS: ("count", "rate"), FAILED: ("count", "rate")}
VALUE = ("value",)


class ThresholdError(ValueError):
    """A threshold that cannot be: one line that says which word is wrong, and what there is."""


@dataclass(frozen=True)
class Threshold:
    """`metric: aggregate operator number`."""

    text: str
    metric: str
    aggregate: str
    comparison: str
    number: float

    def holds(self, value: float) -> bool:
        return bool(OPERATORS[self.comparison](value, self.number))


def parse(text: str, claims: tuple[str, ...]) -> Threshold:
    """ThresholdError for an unknown metric or aggregate. `claims` are the ids of the claims that this run measures."""
    match = GRAMMAR.fullmatch(text.lower())
    if match is None:
        raise ThresholdError(
            f"{text!r} is no threshold: write METRIC: AGGREGATE OPERATOR NUMBER, say 'ping: p(95)<200'"
        )
    metric, aggregate, comparison, number = match.groups()
    known = {**dict.fromkeys(ACTIONS, LATENCY), **{f"{one}_raw": LATENCY for one in ACTIONS}, **COUNTED}
    known |= {claim.lower(): VALUE for claim in claims}
    if metric not in known:
        near = difflib.get_close_matches(metric, known, n=1)
        meant = f"did you mean {near[0]}?" if near else f"there are {', '.join(known)}"
        raise ThresholdError(f"{text!r}: no metric {metric!r}: {meant}")
    plain = "p(N)" if aggregate.startswith("p(") else aggregate
    if plain not in known[metric] or (plain == "p(N)" and not 0 < float(aggregate[2:-1]) <= 100):
        raise ThresholdError(f"{text!r}: {metric} has {', '.join(known[metric])}, not {aggregate!r}")
    return Threshold(text, metric, aggregate, comparison, float(number))


def observed(threshold: Threshold, lines: Lines) -> float | None:
    """What the run came to, in the arm with the mirror; None when nothing of it was measured."""
    metric, aggregate = threshold.metric, threshold.aggregate
    if not total(lines, "on", "sent"):
        return None  # of no request whatever nothing can be said, neither that all nor that few went well
    if metric in COUNTED:
        count = total(lines, "on", "planned" if metric == REQUESTS else "failed")
        span = window(lines)
        if aggregate == "count":
            return count
        planned = total(lines, "on", "planned")
        if metric == FAILED:
            return count / planned if planned else None
        return count / (span[1] - span[0]) if span else None
    if metric.upper() in CHECKS:
        return claimed(metric.upper(), lines)
    action, kind = (metric[:-4], "raw") if metric.endswith("_raw") else (metric, "corrected")
    found = histogram(tallies(lines, "on", action), kind)
    if not found:
        return None
    if aggregate == "avg":
        return sum(edge_ms(number) * count for number, count in found.items()) / sum(found.values())
    share = {"med": 0.5, "max": 1.0}.get(aggregate) or float(aggregate[2:-1]) / 100
    return quantile_ms(found, share)


def claimed(id: str, lines: Lines) -> float | None:
    bounds = next(iter(lines["plan"]))["bounds"][id]
    return MEASURES[bounds["measure"]](lines, "on", bounds).value


def declared(bounds: Mapping[str, object]) -> list[Threshold]:
    """The thresholds of a run, which stand among its bounds as plain data."""
    given = bounds["thresholds"]
    assert isinstance(given, Sequence)
    return [Threshold(**plain) for plain in given]


def rows(lines: Lines, bounds: Mapping[str, object]) -> list[dict[str, Any]]:
    """Each threshold with what was observed and its verdict."""
    found = []
    for threshold in declared(bounds):
        value = observed(threshold, lines)
        verdict = "inconclusive" if value is None else "passed" if threshold.holds(value) else "failed"
        latency = threshold.metric not in COUNTED and threshold.metric.upper() not in CHECKS
        found.append({"text": threshold.text, "value": value, "unit": "ms" if latency else "", "verdict": verdict})
    return found


def judge_thresholds(judge: Judge, lines: Lines, bounds: Bounds) -> None:
    if window(lines) is None:
        judge.assume(False, "the run ended before its measured window did")
        return
    for row in rows(lines, bounds):
        if row["verdict"] == "inconclusive":
            judge.assume(False, f"`{row['text']}`: nothing of it was measured")
            continue
        told = f"`{row['text']}`: {row['value']:.4g} {row['unit']}".rstrip()
        judge.require(row["verdict"] == "passed", told)
        judge.note(told)
    if not judge.broken_promises:
        assume_load(judge, lines, bounds, *[action for action in actions(lines, "on") if action in ("ping", "beacon")])


CHECKS[ITEM] = Check(
    ITEM, Kind.CLAIM, "BE", "The thresholds given on the command line", judge_thresholds, whole_run=True
)
