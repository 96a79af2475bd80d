"""A neighbour fills Valkey under each policy: what breaks, whether an instance tells it, and what heals by itself."""

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

import httpx
import redis

from rig.environment.mirror_drift import reader
from rig.environment.testbed import Testbed
from rig.record import RecordWriter
from rig.record.lines.common import Weakness
from rig.record.lines.soak import Pressure
from rig.stack.http import http_client
from rig.stores import Lacks
from rig.stores.valkey import run
from rig.traffic.churn.lives import World

FEW = ("noeviction", "allkeys-lru", "volatile-lru")
ALL = (
    *FEW, "allkeys-lfu", "allkeys-random", "volatile-lfu", "volatile-random", "volatile-ttl",
)  # fmt: skip
ROOM_MB = 8.0  # for the neighbour
VALUE = "x" * 10_000
KEY = "neighbour:"
HOLD_S = 6.0
LOOK_S = 0.2
HEALED_S = 5.0  # beyond the cadence of the periodic seed


class Neighbour:
    """Another user of the same Valkey, who writes without end."""

    def __init__(self, testbed: Testbed) -> None:
        self._client = testbed.mirror.client
        self.written = 0
        self.refused = 0

    def fill(self, policy: str) -> float:
        """Set policy and limit, and write until the limit is reached; how many MB were written."""
        used = int(self._client.info("memory")["used_memory"])
        self._client.config_set("maxmemory-policy", policy)
        self._client.config_set("maxmemory", int(used + ROOM_MB * 1e6))
        begun = self.written
        while self.written - begun < 2 * ROOM_MB * 1e6 / len(VALUE) and not self.refused:
            self.write()
        return (self.written - begun) * len(VALUE) / 1e6

    def write(self) -> None:
        try:
            run(self._client, "SET", f"{KEY}{self.written}", VALUE)
            self.written += 1
        except redis.ResponseError:
            self.refused += 1

    def leave(self) -> None:
        """Delete what was written."""
        for start in range(0, self.written, 500):
            self._client.delete(*(f"{KEY}{n}" for n in range(start, min(start + 500, self.written))))


@contextmanager
def restored(testbed: Testbed) -> Iterator[None]:
    """Set both settings back to what they were."""
    client = testbed.mirror.client
    before = {name: str(client.config_get(name)[name]) for name in ("maxmemory", "maxmemory-policy")}
    try:
        yield
    finally:
        for name, value in before.items():
            client.config_set(name, value)


def apply_pressure(
    testbed: Testbed, world: World, record: RecordWriter, policies: Sequence[str], reconcile_s: float,
    check: Callable[[], None],
) -> None:  # fmt: skip
    """One phase per policy, each recorded. A store whose settings cannot be changed is noted as a weakness."""
    try:
        testbed.stack.valkey.facts.require("CONFIG SET")
    except Lacks as lack:
        record.add(Weakness(t=time.time(), text=f"no pressure was applied: {lack}"))
        return
    for policy in policies:
        check()
        record.add(one_policy(testbed, world, policy, reconcile_s))


def one_policy(testbed: Testbed, world: World, policy: str, reconcile_s: float) -> Pressure:
    """Fill the store, look for HOLD_S at what breaks and what is told, then let the neighbour leave and wait for the healing."""
    differences, client = reader(testbed), testbed.mirror.client
    evicted = int(client.info("stats")["evicted_keys"])
    quiet = alerts(testbed)
    neighbour = Neighbour(testbed)
    lost: set[str] = set()
    alert, alert_s = "", None
    with restored(testbed):
        filled_mb = neighbour.fill(policy)
        world.tally.window()
        full = time.monotonic()
        while time.monotonic() - full < HOLD_S:
            neighbour.write()
            lost |= {key_of(what) for what in differences()}
            told = sorted(alerts(testbed) - quiet)
            if told and alert_s is None:
                alert, alert_s = told[0], round(time.monotonic() - full, 3)
            time.sleep(LOOK_S)
        failed = world.tally.window().failed
        evicted = int(client.info("stats")["evicted_keys"]) - evicted
        neighbour.leave()
    healed_s = healed_after(differences, reconcile_s + HEALED_S)
    return Pressure(
        t=time.time(), policy=policy, evicts=policy.startswith("allkeys"), filled_mb=round(filled_mb, 1), evicted=evicted,
        refused=neighbour.refused, lost=sorted(lost), failed=failed, alert=alert, alert_s=alert_s, healed_s=healed_s,
    )  # fmt: skip


def key_of(difference: str) -> str:
    """The key that a difference is about, without the id of a mitra."""
    key = difference.partition(" ")[0]
    return key.rpartition(":")[0] if key.startswith("mitra:") else key


def healed_after(differences: Callable[[], set[str]], within_s: float) -> float | None:
    """Seconds until mirror and truth are equal in two looks in a row; None if they are not in time."""
    began, equal = time.monotonic(), 0
    while time.monotonic() - began < within_s:
        equal = 0 if differences() else equal + 1
        if equal == 2:
            return round(time.monotonic() - began, 3)
        time.sleep(LOOK_S)
    return None


def alerts(testbed: Testbed) -> set[str]:
    """What the instances tell at `/readyz` under `alerts`; nothing from one that has no such field."""
    found: set[str] = set()
    with http_client(1.0) as client:
        for server in testbed.servers.values():
            try:
                told = client.get(f"{server.internal_url}/readyz").json()
            except (httpx.HTTPError, ValueError):
                continue
            listed = told.get("alerts") if isinstance(told, dict) else None
            found |= {str(one) for one in listed} if isinstance(listed, list) else set()
    return found
