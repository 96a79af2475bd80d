"""What the contract never allows, whoever asks and in whatever step: answers that fail the server where no box owns them."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from rig.checks.framework import CATCH_ALL, CHECKS, Bounds, Check, Judge, Kind, Lines

Line = Mapping[str, Any]
Key = tuple[str, str]  # a scenario and its variant
DEFECTS = (500, 501, 502, 504)
UNAVAILABLE = 503
SETTLED_S = 1.0  # after Postgres is back, or an instance is told to stop, what had to wait may still be on its way


def defects(lines: Iterable[Line]) -> dict[Key, list[Line]]:
    """By scenario and variant, the requests that were answered 5xx as the contract does not allow.

    500 is a defect by its name; 501, 502 and 504 are in no table of the contract; 503 is for a Postgres that cannot
    be reached or does not answer in time.
    """
    away: dict[Key, list[tuple[float, float]]] = defaultdict(list)
    found: dict[Key, list[Line]] = defaultdict(list)
    asked: list[Line] = []
    for line in lines:
        if line["kind"] == "request":
            asked.append(line)
        elif line["kind"] == "postgres" or (line["kind"] == "fault" and line.get("truth")):
            note_postgres(away[key_of(line)], line)
    for line in asked:
        ill = any(line["started"] <= until and line["ended"] >= since for since, until in away[key_of(line)])
        if line["status"] in DEFECTS or (line["status"] == UNAVAILABLE and not ill):
            found[key_of(line)].append(line)
    return found


def key_of(line: Line) -> Key:
    return line.get("scenario", ""), line.get("variant", "")


def note_postgres(spans: list[tuple[float, float]], line: Line) -> None:
    """Postgres went (`away`, or a fault of it was requested) or came back (`back`, or the fault was removed)."""
    if line["event"] in ("away", "requested"):
        spans.append((line["t"], float("inf")))
    elif line["event"] in ("back", "removed", "healed") and spans:
        spans[-1] = (spans[-1][0], line["t"] + SETTLED_S)


def told_defects(found: Sequence[Line]) -> str:
    """Each kind of answer once, with how often it came."""
    kinds = Counter(f"{line['action']} was answered {line['status']} {line['code'] or ''}".rstrip() for line in found)
    told = "; ".join(f"{kind}{f' ({count} times)' if count > 1 else ''}" for kind, count in kinds.items())
    return f"{told}: the contract has no such answer here"


def judge_contract(judge: Judge, lines: Lines, bounds: Bounds) -> None:
    """Of all lines together: that no answer was one of these."""
    for found in defects(line for own in lines.values() for line in own).values():
        judge.require(False, told_defects(found))


CHECKS[CATCH_ALL] = Check(
    CATCH_ALL,
    Kind.PROMISE,
    "BE",
    "What no box owns is as the contract has it, in preparing steps too",
    judge_contract,
    whole_run=True,
)
