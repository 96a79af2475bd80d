"""Answers that the contract never allows, in any request. They fail the server, also if no item owns them."""

from collections import Counter, defaultdict
from collections.abc import Sequence

from rig.checks.framework import CATCH_ALL, CHECKS, Bounds, Check, Judge, Kind
from rig.record import Lines
from rig.record.lines.chaos import FaultEvent
from rig.record.lines.common import PostgresEvent, Request

Key = tuple[str, str]  # a scenario and its variant
DEFECTS = (500, 501, 502, 504)
UNAVAILABLE = 503
SETTLED_S = 1.0  # so long after Postgres is back a delayed request may still be unanswered


def defects(lines: Lines) -> dict[Key, list[Request]]:
    """The requests with a 5xx that the contract does not allow, by scenario and variant.

    500 is never allowed, and 501, 502 and 504 are not in the contract. 503 is allowed while Postgres cannot be reached
    or does not answer in time.
    """
    away: dict[Key, list[tuple[float, float]]] = defaultdict(list)
    found: dict[Key, list[Request]] = defaultdict(list)
    for line in lines:
        if isinstance(line, PostgresEvent) or (isinstance(line, FaultEvent) and line.truth):
            note_postgres(away[line.scenario, line.variant], line)
    for request in lines.of(Request):
        key = request.scenario, request.variant
        excused = any(request.started <= until and request.ended >= since for since, until in away[key])
        if request.status in DEFECTS or (request.status == UNAVAILABLE and not excused):
            found[key].append(request)
    return found


def note_postgres(spans: list[tuple[float, float]], line: PostgresEvent | FaultEvent) -> None:
    """Begin a period without Postgres (`away`, or a fault is requested), or end it (`back`, or the fault is removed)."""
    if line.event in ("away", "requested"):
        spans.append((line.t, float("inf")))
    elif line.event in ("back", "removed", "healed") and spans:
        spans[-1] = (spans[-1][0], line.t + SETTLED_S)


def told_defects(found: Sequence[Request]) -> str:
    """Each kind of answer once, with the number of times that it came."""
    kinds = Counter(
        f"{request.action} was answered {request.status} {request.code or ''}".rstrip() for request in found
    )
    told = "; ".join(f"{kind}{f' ({count} times)' if count > 1 else ''}" for kind, count in kinds.items())
    return f"{told}: the contract has no such answer here"


def judge_contract(judge: Judge, lines: Lines, bounds: Bounds) -> None:
    """No request of the run was answered so."""
    for found in defects(lines).values():
        judge.require(False, told_defects(found))


CHECKS[CATCH_ALL] = Check(
    CATCH_ALL,
    Kind.PROMISE,
    "BE",
    "What no box owns is as the contract has it, in preparing steps too",
    judge_contract,
    whole_run=True,
)
