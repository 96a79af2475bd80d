"""Which lines of the servers' logs tell the cause of a difference."""

import re
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime

import msgspec

from rig.contract import LINE_MARKS, SEED_LINE, SUBSCRIBED_LINE
from rig.record.audit import Difference

NEAR_S = 5.0
ROUTINE = (SEED_LINE, SUBSCRIBED_LINE)  # they tell no trouble
ISO = re.compile(r"\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d(?:[.,]\d+)?(?:Z|[+-]\d\d:?\d\d)?")
EPOCH = re.compile(r"\d{10}(?:\.\d+)?\b")


def line_time(line: str) -> float | None:
    """Epoch seconds that stand in a line, as a number at its begin or in ISO-8601 anywhere; a time without zone is UTC."""
    if number := EPOCH.match(line):
        return float(number[0])
    if not (found := ISO.search(line)):
        return None
    try:
        at = datetime.fromisoformat(found[0].replace(",", "."))
    except ValueError:
        return None
    return (at if at.tzinfo else at.replace(tzinfo=UTC)).timestamp()


def with_causes(differences: Sequence[Difference], name: str, lines: Iterable[str]) -> list[Difference]:
    """The same differences, with a cause where a log tells one: the file, the number of the line, and the trouble.

    A line tells the cause if it has a mark of the contract (such as `[valkey`), and names the mitra or stands within
    5 s of the time at which the difference began. Only the mark is kept: the rest of a line can hold private data.
    """
    causes: dict[int, str] = {}
    for number, line in enumerate(lines, 1):
        mark = next((mark for mark in LINE_MARKS if mark in line), None)
        if mark is None or any(routine in line for routine in ROUTINE):
            continue
        at = line_time(line)
        for place, one in enumerate(differences):
            named = one.mitra and one.mitra in line
            near = at is not None and one.since is not None and abs(at - one.since) <= NEAR_S
            if named or (near and place not in causes):
                causes[place] = f"{name}:{number}: {mark_text(line, mark)}"
    return [
        msgspec.structs.replace(one, cause=causes[place]) if place in causes and not one.cause else one
        for place, one in enumerate(differences)
    ]


def mark_text(line: str, mark: str) -> str:
    """The mark with its closing bracket: `[valkey-mirror]` for a line with the mark `[valkey`."""
    start = line.index(mark)
    end = line.find("]", start) + 1
    return line[start:end] if mark.startswith("[") and end > start else mark
