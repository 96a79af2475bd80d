"""The three periodic jobs: take silent mitras offline, copy heartbeats to Postgres, and run a full seed."""

import asyncio
import secrets
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import suppress
from typing import Any

from asyncpg import Connection

from server.config import Settings
from server.db import Database
from server.errors import ServiceUnavailable
from server.log import log, log_defect
from server.mirror import keys, scripts
from server.mirror.client import MirrorUnavailable, Valkey, end
from server.mirror.clock import steady_ms
from server.mirror.coordinator import SWEEP
from server.mirror.settings import AppConfig
from server.mirror.sync_points import sync_point
from server.mirror.watchdog import Watchdog
from server.mirror.writes import Writes
from server.request_models import is_uuid
from server.sql import AUDIT, SET_OFFLINE

MASS_MIN = 3
MASS_SHARE = 0.3
HOLD_FACTOR = 3  # times stale_after: how long a mass departure may be held back
# Postgres limits a sweep's transaction: three statements and COMMIT take 15 s at most, much less than a mark's life.
STATEMENT_MS, IDLE_MS = 2000, 2000
MARK_LIFE_MS = 60_000
RETRY_AFTER_S = 0.3  # by then Valkey has a change that was being written
PAGE = 1000  # mitras per script call: takes Valkey a few ms

MIRROR_WITHIN_S = 30.0  # one statement for the whole fleet; no request waits for it
# Ids and times are sent as one text each: a hundred thousand separate values would block the process for too long.
# Rows are locked in order of id, so that two instances can't deadlock. A heartbeat never becomes older.
_MIRROR = """
UPDATE mitra_online_status AS o SET last_heartbeat_at = newer.at
FROM (SELECT s.mitra_id, u.at
  FROM UNNEST(string_to_array($1, ',')::uuid[], string_to_array($2, ',')::timestamptz[]) AS u (id, at)
  JOIN mitra_online_status AS s ON s.mitra_id = u.id
  WHERE s.last_heartbeat_at IS NULL OR s.last_heartbeat_at < u.at
  ORDER BY s.mitra_id FOR UPDATE OF s) AS newer
WHERE o.mitra_id = newer.mitra_id AND (o.last_heartbeat_at IS NULL OR o.last_heartbeat_at < newer.at)
"""


# A separate statement before the read of `mirror_instances`, so that the read sees everything committed before the lock.
_ALONE = f"""
SELECT pg_try_advisory_xact_lock({SWEEP}), set_config('statement_timeout', '{STATEMENT_MS}', true),
  set_config('idle_in_transaction_session_timeout', '{IDLE_MS}', true)
"""
_VERSION = "SELECT mirror_version FROM mitras WHERE id = $1"


class _StaysOnline(Exception):
    """The mitra stays online: roll back. The message says why."""


class _SweepForbidden(Exception):
    """No sweep is allowed now. The message says why."""


