"""Store Y, the ways to both stores, and what both count: read by INFO alone, as a managed product lets its clients do."""

import statistics
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import redis

from rig.checks.audit.store_warnings import store_warnings
from rig.observe import Mirror
from rig.record.lines.cutover import CutoverFacts, CutoverStore, CutoverWay
from rig.stack import Stack
from rig.stack.embedded.profiled_valkey import ProfiledValkey
from rig.stack.embedded.profiles import profile_named
from rig.stack.processes.ports import PORTS
from rig.stores.valkey import OURS, connect

NAME = f"{OURS}cutover"
PINGS = 200
OUR_OWN = ("info", "select", "multi", "exec", "quit")  # commands of the counting itself, and of its connection
HANDSHAKE = ("hello", "auth", "client", "select", "command")  # sent by a driver as it connects
HANDSHAKE_ERRORS = 2  # of a driver that tells its name and version to a store that refuses both
WITH_PERMISSION = ("NOPERM", "ERR")


@contextmanager
def store_y(stack: Stack, profile: str, *, tls: bool, wheel: str | None) -> Iterator[ProfiledValkey]:
    """An empty store that behaves as the managed product does."""
    y = ProfiledValkey(
        stack.supervisor, f"{stack.name}-y", stack.spec.logs, wheel=wheel, profile=profile_named(profile), tls=tls,
        login_shared=True,
    )  # fmt: skip
    try:
        y.create()
        yield y
    finally:
        y.close()


@dataclass
class Ways:
    """The proxies before Y, one per instance. Those before X are the stack's own."""

    stack: Stack
    y: ProfiledValkey

    def __post_init__(self) -> None:
        self._addresses: dict[str, str] = {}
        self._ports: list[int] = []

    def url(self, instance: str, store: str) -> str:
        """VALKEY_URL of an instance for that store; the proxy is made at the first call."""
        if store == "X":
            url: str = self.stack.servers[instance].seat.valkey_url
            return url
        if instance not in self._addresses:
            self._ports.append(PORTS.take())
            upstream = f"{self.y.host}:{self.y.port}"
            self._addresses[instance] = self.stack.toxiproxy.create_proxy(proxy_y(instance), self._ports[-1], upstream)
        return self.y.url_of(self.y.user(instance), self._addresses[instance])

    def cut(self) -> None:
        """End all connections to Y at once; new ones are served."""
        for instance in self._addresses:
            self.stack.toxiproxy.set_enabled(proxy_y(instance), False)
            self.stack.toxiproxy.set_enabled(proxy_y(instance), True)

    def slow_down(self, ms: int) -> None:
        """Delay each answer of Y from now on."""
        for instance in self._addresses:
            self.stack.toxiproxy.add_toxic(proxy_y(instance), "slow", "latency", "downstream", {"latency": ms})

    def enabled(self, on: bool) -> None:
        for instance in self._addresses:
            self.stack.toxiproxy.set_enabled(proxy_y(instance), on)

    def close(self) -> None:
        for instance in self._addresses:
            self.stack.toxiproxy.delete_proxy(proxy_y(instance))
        for port in self._ports:
            PORTS.give_back(port)


def proxy_y(instance: str) -> str:
    return f"valkey-y-{instance}"


def info_of(client: redis.Redis) -> Mapping[str, Any]:
    """The sections that a rehearsal reads, in one reply."""
    found: Mapping[str, Any] = client.info("everything")
    return found


def facts(store: str, named: str, info: Mapping[str, Any], *, tls: bool) -> CutoverFacts:
    """What the store tells of itself; what it does not tell stays unknown."""
    persistence = None
    if "aof_enabled" in info:
        saved = "AOF" if info["aof_enabled"] else "no AOF"
        persistence = f"{saved}, last snapshot {info.get('rdb_last_bgsave_status', 'unknown')}"
    return CutoverFacts(
        t=time.time(), store=store, named=named, run_id=str(info.get("run_id", "")), policy=info.get("maxmemory_policy"),
        used_bytes=info.get("used_memory"), maxmemory_bytes=info.get("maxmemory") or None, persistence=persistence,
        dangers=[danger for danger in store_warnings(info) if store == "Y" and "maxmemory" not in danger],
        role=info.get("role"), tls=tls,
    )  # fmt: skip


def way(store: str, url: str) -> CutoverWay:
    """Round trips on the way that an instance takes."""
    with connect(url, NAME) as client:
        client.ping()
        took = []
        for _ in range(PINGS):
            began = time.perf_counter()
            client.ping()
            took.append((time.perf_counter() - began) * 1000)
        before = time.time()
        seconds, micros = client.time()
        middle = (before + time.time()) / 2
    return CutoverWay(
        t=time.time(), store=store, pings=PINGS, p50_ms=round(statistics.median(took), 3),
        p99_ms=round(statistics.quantiles(took, n=100)[98], 3), clock_s=round(seconds + micros / 1e6 - middle, 3),
    )  # fmt: skip


class Counters:
    """What one store counts between two calls. A store that was replaced meanwhile is counted from its start."""

    def __init__(self, store: str, mirror: Mirror) -> None:
        self._store, self._mirror = store, mirror
        self._before: Mapping[str, Any] = info_of(mirror.client)

    def line(self, step: str) -> CutoverStore:
        """The line of this step. redis.RedisError when the store does not answer."""
        now = info_of(self._mirror.client)
        before = self._before if self._before["run_id"] == now["run_id"] else {}
        self._before = now
        connections = count(now, before, "total_connections_received")
        commands = {name.removeprefix("cmdstat_") for name in now if name.startswith("cmdstat_")}
        rejected = {name: field(now, before, name, "rejected_calls") for name in commands}
        return CutoverStore(
            t=time.time(), step=step, store=self._store,
            calls=positive({name: field(now, before, name, "calls") for name in commands if not ours(name)}),
            rejected=positive({name: number for name, number in rejected.items() if not of_handshake(name)}),
            errors=errors(now, before, connections, sum(n for name, n in rejected.items() if of_handshake(name))),
            evicted=count(now, before, "evicted_keys"), connections=connections,
        )  # fmt: skip


def errors(
    now: Mapping[str, Any], before: Mapping[str, Any], connections: int, refused_handshakes: int
) -> dict[str, int]:
    """Errors by code. Those of handshakes are taken off: by their own count, or else as many as drivers can have caused."""
    found = {}
    for name in now:
        if name.startswith("errorstat_"):
            earlier = before.get(name, {}).get("count", 0)
            found[name.removeprefix("errorstat_")] = int(now[name]["count"]) - int(earlier)
    if found.get("NOPERM"):
        found["NOPERM"] -= refused_handshakes
    if found.get("ERR"):
        found["ERR"] -= HANDSHAKE_ERRORS * connections
    return positive(found)


def count(now: Mapping[str, Any], before: Mapping[str, Any], name: str) -> int:
    return int(now.get(name, 0)) - int(before.get(name, 0))


def field(now: Mapping[str, Any], before: Mapping[str, Any], command: str, name: str) -> int:
    key = f"cmdstat_{command}"
    return int(now[key].get(name, 0)) - int(before.get(key, {}).get(name, 0))


def ours(command: str) -> bool:
    return command in OUR_OWN or of_handshake(command)


def of_handshake(command: str) -> bool:
    return command.partition("|")[0] in HANDSHAKE


def positive(counts: Mapping[str, int]) -> dict[str, int]:
    return {name: number for name, number in sorted(counts.items()) if number > 0}
