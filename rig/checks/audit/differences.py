"""How the mirror differs from Postgres, mitra by mitra and key by key."""

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from fnmatch import fnmatchcase

from rig.contract import CAPACITY, DEACTIVATED, HEARTBEAT, ONLINE, SNAPSHOT
from rig.record.audit import (
    CAPACITY_OFF,
    DEACTIVATED_OFF,
    FOREIGN,
    GHOST,
    MISSING,
    ORPHAN,
    TTL,
    WRONG_TYPE,
    Candidate,
    Mirrored,
    Sighting,
    Truth,
    Value,
)

# Keys that belong to no mitra, with the type that each must have.
SHARED = {ONLINE: "set", DEACTIVATED: "set", SNAPSHOT: "string"}
OWN_OF_SERVERS = "mirror:"
SHOWN = 60  # characters of a value
Look = Mapping[Candidate, Sighting]


def of_mitra(id: str, truth: Truth, mirrored: Mirrored) -> Iterator[Candidate]:
    """The differences of one mitra. Somebody who is unknown to Postgres is compared with `Truth()`."""
    told = "online" if truth.online else "not online"
    if mirrored.online and not truth.online:
        yield Candidate(GHOST, ONLINE, id, told, "a member")
    if truth.online and mirrored.online is False:
        yield Candidate(MISSING, ONLINE, id, told, "no member")
    if mirrored.deactivated is not None and mirrored.deactivated == truth.active:
        seen = "a member" if mirrored.deactivated else "no member"
        yield Candidate(DEACTIVATED_OFF, DEACTIVATED, id, "active" if truth.active else "not active", seen)
    yield from of_capacity(CAPACITY + id, id, truth, mirrored.capacity)
    yield from of_heartbeat(HEARTBEAT + id, id, truth, mirrored.heartbeat)


def of_capacity(key: str, id: str, truth: Truth, value: Value) -> Iterator[Candidate]:
    """A load that is not the one in Postgres. Whoever is not online needs no such key."""
    if value.type not in ("string", "none"):
        yield Candidate(WRONG_TYPE, key, id, "string", value.type)
    elif truth.online and value.text is None:
        yield Candidate(CAPACITY_OFF, key, id, str(truth.load), "no key")
    elif value.text is not None and value.text != str(truth.load):
        yield Candidate(CAPACITY_OFF, key, id, str(truth.load), value.text[:SHOWN])
    if value.ttl_ms >= 0:
        yield Candidate(TTL, key, id, "no time to live", "expires")


def of_heartbeat(key: str, id: str, truth: Truth, value: Value) -> Iterator[Candidate]:
    """A heartbeat that lacks or cannot be read although she is online; one that is there although she is not."""
    if value.type not in ("string", "none"):
        yield Candidate(WRONG_TYPE, key, id, "string", value.type)
    elif truth.online and heartbeat_time(value.text) is None:
        yield Candidate(MISSING, key, id, "a time", "no key" if value.text is None else "no time")
    elif not truth.online and value.text is not None:
        yield Candidate(ORPHAN, key, id, "no key", "a heartbeat")
    if value.ttl_ms >= 0:
        yield Candidate(TTL, key, id, "no time to live", "expires")


def of_key(key: str, value: Value) -> Iterator[Candidate]:
    """The differences of a key that belongs to no mitra: a key that all share, or one of somebody else."""
    if value.type == "none":
        return
    if key not in SHARED:
        yield Candidate(FOREIGN, key, "", "no key", value.type)
        return
    if value.type != SHARED[key]:
        yield Candidate(WRONG_TYPE, key, "", SHARED[key], value.type)
    if key == SNAPSHOT and value.ttl_ms < 0:
        yield Candidate(TTL, key, "", "expires", "no time to live")
    if key != SNAPSHOT and value.ttl_ms >= 0:
        yield Candidate(TTL, key, "", "no time to live", "expires")


def owner_of(key: str) -> str | None:
    """The id in a capacity or heartbeat key; None for any other key."""
    for prefix in (CAPACITY, HEARTBEAT):
        if key.startswith(prefix) and len(key) > len(prefix):
            return key.removeprefix(prefix)
    return None


def is_foreign(key: str, allowed: Sequence[str]) -> bool:
    """Whether a key is nobody's that the audit knows. `allowed` are patterns of keys of known neighbours."""
    ours = key in SHARED or owner_of(key) is not None or key.startswith(OWN_OF_SERVERS)
    return not ours and not any(fnmatchcase(key, pattern) for pattern in allowed)


def heartbeat_time(text: str | None) -> float | None:
    """Epoch seconds of an ISO-8601 time in UTC; None for anything else, which counts as no heartbeat."""
    if text is None or "T" not in text:
        return None
    try:
        at = datetime.fromisoformat(text)
    except ValueError:
        return None
    return at.timestamp() if at.utcoffset() == timedelta(0) else None


def settled(looks: Sequence[Look]) -> Iterator[tuple[Candidate, Sighting]]:
    """Differences that every look showed, and whose mitra did not change in Postgres between them.

    What is on its way to the mirror shows in no two looks alike. Each comes with its last sighting.
    """
    first, *later = looks
    for one, sighting in first.items():
        if all(one in look and look[one].version == sighting.version for look in later):
            yield one, looks[-1][one]