class Sweeps:
    """Runs auto-offline, the heartbeat mirror and the periodic seed, each at its interval."""

    def __init__(
        self, settings: Settings, db: Database, valkey: Valkey, config: AppConfig, writes: Writes, watchdog: Watchdog
    ) -> None:
        self._db = db
        self._valkey = valkey
        self._config = config
        self._writes = writes
        self._watchdog = watchdog
        self._held_since: float | None = None
        self._cadences: list[tuple[str, int, Callable[[], Awaitable[None]]]] = [
            ("auto-offline", settings.mitra_auto_offline_sweep_seconds, self.auto_offline),
            ("heartbeat-mirror", settings.heartbeat_mirror_interval_seconds, self.mirror_heartbeats),
            ("reconcile", settings.valkey_online_mirror_sweep_seconds, watchdog.reseed),
        ]
        self._tasks: list[asyncio.Task[None]] = []

    def start(self) -> None:
        self._tasks = [asyncio.create_task(every(*cadence)) for cadence in self._cadences if cadence[1]]

    async def stop(self) -> None:
        await end(*self._tasks)

    # --- auto-offline ----------------------------------------------------------------------------------------

    async def auto_offline(self) -> None:
        """One tick. On any error of Valkey, writes included, nobody is taken offline."""
        with suppress(ServiceUnavailable):
            await self._config.reload()  # a setting written straight into the table is used from here on
            await self._writes.coordinator.delete_gone_instances()
        try:
            self._valkey.require_available()
            await sync_point("sweep looks", instance=self._writes.coordinator.instance)
            await self._valkey.call("SET", keys.PROBE, "1", "EX", 60)
            online, stale = await self._stale()
        except MirrorUnavailable as error:
            self._skip("auto-offline", "this tick", error)
            return
        if not stale:
            self._held_since = None  # a later mass departure starts a new hold
        if not stale or self._in_grace() or self._held(len(stale), online):
            return
        try:
            await self._take_offline(stale)
        except MirrorUnavailable as error:
            self._skip("auto-offline", "the rest of this tick", error)
        except ServiceUnavailable as error:
            log(f"[auto-offline] Postgres unavailable, skipping this tick: {error.cause}")

    def _skip(self, sweep: str, what: str, error: Exception) -> None:
        self._valkey.counts[f"skipped_{sweep.replace('-', '_')}"] += 1
        what = f" {what}" if sweep == "auto-offline" else ""
        log(f"[{sweep}] valkey unavailable, skipping{what}: {error}")

    async def _stale(self) -> tuple[int, dict[str, str]]:
        """How many mitras are online, and the stale ones with the heartbeat that was read ('' for none)."""
        asked_ms = steady_ms()
        online, (seconds, micros) = await self._valkey.read(("SCARD", keys.ONLINE), ("TIME",))
        # Valkey's clock may have been set since the watchdog's last check, and others may use the new time already.
        self._valkey.clock.update(int(seconds) * 1000 + int(micros) // 1000, asked_ms)
        oldest = keys.stamp(self._valkey.now_ms() - self._config.stale_after * 1000)
        stale: dict[str, str] = {}
        async for page in self._pages(scripts.SILENT, (keys.EPOCH, keys.ONLINE), oldest):
            stale.update(zip(page[::2], page[1::2], strict=True))
        # A mitra with a debt is not stale: Valkey lacks a ping or a write.
        counted = (id_ for id_ in sorted(stale) if is_uuid(id_) and id_ not in self._writes.dirty)
        return online, {id_: stale[id_] for id_ in counted}

    async def _pages(self, script: str, touched: tuple[str, ...], *arguments: str) -> AsyncIterator[Any]:
        """A script's result for each page of the online mitras. Other requests are served between two pages."""
        cursor = "0"
        while True:
            cursor, found = await self._valkey.read_script(script, touched, *arguments, cursor, PAGE)
            yield found
            if cursor == "0":
                return

    def _in_grace(self) -> bool:
        """Whether a recovery, or a step of the shared clock, was so recent that mitras may not have pinged again yet."""
        stale_after = self._config.stale_after
        recovered = time.monotonic() - self._watchdog.recovered_at < stale_after
        return recovered or self._valkey.clock.stepped_within(stale_after)

    def _held(self, leaving: int, online: int) -> bool:
        """Whether to hold back a tick that would take much of the fleet offline, as the cause may be a fault of this system."""
        if leaving < MASS_MIN or leaving <= MASS_SHARE * online:
            self._held_since = None
            return False
        now = time.monotonic()
        self._held_since = self._held_since or now
        if now - self._held_since >= HOLD_FACTOR * self._config.stale_after - 1:
            return False
        log(f"[auto-offline] holding: {leaving} of {online} online mitras would go offline at once")
        return True

    async def _take_offline(self, stale: dict[str, str]) -> None:
        """One short transaction per mitra, so that others can take the lock SWEEP in between."""
        try:
            changed = [id_ for id_, seen in stale.items() if not await self._one_offline(id_, seen)]
            if changed:  # their change may just be on its way to Valkey
                await asyncio.sleep(RETRY_AFTER_S)
            for mitra_id in changed:
                if not await self._one_offline(mitra_id, stale[mitra_id]):
                    self._writes.owe(mitra_id)
        except _SweepForbidden as error:
            log(f"[auto-offline] skipping tick: {error}")

    async def _one_offline(self, mitra_id: str, seen: str) -> bool:
        """Take a mitra offline unless there was a ping; False if Valkey lacks a change of the row.

        Raises _SweepForbidden, MirrorUnavailable or ServiceUnavailable; the mitra may or may not be offline then.
        """
        try:
            async with self._writes.changing("setOffline", mitra_id) as connection:
                await self._mark(connection, mitra_id, seen)
                await sync_point("sweep updates", **self._where(mitra_id))
                if went := await connection.fetchval(SET_OFFLINE, mitra_id):
                    await connection.execute(AUDIT, mitra_id, "offline")
        except _StaysOnline as stays:
            return str(stays) != "changed"
        if went:
            self._valkey.counts["auto_offline"] += 1
            log(
                f"[auto-offline] {mitra_id} is offline: {f'last heard of at {seen}' if seen else 'without a heartbeat'}"
            )
        return True

    async def _mark(self, connection: Connection, mitra_id: str, seen: str) -> None:
        """Under the row's lock, mark the mitra if a sweep is allowed and the mitra is still stale.

        Raises _SweepForbidden and _StaysOnline. A sweep never deletes a mark: its transaction may have ended unnoticed, and
        the mark may be that of another sweep. A newer version deletes it, or a ping that holds the row's lock.
        """
        await sync_point("sweep takes the lock", **self._where(mitra_id))
        if not await connection.fetchval(_ALONE):
            raise _SweepForbidden("another instance is sweeping")
        if sweep_obstacle := await self._writes.coordinator.sweep_obstacle(connection):
            raise _SweepForbidden(sweep_obstacle)
        version = await connection.fetchval(_VERSION, mitra_id)
        if version is None:
            raise _StaysOnline("unknown")
        mark = f"{version}:{secrets.token_hex(4)}"
        touched = (keys.EPOCH, keys.heartbeat(mitra_id), keys.leaving(mitra_id), keys.VERSIONS)
        await sync_point("sweep marks", **self._where(mitra_id))
        answer = await self._valkey.run(scripts.SECOND_LOOK, touched, mitra_id, seen, version, mark, MARK_LIFE_MS)
        if answer != "marked":
            raise _StaysOnline(answer)

    def _where(self, mitra_id: str) -> dict[str, Any]:
        return {"instance": self._writes.coordinator.instance, "mitras": [mitra_id]}

    # --- heartbeat mirror ------------------------------------------------------------------------------------

    async def mirror_heartbeats(self) -> None:
        """One statement for all pings. A heartbeat that a seed wrote as grace does not count."""
        try:
            self._valkey.require_available()
            await self._valkey.call("SET", keys.PROBE, "1", "EX", 60)  # if writes are refused, the heartbeats are old
            touched, pings = (keys.EPOCH, keys.ONLINE, keys.SYNTHETIC), dict[str, str]()
            async for page in self._pages(scripts.PINGED, touched):
                latest, lines = keys.stamp(self._valkey.latest_plausible_ms()), page.split("\n")
                for id_, at in zip(lines[::2], lines[1::2], strict=False):
                    if at <= latest and is_uuid(id_):
                        pings[id_] = at
        except MirrorUnavailable as error:
            self._skip("heartbeat-mirror", "", error)
            return
        if not pings:
            return
        try:
            await self._db.execute(_MIRROR, ",".join(pings), ",".join(pings.values()), within_s=MIRROR_WITHIN_S)
        except ServiceUnavailable as error:
            log(f"[heartbeat-mirror] Postgres unavailable, skipping: {error.cause}")


async def every(name: str, seconds: int, tick: Callable[[], Awaitable[None]]) -> None:
    """Call `tick` every `seconds` until cancelled. An unexpected error in a tick is logged and does not end the job."""
    due = time.monotonic() + seconds
    while True:
        await asyncio.sleep(max(0.0, due - time.monotonic()))
        due = max(due + seconds, time.monotonic())
        try:
            await tick()
        except Exception as error:
            log_defect(name, error)
