"""Who is available by the contract's rule, computed from what Valkey and Postgres held. Answers must match it."""

from collections.abc import Mapping
from datetime import datetime, timedelta

from rig.checks.framework import Judge
from rig.record.observations.parts import HttpExchange, MirrorState

AVAILABLE = "available"
EDGE_S = 1.0  # within this time of turning stale, a heartbeat may be judged either way


def iso_time(text: object) -> float | None:
    """Epoch seconds of an ISO-8601 time in UTC; None for any other text, which counts as no heartbeat."""
    if not isinstance(text, str) or "T" not in text:
        return None
    try:
        at = datetime.fromisoformat(text)
    except ValueError:
        return None
    return at.timestamp() if at.utcoffset() == timedelta(0) else None


def states(mirror: MirrorState, loads: Mapping[str, int], maximum: int, stale_s: float, now: float) -> dict[str, str]:
    """Each id of `mitras:online` with `available` or the reason why she is not available.

    If a capacity key is missing, the load in Postgres counts.
    """
    return {mitra: state_of(mirror, mitra, loads.get(mitra, 0), maximum, stale_s, now) for mitra in mirror.online}


def state_of(mirror: MirrorState, mitra: str, load: int, maximum: int, stale_s: float, now: float) -> str:
    """The state of one mitra; `load` is that in Postgres."""
    text, capacity = mirror.heartbeats.get(mitra), mirror.capacities.get(mitra)
    at = iso_time(text)
    if mitra in mirror.deactivated:
        return "deactivated"
    if text is None:
        return "no heartbeat"
    if at is None:
        return "garbled heartbeat"
    if now - at > stale_s:
        return "stale"
    if (int(capacity) if capacity is not None and capacity.isdecimal() else load) >= maximum:
        return "full"
    return AVAILABLE


def available(mitras: Mapping[str, str]) -> list[str]:
    """The ids of those whose state is `available`."""
    return sorted(mitra for mitra, state in mitras.items() if state == AVAILABLE)


def assume_clear(judge: Judge, mirror: MirrorState, stale_s: float, now: float) -> None:
    """No heartbeat was about to turn stale when the server was asked."""
    for mitra, text in mirror.heartbeats.items():
        at = iso_time(text)
        near = at is not None and abs(now - at - stale_s) < EDGE_S
        judge.observed(not near, f"mitra:heartbeat:{mitra} was just turning stale, so neither answer would be wrong")


def require_answer(judge: Judge, what: str, expected: list[str], actual: list[str], names: Mapping[str, str]) -> None:
    """The same ids in any order, each once. The messages use the mitras' names."""

    def listed(ids: set[str]) -> str:
        return ", ".join(sorted(names.get(mitra, mitra) for mitra in ids))

    missing, extra = set(expected) - set(actual), set(actual) - set(expected)
    judge.require(not missing, f"{what} lacks {listed(missing)}")
    judge.require(not extra, f"{what} holds {listed(extra)}")
    judge.require(len(actual) == len(set(actual)), f"{what} names somebody twice")


def require_beacon(judge: Judge, exchange: HttpExchange, count: int, when: str) -> None:
    """`available` is a bool, and true exactly if the count is over 0. `count` is an int, and the expected one."""
    online, number = exchange.fields.get("available"), exchange.fields.get("count")
    shape = type(online) is bool and type(number) is int
    judge.require(shape, f"{when} the beacon's answer is {exchange.reply}, not a bool and a count")
    if type(online) is bool and type(number) is int:
        judge.require(number == count, f"{when} the beacon counts {number}, available are {count}")
        judge.require(online is (number > 0), f"{when} the beacon says available: {online} with a count of {number}")
