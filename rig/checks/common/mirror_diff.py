"""Compares the mirror with Postgres: both arrive as plain data, so that a saved run can be judged again."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from rig.checks.framework import Judge, Kind


def heartbeat_time(text: object) -> float | None:
    """Epoch seconds of a heartbeat written as `YYYY-MM-DDTHH:MM:SS.mmmZ`; None for anything else."""
    if not isinstance(text, str) or len(text) != 24:
        return None
    try:
        return datetime.strptime(text[:-1] + "+0000", "%Y-%m-%dT%H:%M:%S.%f%z").timestamp()
    except ValueError:
        return None


def require_same_ids(judge: Judge, what: str, expected: list[str], found: list[str]) -> None:
    """Both as sets; the message names the ids on each side."""
    judge.compare(what, sorted(set(found)), sorted(set(expected)))
    missing, extra = sorted(set(expected) - set(found)), sorted(set(found) - set(expected))
    judge.require(not missing, f"{what} lacks {', '.join(missing)}")
    judge.require(not extra, f"{what} holds {', '.join(extra)}, which Postgres does not")


def require_capacities(
    judge: Judge, online: list[str], loads: Mapping[str, int], capacities: Mapping[str, str | None]
) -> None:
    """A capacity key for everyone online, `0` written out; whoever else has one, it must be the load too."""
    for mitra in sorted(set(online) | set(capacities)):
        found, load = capacities.get(mitra), loads.get(mitra, 0)
        key = f"mitra:capacity:{mitra}"
        judge.require_equal(key, found, str(load), f"{key} is {found!r}, Postgres counts {load}")


def require_heartbeats(judge: Judge, online: list[str], heartbeats: Mapping[str, str | None]) -> None:
    """A readable heartbeat for every online mitra and for nobody else."""
    for mitra in sorted(online):
        found = heartbeats.get(mitra)
        judge.require(heartbeat_time(found) is not None, f"mitra:heartbeat:{mitra} is {found!r}, not a time in ms UTC")
    for mitra in sorted(set(heartbeats) - set(online)):
        judge.require(False, f"mitra:heartbeat:{mitra} belongs to nobody online")


def require_mirror_is_truth(judge: Judge, truth: Mapping[str, Any], mirror: Mapping[str, Any]) -> None:
    """All four structures against Postgres, from `World.truth()` and `World.mirror_state()`; none of them expires."""
    require_same_ids(judge, "mitras:online", truth["online"], mirror["online"])
    require_same_ids(judge, "mitras:deactivated", truth["deactivated"], mirror["deactivated"])
    require_capacities(judge, truth["online"], truth["loads"], mirror["capacities"])
    require_heartbeats(judge, truth["online"], mirror["heartbeats"])
    require_lasting(judge, mirror.get("expiring", {}))


def unlike_the_truth(stores: Mapping[str, Any]) -> list[str]:
    """In which ways the `mirror` of a moment differs from its `truth`."""
    judge = Judge(Kind.PROMISE)
    require_mirror_is_truth(judge, stores["truth"], stores["mirror"])
    return judge.broken_promises


def require_lasting(judge: Judge, expiring: Mapping[str, int]) -> None:
    """None of the keys looked at has a time to live; `expiring` are those that have, in ms."""
    for key, left_ms in expiring.items():
        judge.require(False, f"{key} expires in {left_ms / 1000:g} s: no key of the mirror but the snapshot may")
