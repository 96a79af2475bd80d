"""Who is available, computed by the contract's rule from what Valkey and Postgres held: the model that answers must match."""

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

from rig.checks.framework import Judge

AVAILABLE = "available"
EDGE_S = 1.0  # a heartbeat so near to turning stale proves nothing either way


def iso_time(text: object) -> float | None:
    """Epoch seconds of any ISO-8601 time in UTC; None for what counts as no heartbeat at all."""
    if not isinstance(text, str) or "T" not in text:
        return None
    try:
        at = datetime.fromisoformat(text)
    except ValueError:
        return None
    return at.timestamp() if at.utcoffset() == timedelta(0) else None


def states(
    mirror: Mapping[str, Any], loads: Mapping[str, int], maximum: int, stale_s: float, now: float
) -> dict[str, str]:
    """Each id of `mitras:online` with `available` or the reason why not.

    `mirror` is `World.mirror_state()`; a missing capacity key means the load that Postgres counts.
    """
    found = {}
    for mitra in mirror["online"]:
        text, capacity = mirror["heartbeats"].get(mitra), mirror["capacities"].get(mitra)
        at = iso_time(text)
        load = int(capacity) if capacity is not None and capacity.isdecimal() else loads.get(mitra, 0)
        if mitra in mirror["deactivated"]:
            found[mitra] = "deactivated"
        elif text is None:
            found[mitra] = "no heartbeat"
        elif at is None:
            found[mitra] = "garbled heartbeat"
        elif now - at > stale_s:
            found[mitra] = "stale"
        elif load >= maximum:
            found[mitra] = "full"
        else:
            found[mitra] = AVAILABLE
    return found


def available(found: Mapping[str, str]) -> list[str]:
    return sorted(mitra for mitra, state in found.items() if state == AVAILABLE)


def assume_clear(judge: Judge, mirror: Mapping[str, Any], stale_s: float, now: float) -> None:
    """No heartbeat was about to turn stale while the server was asked."""
    for mitra, text in mirror["heartbeats"].items():
        at = iso_time(text)
        near = at is not None and abs(now - at - stale_s) < EDGE_S
        judge.observed(not near, f"mitra:heartbeat:{mitra} was just turning stale, so neither answer would be wrong")


def require_answer(judge: Judge, what: str, expected: list[str], found: list[str], names: Mapping[str, str]) -> None:
    """The same ids, told by the names of the people."""

    def told(ids: set[str]) -> str:
        return ", ".join(sorted(names.get(mitra, mitra) for mitra in ids))

    missing, extra = set(expected) - set(found), set(found) - set(expected)
    judge.require(not missing, f"{what} lacks {told(missing)}")
    judge.require(not extra, f"{what} holds {told(extra)}")
    judge.require(len(found) == len(set(found)), f"{what} names somebody twice")


def require_beacon(judge: Judge, exchange: Mapping[str, Any], count: int, when: str) -> None:
    """`available` is a bool, `count` an int, both as promised: available exactly when the count is over 0."""
    reply = exchange["reply"] if isinstance(exchange["reply"], dict) else {}
    shape = type(reply.get("available")) is bool and type(reply.get("count")) is int
    if judge.require(shape, f"{when} the beacon's answer is {exchange['reply']}, not a bool and a count"):
        judge.require(reply["count"] == count, f"{when} the beacon counts {reply['count']}, available are {count}")
        fits = reply["available"] is (reply["count"] > 0)
        judge.require(fits, f"{when} the beacon says available: {reply['available']} with a count of {reply['count']}")
