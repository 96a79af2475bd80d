"""The readers: Valkey first, and on its failure the Postgres query that stood there before the mirror."""

import asyncio
import json
import secrets
import time
from collections.abc import AsyncIterator, Callable, Collection, Coroutine
from typing import TYPE_CHECKING, Any, TypeVar

from server.db import Database
from server.log import log
from server.mirror import keys, scripts
from server.mirror.client import MirrorUnavailable, Valkey
from server.mirror.settings import AppConfig
from server.sql import LOADS, OPEN

if TYPE_CHECKING:
    from server import shapes

T = TypeVar("T")

FALLBACK_SHARED_S = 1.25  # in an outage less than one JOIN a second answers any number of polls
PARTED_AT_ONCE = 5000
AT_ONCE = 1000  # mitras that a script looks at in one go: a few ms of Valkey's, so that no ping waits longer
# A fleet up to this size is counted by one script; of a larger one the beacon's answer is found page by page, under a lease.
SMALL_FLEET = 2000
YOURS, WAIT = 1, 0
LEASE_MS, WAIT_S, LOOK_AGAIN_S = 3000, 3.5, 0.05
# It stands still during an outage, so last_heartbeat_at must not count here.
_AVAILABLE = f"""
SELECT o.mitra_id FROM mitra_online_status AS o JOIN mitras AS m ON m.id = o.mitra_id
LEFT JOIN {LOADS} AS s ON s.mitra_id = o.mitra_id
WHERE o.is_online AND m.is_active AND coalesce(s.load, 0) < $1 ORDER BY o.mitra_id
"""
_REACHABLE = """
SELECT o.is_online AND m.is_active FROM mitra_online_status AS o JOIN mitras AS m ON m.id = o.mitra_id
WHERE o.mitra_id = $1
"""
_LOADS = f"""
SELECT m.id, count(s.id) AS load FROM mitras AS m LEFT JOIN chat_sessions AS s
  ON s.mitra_id = m.id AND s.status IN {OPEN}
WHERE m.id::text = ANY($1::text[]) GROUP BY m.id
"""
_ONLINE_COUNT = "SELECT count(*) FROM mitra_online_status WHERE is_online"


class PostgresReads:
    """What each reader asks of Postgres: the fallback, and all there is with the mirror off."""

    def __init__(self, db: Database, config: AppConfig) -> None:
        self._db = db
        self._config = config

    async def available(self) -> list[str]:
        await self._config.reload()  # its invalidations may be lost together with Valkey
        return [row["mitra_id"] for row in await self._db.fetch(_AVAILABLE, self._config.max_customers)]

    async def reachable(self, mitra_id: str) -> bool:
        return bool(await self._db.fetchval(_REACHABLE, mitra_id))

    async def online_count(self) -> int:
        count: int = await self._db.fetchval(_ONLINE_COUNT)
        return count

    async def loads(self, mitra_ids: list[str]) -> dict[str, int]:
        """The load of each of these ids; one that is no mitra has none."""
        rows = await self._db.fetch(_LOADS, mitra_ids)
        return {**dict.fromkeys(mitra_ids, 0), **{row["id"]: row["load"] for row in rows}}


