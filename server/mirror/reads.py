"""The readers: Valkey first; if it fails, the Postgres query that was used before the mirror."""

import asyncio
import json
import secrets
import time
from collections.abc import AsyncIterator, Callable, Collection, Coroutine
from typing import Any, TypeVar

from server.db import Database
from server.log import log
from server.mirror import keys, scripts
from server.mirror.client import MirrorUnavailable, Valkey
from server.mirror.settings import AppConfig
from server.response_models import Availability
from server.sql import LOADS, OPEN

T = TypeVar("T")

FALLBACK_SHARED_S = (
    1.25  # how long a fallback answer is reused: less than one JOIN per second answers any number of polls
)
PARTED_AT_ONCE = 5000
AT_ONCE = 1000  # mitras per script call: takes Valkey a few ms, so that no ping waits longer
# One script counts a fleet of up to this size. For a larger one, the holder of a lease counts page by page.
SMALL_FLEET = 2000
YOURS, WAIT = 1, 0
LEASE_MS, WAIT_S, LOOK_AGAIN_S = 3000, 3.5, 0.05
# last_heartbeat_at is ignored: it does not change during an outage.
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
    """The readers' queries in Postgres: the fallback, and the only source with the mirror off."""

    def __init__(self, db: Database, config: AppConfig) -> None:
        self._db = db
        self._config = config

    async def available(self) -> list[str]:
        await self._config.reload()  # notifications of changes may be lost together with Valkey
        return [row["mitra_id"] for row in await self._db.fetch(_AVAILABLE, self._config.max_customers)]

    async def reachable(self, mitra_id: str) -> bool:
        return bool(await self._db.fetchval(_REACHABLE, mitra_id))

    async def online_count(self) -> int:
        count: int = await self._db.fetchval(_ONLINE_COUNT)
        return count

    async def loads(self, mitra_ids: list[str]) -> dict[str, int]:
        """The load of each of these ids; 0 for an unknown id."""
        rows = await self._db.fetch(_LOADS, mitra_ids)
        return {**dict.fromkeys(mitra_ids, 0), **{row["id"]: row["load"] for row in rows}}


class Reads:
    """The readers of the mirror, and the snapshot."""

    def __init__(self, db: Database, valkey: Valkey, config: AppConfig) -> None:
        self._valkey = valkey
        self._config = config
        self._postgres = PostgresReads(db, config)
        self._tasks: dict[str, asyncio.Task[Any]] = {}
        self._shared: tuple[float, Availability] | None = None  # when the last fallback answer was made, and the answer

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
        """The same, from Valkey. Raises MirrorUnavailable."""
        (online,) = await self._valkey.read(("SDIFF", keys.ONLINE, keys.DEACTIVATED))
        found: list[str] = []
        unknown: list[str] = []
        async for some in in_order(online):
            oldest, most = keys.stamp(self._oldest_fresh()), self._config.max_customers
            silent, full, unclear = await self._valkey.read_script(
                scripts.LOOK, (keys.EPOCH,), oldest, most, "\n".join(some)
            )
            barred = {*silent, *full}
            found += [id_ for id_ in some if id_ not in barred]
            unknown += unclear
        if unknown:
            loads = await self._postgres.loads(unknown)
            found = [id_ for id_ in found if loads.get(id_, 0) < self._config.max_customers]
        return found

    # --- the beacon ------------------------------------------------------------------------------------------

    async def beacon(self) -> Availability:
        """The cached snapshot; on a miss one recompute at a time per process, and one in the whole cluster.

        Simultaneous polls share one GET, so that none waits for a connection behind the others while Valkey hangs.
        """
        try:
            self._valkey.require_available()
            cached = await self._once("look", self._look)
            return read_snapshot(cached) if cached is not None else await self._once("recompute", self._recompute)
        except (MirrorUnavailable, ValueError) as error:
            self._valkey.counts["fallbacks_beacon"] += 1
            if self._shared and time.monotonic() - self._shared[0] < FALLBACK_SHARED_S:
                return self._shared[1]
            log(f"[beacon] valkey unavailable, falling back to Postgres: {error}")
            return await self._once("join", self._join)

    async def _once(self, name: str, work: Callable[[], Coroutine[Any, Any, T]]) -> T:
        """Await the running task of that name, or start one. A caller that is cancelled does not cancel it for others.

        Each name belongs to one kind of `work`, so the task has its result type.
        """
        task: asyncio.Task[T] | None = self._tasks.get(name)
        if task is None or task.done():
            task = self._tasks[name] = asyncio.create_task(work())
        return await asyncio.shield(task)

    async def _look(self) -> str | None:
        cached: str | None = await self._valkey.call("GET", keys.SNAPSHOT)
        return cached

    async def _recompute(self) -> Availability:
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
                # A setting changed meanwhile: the snapshot may have been written after its invalidation.
                await self._config.drop_snapshot()
                continue
            if isinstance(answer, str):
                return read_snapshot(answer)
            if isinstance(answer, list):
                loads |= await self._postgres.loads(answer)
        raise MirrorUnavailable("no recompute succeeded")

    async def _join(self) -> Availability:
        count = len(await self._postgres.available())
        answer = Availability(available=count > 0, count=count)
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


def read_snapshot(snapshot: str) -> Availability:
    """The snapshot as the beacon's answer, whoever wrote it. Raises ValueError for anything else."""
    return Availability.model_validate_json(snapshot, strict=True)


async def in_order(ids: Collection[str]) -> AsyncIterator[list[str]]:
    """The ids in order, at most AT_ONCE per list. Many are sorted part by part, so that other requests are served in between."""
    parts: dict[str, list[str]] = {}
    for number, id_ in enumerate(ids, 1):
        parts.setdefault(id_[:1] if len(ids) > AT_ONCE else "", []).append(id_)
        if number % PARTED_AT_ONCE == 0:
            await asyncio.sleep(0)
    for part in sorted(parts):
        some = sorted(parts[part])
        for first in range(0, len(some), AT_ONCE):
            yield some[first : first + AT_ONCE]
