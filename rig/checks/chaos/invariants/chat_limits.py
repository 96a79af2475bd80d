"""Invariants of chats: nobody has more than the maximum, and none is counted long past its end."""

from collections.abc import Iterator, Sequence

from rig.checks.chaos.invariants.account_state import last_look, left, rows_evidence
from rig.checks.framework import Bounds, Judge, Kind, whole_run_check
from rig.contract import COUNTED, WRITE_THROUGH_S
from rig.record import Lines, evidence
from rig.record.lines.chaos import Sample
from rig.record.lines.common import Request

SHOWN_MAX = 5


@whole_run_check("INV-13", "BE", "Nobody has more chats than the maximum", Kind.INVARIANT)
def no_overload(judge: Judge, lines: Lines, bounds: Bounds) -> None:
    """In no look at Postgres a load has risen above the maximum that was in force since the look before.

    A load that was there before may stay above: lowering the maximum ends no chat.
    """
    highest, looks, before, since = 0, 0, dict[str, int](), 0.0
    changes = maxima(lines)
    for sample in lines.of(Sample):
        if sample.truth is None:
            continue
        most = in_force(changes, since, sample.ended, bounds["max_customers"])
        for id, load in sample.truth.loads.items():
            highest, looks = max(highest, load), looks + 1
            told = f"{id} had {load} chats at {sample.t:.3f}, the maximum is {most:g}"
            judge.require(load <= max(most, before.get(id, 0)), told)
        before, since = sample.truth.loads, sample.t
    last = last_look(lines)
    loads = last.truth.loads if last and last.truth else {}
    judge.show(evidence.sql("SELECT mitra_id, count(*) ...", ["mitra_id", "load at the end"], loads.items()))
    judge.enough(highest, f"nobody had a chat in {looks} looks")
    judge.note(f"{looks} loads read, the highest {highest}")


def maxima(lines: Lines) -> list[tuple[float, float, float]]:
    """Each setting of the maximum through the API: begin and end of the request, and the value.

    The end is infinity for a setting that was not acknowledged: it may have had effect or not.
    """
    return sorted(
        (line.started, line.ended if line.status == 200 else float("inf"), value)
        for line, value in maximum_requests(lines)
    )


def maximum_requests(lines: Lines) -> Iterator[tuple[Request, float]]:
    """The requests that set the maximum of chats per mitra, each with its value."""
    for line in lines.of(Request):
        if line.action == "set_config" and line.url.endswith("/max_customers_per_mitra"):
            value = line.body.get("value") if isinstance(line.body, dict) else None
            if isinstance(value, int | float):
                yield line, value


def in_force(changes: Sequence[tuple[float, float, float]], since: float, until: float, first: float) -> float:
    """The highest maximum that may have been in force from `since` to `until`.

    A setting has replaced the earlier ones WRITE_THROUGH_S after its answer.
    """
    found = [first]
    for begun, ended, value in changes:
        if ended + WRITE_THROUGH_S < since:
            found = [value]
        elif begun <= until:
            found.append(value)
    return max(found)


@whole_run_check("INV-21", "BE", "No chat is counted long past its end", Kind.INVARIANT)
def no_chat_past_its_end(judge: Judge, lines: Lines, bounds: Bounds) -> None:
    rows = left(judge, lines)
    if rows is None:
        return
    now = rows.now[0].at
    most_s = bounds["goodbye_s"] + bounds["within_s"]
    over = [
        f"{row.id} by {now - row.ends_at:.1f} s"
        for row in rows.chats
        if row.status in COUNTED and row.ends_at is not None and now - row.ends_at > most_s
    ]
    judge.require(not over, f"still counted though past their end: {', '.join(over[:SHOWN_MAX])}")
    judge.show(rows_evidence("chat_sessions", rows.chats))
    judge.enough(rows.chats, "there was no chat")
    judge.note(f"{len(rows.chats)} chats")
