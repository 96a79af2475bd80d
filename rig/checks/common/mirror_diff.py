"""Compares the mirror with Postgres."""

from collections.abc import Mapping
from datetime import datetime

from rig.checks.framework import Judge, Kind
from rig.record.observations.parts import BothStores, MirrorState, PostgresState


def heartbeat_time(text: object) -> float | None:
    """Epoch seconds of a heartbeat written as `YYYY-MM-DDTHH:MM:SS.mmmZ`; None for anything else."""
    if not isinstance(text, str) or len(text) != 24:
        return None
    try:
        return datetime.strptime(text[:-1] + "+0000", "%Y-%m-%dT%H:%M:%S.%f%z").timestamp()
    except ValueError:
        return None


def require_same_ids(judge: Judge, what: str, expected: list[str], actual: list[str]) -> None:
    """The same ids in any order. The messages name those that are missing and those that are too many."""
    judge.compare(what, sorted(set(actual)), sorted(set(expected)))
    missing, extra = sorted(set(expected) - set(actual)), sorted(set(actual) - set(expected))
    judge.require(not missing, f"{what} lacks {', '.join(missing)}")
    judge.require(not extra, f"{what} holds {', '.join(extra)}, which Postgres does not")


def require_capacities(
    judge: Judge, online: list[str], loads: Mapping[str, int], capacities: Mapping[str, str | None]
) -> None:
    """A capacity key for every online mitra, also for a load of 0. Every other capacity key must be the load too."""
    for mitra in sorted(set(online) | set(capacities)):
        capacity, load = capacities.get(mitra), loads.get(mitra, 0)
        key = f"mitra:capacity:{mitra}"
        judge.require_equal(key, capacity, str(load), f"{key} is {capacity!r}, Postgres counts {load}")


def require_heartbeats(judge: Judge, online: list[str], heartbeats: Mapping[str, str | None]) -> None:
    """A readable heartbeat for every online mitra and for nobody else."""
    for mitra in sorted(online):
        text = heartbeats.get(mitra)
        judge.require(heartbeat_time(text) is not None, f"mitra:heartbeat:{mitra} is {text!r}, not a time in ms UTC")
    for mitra in sorted(set(heartbeats) - set(online)):
        judge.require(False, f"mitra:heartbeat:{mitra} belongs to nobody online")


def require_mirror_is_truth(judge: Judge, truth: PostgresState, mirror: MirrorState) -> None:
    """All four structures of the mirror are as in Postgres, and none of their keys expires."""
    require_same_ids(judge, "mitras:online", truth.online, mirror.online)
    require_same_ids(judge, "mitras:deactivated", truth.deactivated, mirror.deactivated)
    require_capacities(judge, truth.online, truth.loads, mirror.capacities)
    require_heartbeats(judge, truth.online, mirror.heartbeats)
    require_lasting(judge, mirror.expiring)


def differences(stores: BothStores) -> list[str]:
    """How the mirror differs from Postgres; empty if it does not."""
    judge = Judge(Kind.PROMISE)
    require_mirror_is_truth(judge, stores.truth, stores.mirror)
    return judge.broken_promises


def require_lasting(judge: Judge, expiring: Mapping[str, int]) -> None:
    """No key of the mirror has a time to live. `expiring` are the keys that have one, in ms."""
    for key, left_ms in expiring.items():
        judge.require(False, f"{key} expires in {left_ms / 1000:g} s: no key of the mirror but the snapshot may")
