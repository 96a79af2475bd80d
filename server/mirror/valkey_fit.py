"""Is this a Valkey that can hold the mirror? Looked at before each seed: what answers may be another one than before."""

from collections.abc import Mapping
from typing import Any

VALKEY_MIN, REDIS_MIN = (7, 2), (7, 0)


def why_unfit(info: Mapping[str, Any]) -> str:
    """What is wrong, by its INFO server and replication; "" if nothing is."""
    # Valkey tells a version of Redis as well, that of the Redis it is like.
    name, version, least = (
        ("Valkey", info["valkey_version"], VALKEY_MIN)
        if "valkey_version" in info
        else ("Redis", info.get("redis_version", ""), REDIS_MIN)
    )
    if _parts(version) < least:
        return f"{name} {version} is too old: {'.'.join(map(str, least))} at least"
    if "cluster" in (info.get("redis_mode"), info.get("server_mode")):
        return "it is a cluster, and the mirror needs one that is none"
    if info.get("role") in ("slave", "replica"):
        return "it is a replica, and the mirror is written: give the address of its primary"
    return ""


def _parts(version: Any) -> tuple[int, ...]:
    """The numbers of a version; one that is spelt in another way counts as new."""
    parts = str(version).split(".")[:2]
    return tuple(map(int, parts)) if all(part.isdecimal() for part in parts) else (999,)
