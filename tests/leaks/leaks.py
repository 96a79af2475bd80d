"""The leaks by name, with the item that must fail for each. All are patched in from outside."""

import asyncio
import itertools
import os
import uuid
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from server.mirror.heartbeat import Heartbeat

Leaking = Callable[[Heartbeat, str, int], Awaitable[object]]  # with the mitra and the number of the ping
KEPT: list[object] = []


@dataclass(frozen=True)
class Leak:
    """`series` is what must be named by the item. It acts at each ping whose number is a multiple of `every`."""

    item: str
    series: str
    every: int
    act: Leaking


async def memory(heartbeat: Heartbeat, mitra_id: str, number: int) -> None:
    KEPT.append(bytearray(os.urandom(40_000)))


async def descriptors(heartbeat: Heartbeat, mitra_id: str, number: int) -> None:
    KEPT.append(os.open(os.devnull, os.O_RDONLY))


async def connections(heartbeat: Heartbeat, mitra_id: str, number: int) -> None:
    import asyncpg

    KEPT.append(await asyncpg.connect(os.environ["DATABASE_URL"]))


async def rows(heartbeat: Heartbeat, mitra_id: str, number: int) -> None:
    statement = "INSERT INTO auth_sessions (user_id, expires_at) VALUES ($1, now() + interval '1 day') RETURNING id"
    await heartbeat._db.fetchval(statement, mitra_id)


async def keys(heartbeat: Heartbeat, mitra_id: str, number: int) -> None:
    await heartbeat._valkey.call("SET", f"session:{uuid.uuid4()}", mitra_id)


async def latency(heartbeat: Heartbeat, mitra_id: str, number: int) -> None:
    await asyncio.sleep(number * 0.0005)


async def drift(heartbeat: Heartbeat, mitra_id: str, number: int) -> None:
    await heartbeat._valkey.call("SET", f"mitra:capacity:{mitra_id}", 99)


async def audit(heartbeat: Heartbeat, mitra_id: str, number: int) -> None:
    statement = "INSERT INTO mitra_online_logs (mitra_id, status) VALUES ($1, 'online') RETURNING id"
    await heartbeat._db.fetchval(statement, mitra_id)


LEAKS = {
    "memory": Leak("SOAK-02", ".rss_mb", 1, memory),
    "descriptors": Leak("SOAK-03", ".descriptors", 8, descriptors),
    "connections": Leak("SOAK-04", "postgres.connections", 100, connections),
    "rows": Leak("SOAK-05", "rows.auth_sessions.unexplained", 5, rows),
    "keys": Leak("SOAK-06", "valkey.keys_unexplained", 5, keys),
    "latency": Leak("SOAK-07", ".ping.ms", 1, latency),
    "drift": Leak("SOAK-08", "drift.open", 5, drift),
    "audit": Leak("SOAK-10", "audit.without_cause", 5, audit),
}


def plant(names: list[str]) -> None:
    """Let the server leak in these ways. KeyError for an unknown name."""
    leaks = [LEAKS[name] for name in names]
    ping, numbers = Heartbeat.ping, itertools.count(1)

    async def leaking(self: Heartbeat, mitra_id: str) -> bool:
        number = next(numbers)
        for leak in leaks:
            if number % leak.every == 0:
                await leak.act(self, mitra_id, number)
        return await ping(self, mitra_id)

    Heartbeat.ping = leaking  # type: ignore[method-assign]
