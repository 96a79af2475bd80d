"""Limits from the command line, written as k6 writes its own: `ping: p(95)<200`, `claim-01: value<=0`."""

import difflib
import operator
import re
from typing import TypedDict

from rig.checks.bounds import bounds_from
from rig.checks.framework import CHECKS, Bounds, Check, Judge, Kind
from rig.checks.load.measures import MEASURES
from rig.checks.load.request_accounting import (
    ACTIONS,
    account,
    actions,
    assume_load,
    latencies,
    planned,
    raw_latencies,
    sent,
    tallies,
    window,
)
from rig.record import Lines
from rig.record.histogram import edge_ms, quantile_ms
from rig.record.lines.common import Plan, ThresholdSpec

ITEM = "THRESHOLD-01"
GRAMMAR = re.compile(
    r"\s*([a-z][a-z0-9_-]*)\s*:\s*(p\(\d+(?:\.\d+)?\)|[a-z]+)\s*(<=|>=|<|>|==|!=)\s*(-?\d+(?:\.\d+)?)\s*"
)
OPERATORS = {
    "<": operator.lt, "<=": operator.le, ">": operator.gt, ">=": operator.ge, "==": operator.eq, "!=": operator.ne,
}  # fmt: skip
# What can be limited, and by which aggregates. Latencies are in ms from the planned moment, with `_raw` from the sending.
LATENCY = ("p(N)", "med", "avg", "max")
REQUESTS, FAILED = "requests", "failed"
COUNTED = {REQUESTS: ("count", "rate"), FAILED: ("count", "rate")}
VALUE = ("value",)


class ThresholdError(ValueError):
    """An invalid threshold: one line that says which word is wrong and which words are possible."""


class ThresholdRow(TypedDict):
    """A threshold with what was measured (None: nothing) and its verdict, as the report shows it."""

    text: str
    value: float | None
    unit: str
    verdict: str


def holds(threshold: ThresholdSpec, value: float) -> bool:
    return bool(OPERATORS[threshold.comparison](value, threshold.number))


def parse(text: str, claims: tuple[str, ...]) -> ThresholdSpec:
    """A threshold from its text; `claims` are the ids of the claims that this run measures.

    ThresholdError for a wrong form, an unknown metric or an unknown aggregate.
    """
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
    return ThresholdSpec(text, metric, aggregate, comparison, float(number))


def observed(threshold: ThresholdSpec, lines: Lines) -> float | None:
    """The measured value in the arm with the mirror; None if nothing was measured."""
    metric, aggregate = threshold.metric, threshold.aggregate
    if not sent(lines, "on"):
        return None  # without a request even "no request failed" says nothing
    if metric in COUNTED:
        due = planned(lines, "on")
        count = due if metric == REQUESTS else account(lines, "on")["failed"]
        span = window(lines)
        if aggregate == "count":
            return count
        if metric == FAILED:
            return count / due if due else None
        return count / (span[1] - span[0]) if span else None
    if metric.upper() in CHECKS:
        return claimed(metric.upper(), lines)
    own = tallies(lines, "on", metric.removesuffix("_raw"))
    found = raw_latencies(own) if metric.endswith("_raw") else latencies(own)
    if not found:
        return None
    if aggregate == "avg":
        return sum(edge_ms(number) * count for number, count in found.items()) / sum(found.values())
    share = {"med": 0.5, "max": 1.0}.get(aggregate) or float(aggregate[2:-1]) / 100
    return quantile_ms(found, share)


def claimed(id: str, lines: Lines) -> float | None:
    """The value of a claim, measured as the plan of the run says."""
    plan = lines.first(Plan)
    assert plan is not None, "a run with thresholds has a plan"
    bounds = plan.bounds[id]
    return MEASURES[str(bounds["measure"])](lines, "on", bounds_from(bounds)).value


def declared(lines: Lines) -> list[ThresholdSpec]:
    """The thresholds of a run, which its plan holds among the bounds; none if it was given none."""
    plan = lines.first(Plan)
    given = plan.bounds.get(ITEM, {}).get("thresholds") if plan else None
    return given if isinstance(given, list) else []


def rows(lines: Lines) -> list[ThresholdRow]:
    """Each threshold with what was measured and its verdict."""
    found: list[ThresholdRow] = []
    for threshold in declared(lines):
        value = observed(threshold, lines)
        verdict = "inconclusive" if value is None else "passed" if holds(threshold, value) else "failed"
        latency = threshold.metric not in COUNTED and threshold.metric.upper() not in CHECKS
        found.append({"text": threshold.text, "value": value, "unit": "ms" if latency else "", "verdict": verdict})
    return found


def judge_thresholds(judge: Judge, lines: Lines, bounds: Bounds) -> None:
    if window(lines) is None:
        judge.assume(False, "the run ended before its measured window did")
        return
    for row in rows(lines):
        if row["value"] is None:
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