class Reads:
    """The readers of the mirror, and the snapshot."""

    def __init__(self, db: Database, valkey: Valkey, config: AppConfig) -> None:
        self._valkey = valkey
        self._config = config
        self._postgres = PostgresReads(db, config)
        self._flights: dict[str, asyncio.Task[Any]] = {}
        self._shared: tuple[float, shapes.Availability] | None = None  # the last fallback, and when it was made

    def _fell_back(self, who: str, line: str, error: MirrorUnavailable) -> None:
        self._valkey.counts[f"fallbacks_{who}"] += 1
        log(f"{line}: {error}")

    def _oldest_fresh(self) -> int:
        return self._valkey.now_ms() - self._config.stale_after * 1000

    # --- isMitraReachable ------------------------------------------------------------------------------------

    async def is_reachable(self, mitra_id: str) -> bool:
        """Online, not deactivated, with a fresh heartbeat; a missing one is stale, not a reason to ask Postgres."""
        try:
            online, deactivated, pinged = await self._valkey.read(
                ("SISMEMBER", keys.ONLINE, mitra_id),
                ("SISMEMBER", keys.DEACTIVATED, mitra_id),
                ("GET", keys.heartbeat(mitra_id)),
            )
        except MirrorUnavailable as error:
            self._fell_back("reachable", "[isMitraReachable] valkey unavailable, falling back to DB", error)
            return await self._postgres.reachable(mitra_id)
        at = keys.read_stamp(pinged)
        return bool(online and not deactivated and at is not None and at >= self._oldest_fresh())

    # --- findAvailableMitras ---------------------------------------------------------------------------------

    async def find_available(self) -> list[str]:
        """Ids of mitras who are online, not deactivated, with room and a fresh heartbeat, in order of id."""
        try:
            return await self._available()
        except MirrorUnavailable as error:
            line = "[findAvailableMitras] valkey unavailable, falling back to Postgres"
            self._fell_back("available", line, error)
            return await self._postgres.available()

    async def _available(self) -> list[str]:
        """The same from Valkey alone. Raises MirrorUnavailable."""
        (online,) = await self._valkey.read(("SDIFF", keys.ONLINE, keys.DEACTIVATED))
        found: list[str] = []
        unknown: list[str] = []
        async for some in in_order(online):
            oldest, most = keys.stamp(self._oldest_fresh()), self._config.max_customers
            silent, full, unclear = await self._valkey.look(scripts.LOOK, (keys.EPOCH,), oldest, most, "\n".join(some))
            barred = {*silent, *full}
            found += [id_ for id_ in some if id_ not in barred]
            unknown += unclear
        if unknown:
            loads = await self._postgres.loads(unknown)
            found = [id_ for id_ in found if loads.get(id_, 0) < self._config.max_customers]
        return found

    # --- the beacon ------------------------------------------------------------------------------------------

    async def beacon(self) -> "shapes.Availability":
        """The cached snapshot; on a miss one recompute a process at a time, and one in the whole cluster.

        Polls at the same time share one look: when Valkey hangs, none waits behind the others for a connection.
        """
        try:
            self._valkey.need_warm()
            cached = await self._once("look", self._look)
            return answer_of(cached) if cached is not None else await self._once("recompute", self._recompute)
        except (MirrorUnavailable, ValueError) as error:
            self._valkey.counts["fallbacks_beacon"] += 1
            if self._shared and time.monotonic() - self._shared[0] < FALLBACK_SHARED_S:
                return self._shared[1]
            log(f"[beacon] valkey unavailable, falling back to Postgres: {error}")
            return await self._once("join", self._join)

    async def _once(self, name: str, work: Callable[[], Coroutine[Any, Any, T]]) -> T:
        """Join the flight of that name, or begin one; a poll that is cancelled does not end it for the others.

        One name always goes with the same `work`, so the flight's result has its type.
        """
        flight: asyncio.Task[T] | None = self._flights.get(name)
        if flight is None or flight.done():
            flight = self._flights[name] = asyncio.create_task(work())
        return await asyncio.shield(flight)

    async def _look(self) -> str | None:
        cached: str | None = await self._valkey.call("GET", keys.SNAPSHOT)
        return cached

    async def _recompute(self) -> "shapes.Availability":
        loads: dict[str, int] = {}
        touched = (keys.EPOCH, keys.SNAPSHOT, keys.ONLINE, keys.DEACTIVATED, keys.LEASE)
        waited_until = time.monotonic() + WAIT_S
        tries = 0
        while tries < 3:
            changes, nonce = self._config.changes, secrets.token_hex(6)
            oldest = keys.stamp(self._oldest_fresh())
            arguments = (oldest, self._config.max_customers, keys.SNAPSHOT_TTL_S, json.dumps(loads))
            large = int(self._valkey.fleet > SMALL_FLEET)
            answer = await self._valkey.run(scripts.SNAPSHOT, touched, *arguments, large, nonce, LEASE_MS)
            if answer == WAIT and time.monotonic() < waited_until:
                await asyncio.sleep(LOOK_AGAIN_S)
                continue
            tries += 1
            if answer == YOURS:
                count = len(await self._available())
                touching = (keys.EPOCH, keys.SNAPSHOT, keys.LEASE)
                answer = await self._valkey.run(scripts.FILL, touching, nonce, count, keys.SNAPSHOT_TTL_S)
            if self._config.changes != changes:
                # By settings that changed on the way: it may have been written after their invalidation.
                await self._config.drop_snapshot()
                continue
            if isinstance(answer, str):
                return answer_of(answer)
            if isinstance(answer, list):
                loads |= await self._postgres.loads(answer)
        raise MirrorUnavailable("no recompute came to its end")

    async def _join(self) -> "shapes.Availability":
        count = len(await self._postgres.available())
        answer: shapes.Availability = {"available": count > 0, "count": count}
        self._shared = (time.monotonic(), answer)
        return answer

    # --- the dashboard ---------------------------------------------------------------------------------------

    async def online_count(self) -> int:
        """All of mitras:online, deactivated ones included."""
        try:
            count: int = (await self._valkey.read(("SCARD", keys.ONLINE)))[0]
        except MirrorUnavailable as error:
            self._fell_back("dashboard", "[dashboard] valkey unavailable, falling back to Postgres", error)
            return await self._postgres.online_count()
        return count


def answer_of(snapshot: str) -> "shapes.Availability":
    """The snapshot as the beacon's answer, whoever wrote it. ValueError if it is none."""
    found = json.loads(snapshot)
    if not isinstance(found, dict) or not isinstance(found.get("count"), int):
        raise ValueError(f"{keys.SNAPSHOT} holds no answer")
    return {"available": bool(found.get("available")), "count": found["count"]}


async def in_order(ids: Collection[str]) -> AsyncIterator[list[str]]:
    """The ids sorted, AT_ONCE at most a time. Many are sorted part by part, so that nobody has to wait for all of it."""
    parts: dict[str, list[str]] = {}
    for number, id_ in enumerate(ids, 1):
        parts.setdefault(id_[:1] if len(ids) > AT_ONCE else "", []).append(id_)
        if number % PARTED_AT_ONCE == 0:
            await asyncio.sleep(0)  # others are served in between
    for part in sorted(parts):
        some = sorted(parts[part])
        for first in range(0, len(some), AT_ONCE):
            yield some[first : first + AT_ONCE]
