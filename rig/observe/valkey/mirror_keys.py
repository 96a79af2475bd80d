"""Looks at the mirror's keys in Valkey directly, past any proxy, as the rig's own user."""

from datetime import datetime, timedelta
from typing import Any

import redis
from redis.backoff import NoBackoff
from redis.retry import Retry

from rig.contract import CAPACITY, DEACTIVATED, HEARTBEAT, ONLINE, SNAPSHOT
from rig.record import evidence
from rig.record.evidence import Evidence
from rig.stores.closing import Closing
from rig.stores.valkey import OURS, connect, run, text, text_or_none

SCAN_COUNT = 1000

# How each type is shown: the command whose reply is the whole value.
READERS = {
    "string": ("GET",),
    "set": ("SMEMBERS",),
    "hash": ("HGETALL",),
    "list": ("LRANGE", "0", "-1"),
    "zset": ("ZRANGE", "0", "-1", "WITHSCORES"),
    "stream": ("XRANGE", "-", "+"),
    "none": ("GET",),
}


class Mirror(Closing):
    """Reads keys, and corrupts them for a scenario. redis.RedisError when Valkey does not answer."""

    def __init__(self, url: str) -> None:
        self.client = connect(
            url, f"{OURS}observer", encoding_errors="backslashreplace",
            retry=Retry(NoBackoff(), 1),  # the first command after a restart meets a dead connection
        )  # fmt: skip

    def online(self) -> set[str]:
        """The ids of `mitras:online`; for a key of another type one pseudo-id that says so."""
        return self._members(ONLINE)

    def deactivated(self) -> set[str]:
        return self._members(DEACTIVATED)

    def capacity(self, id: str) -> str | None:
        """The text of that mitra's capacity key; None when there is none, or it is no string."""
        return text_or_none(self.client.mget([CAPACITY + id])[0])

    def heartbeat(self, id: str) -> str | None:
        return text_or_none(self.client.mget([HEARTBEAT + id])[0])

    def capacities(self) -> dict[str, str | None]:
        """The text of every capacity key, by mitra id; None for one that is no string."""
        return self._values(CAPACITY)

    def heartbeats(self) -> dict[str, str | None]:
        return self._values(HEARTBEAT)

    def snapshot(self) -> str | None:
        """The beacon's answer as it stands in Valkey: JSON text."""
        return text_or_none(self.client.mget([SNAPSHOT])[0])

    def expiring(self) -> dict[str, int]:
        """Those of the keys that must not expire which do, with their remaining life in ms."""
        keys = [ONLINE, DEACTIVATED, *self.keys(CAPACITY + "*"), *self.keys(HEARTBEAT + "*")]
        pipeline = self.client.pipeline(transaction=False)
        for key in keys:
            pipeline.pttl(key)
        return {key: left for key, left in zip(keys, pipeline.execute(), strict=True) if left >= 0}

    def keys(self, pattern: str = "*") -> list[str]:
        return sorted(set(self.client.scan_iter(pattern, count=SCAN_COUNT)))

    def ttl_ms(self, key: str) -> int:
        """-1 for a key that does not expire, -2 for no key."""
        return self.client.pttl(key)

    def describe(self, key: str) -> Evidence:
        """The key as evidence: the command that shows it, its value, its type and its remaining life."""
        for _ in range(3):  # its type may change between the two looks
            together = self.client.pipeline(transaction=True)
            together.type(key)
            together.pttl(key)
            kind, ttl_ms = together.execute()
            verb, *rest = READERS.get(kind, ("GET",))
            try:
                value = run(self.client, verb, key, *rest)
                break
            except redis.ResponseError as error:
                value = str(error)
        shown = " ".join([verb, key, *rest])
        return evidence.valkey(shown, listed(value), type=kind, ttl_ms=ttl_ms)

    def run(self, *words: str | int | float) -> Any:
        """Any command, as the rig: `run("SADD", "mitras:online", id)` for a corruption by hand."""
        return run(self.client, *words)

    def flush(self) -> None:
        """FLUSHDB, which a server has to notice."""
        self.client.flushdb()

    def clear_contract_keys(self) -> None:
        """Delete the contract's keys and no others: the mirror of empty tables, which needs no new seed."""
        keys = [ONLINE, DEACTIVATED, SNAPSHOT, *self.keys(CAPACITY + "*"), *self.keys(HEARTBEAT + "*")]
        self.client.delete(*keys)

    def close(self) -> None:
        self.client.close()

    def _members(self, key: str) -> set[str]:
        try:
            return set(map(text, self.client.smembers(key)))
        except redis.ResponseError as error:
            if "WRONGTYPE" not in str(error):
                raise
            return {f"(not a set but a {text(self.client.type(key))})"}

    def _values(self, prefix: str) -> dict[str, str | None]:
        """MGET answers nil for a wrong type and for a key gone since the scan: the latter are left out."""
        keys = self.keys(prefix + "*")
        values = self.client.mget(keys) if keys else []
        values_by_key = dict(zip(keys, map(text_or_none, values), strict=True))
        gone = [key for key, value in values_by_key.items() if value is None and not self.client.exists(key)]
        return {key.removeprefix(prefix): value for key, value in values_by_key.items() if key not in gone}


def listed(value: Any) -> Any:
    """A reply in plain JSON and in a fixed order, so that two looks can be compared."""
    return sorted(value) if isinstance(value, set) else value


def parse_heartbeat(text: object) -> float | None:
    """Epoch seconds of an ISO-8601 time in UTC, which alone counts as a heartbeat; None for anything else."""
    if not isinstance(text, str) or "T" not in text:
        return None
    try:
        at = datetime.fromisoformat(text)
    except ValueError:
        return None
    return at.timestamp() if at.utcoffset() == timedelta(0) else None
