"""Checks before each seed that this Valkey can hold the mirror, as it may not be the same server as before."""

from collections.abc import Mapping
from typing import Any

VALKEY_MIN, REDIS_MIN = (7, 2), (7, 0)


def why_unfit(info: Mapping[str, Any]) -> str:
    """Why it cannot, judged by INFO server and replication; "" if it can."""
    # Valkey also reports the version of Redis that it is compatible with.
    name, version, least = (
        ("Valkey", info["valkey_version"], VALKEY_MIN)
        if "valkey_version" in info
        else ("Redis", info.get("redis_version", ""), REDIS_MIN)
    )
    if _parts(version) < least:
        return f"{name} {version} is too old: {'.'.join(map(str, least))} at least"
    if "cluster" in (info.get("redis_mode"), info.get("server_mode")):
        return "it is a cluster: give the address of one that is not"
    if info.get("role") in ("slave", "replica"):
        return "it is a replica, which takes no writes: give the address of its primary"
    return ""


def _parts(version: Any) -> tuple[int, ...]:
    """The first two numbers of a version; an unknown format counts as new."""
    parts = str(version).split(".")[:2]
    return tuple(map(int, parts)) if all(part.isdecimal() for part in parts) else (999,)
