"""The operators' settings in this instance's memory, and the channel by which instances notify each other of a change."""

import asyncio
import json
import time
from typing import Any

from redis.exceptions import RedisError

from server.app_settings import DEFAULTS, in_force
from server.db import Database
from server.errors import ServiceUnavailable
from server.log import log, log_defect
from server.mirror import keys
from server.mirror.client import CALL_TIMEOUT_S, MirrorUnavailable, Valkey, connect, end, one_line
from server.mirror.coordinator import CHANGED

PING_EVERY_S = 1.0
SILENCE_S = 3.0  # a subscription does not notice a hang by itself
_ALL = "SELECT key, value FROM app_config WHERE key = ANY($1::text[])"
# The COMMIT notifies every instance, as the writer may die before it publishes anything in Valkey.
_SET = f"""
INSERT INTO app_config (key, value) VALUES ($1, to_jsonb($2::bigint))
ON CONFLICT (key) DO UPDATE SET value = excluded.value RETURNING pg_notify('{CHANGED}', 'setting ' || key)
"""


class AppConfig:
    """`max_customers` (sessions per mitra) and `stale_after` (seconds), kept in memory."""

    def __init__(self, db: Database, valkey: Valkey | None) -> None:
        self._db = db
        self._valkey = valkey
        self._values = dict(DEFAULTS)
        self.changes = 0  # how often the values have changed
        self.invalidation_owed: str | None = None  # the setting whose invalidation has failed
        self.reading_owed = False  # a setting has changed and was not read yet
        self._readings = self._taken = 0  # how many reads were started, and the number of the one whose values are used

    @property
    def max_customers(self) -> int:
        return self._values["max_customers_per_mitra"]

    @property
    def stale_after(self) -> int:
        return self._values["stale_after_seconds"]

    async def all(self) -> dict[str, int]:
        await self.reload()
        return dict(self._values)

    async def reload(self) -> None:
        """Read the settings; see `in_force` for what counts."""
        self._readings += 1
        number = self._readings
        rows = await self._db.fetch(_ALL, list(DEFAULTS))
        if number < self._taken:
            return  # a read that started later has already finished
        self._taken = number
        stored = {row["key"]: row["value"] for row in rows}
        self._take({key: in_force(key, stored.get(key)) for key in DEFAULTS})

    async def set(self, key: str, value: int) -> None:
        """Write to Postgres, use the value here, then notify. Raises ServiceUnavailable; a failure of Valkey is retried later."""
        await self._db.execute(_SET, key, value)
        self._take({**self._values, key: value})
        await self.notify_peers(key)

    def _take(self, values: dict[str, int]) -> None:
        self.changes += values != self._values
        self._values = values

    async def notify_peers(self, key: str) -> None:
        """Delete the snapshot, which depends on the settings, and notify the other instances."""
        if self._valkey is None:
            return
        self.invalidation_owed = key
        message = json.dumps({"key": key})
        try:
            self._valkey.require_available()
            await self._valkey.write_all([("DEL", keys.SNAPSHOT, keys.LEASE), ("PUBLISH", keys.CHANNEL, message)])
            self.invalidation_owed = None
        except MirrorUnavailable as error:
            log(f"[valkey-mirror] invalidate {key} failed: {error}")

    async def changed(self) -> None:
        """Another instance changed a setting. Read it before deleting the snapshot, so that no recompute uses the old value."""
        self.reading_owed = False  # set again by a change that this read may miss
        try:
            await self.reload()
        except ServiceUnavailable:
            self.reading_owed = True
            log("[config] a setting changed, but Postgres cannot be read: trying again each second")
        await self.drop_snapshot()

    async def settle(self) -> None:
        """Repeat what has failed: a read of the settings, or an invalidation."""
        if self.reading_owed:
            await self.changed()
        if self.invalidation_owed and self._valkey and self._valkey.circuit_closed:
            await self.notify_peers(self.invalidation_owed)

    async def drop_snapshot(self) -> None:
        """Delete the snapshot and any lease of a recompute; a failure is retried by `settle`."""
        if self._valkey is None:
            return
        try:
            await self._valkey.call("DEL", keys.SNAPSHOT, keys.LEASE)
        except MirrorUnavailable as error:
            self.invalidation_owed = self.invalidation_owed or "any"
            log(f"[valkey-mirror] snapshot invalidation failed: {error}")


class Subscriber:
    """Listens to `config:invalidate` on a connection of its own, and reconnects when it has been silent for SILENCE_S."""

    def __init__(self, url: str, valkey: Valkey, config: AppConfig) -> None:
        self._redis = connect(url, 2)
        self._valkey = valkey
        self._config = config
        self.subscribed = asyncio.Event()
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        self._task = asyncio.create_task(self._run())

    async def stop(self) -> None:
        await end(self._task)
        await self._redis.aclose()

    async def _run(self) -> None:
        while True:
            try:
                await self._listen()
            except Exception as error:  # without a retry, this instance would miss every later change
                if not isinstance(error, RedisError | OSError | TimeoutError):
                    log_defect("subscriber", error)
                if self.subscribed.is_set():
                    log(f"[valkey] subscription to {keys.CHANNEL} lost: {one_line(error)}")
                self.subscribed.clear()
            await asyncio.sleep(0.3)

    async def _listen(self) -> None:
        async with self._redis.pubsub() as channel:
            async with asyncio.timeout(CALL_TIMEOUT_S):
                await channel.subscribe(keys.CHANNEL)
            heard = pinged = time.monotonic()
            while time.monotonic() - heard < SILENCE_S:
                message = await channel.get_message(timeout=0.2)
                now = time.monotonic()
                if message is not None:
                    heard = now
                    await self._hear(message)
                if now - pinged >= PING_EVERY_S:
                    pinged = now
                    async with asyncio.timeout(CALL_TIMEOUT_S):
                        await channel.ping()
            raise TimeoutError(f"silent for {SILENCE_S:g} s")

    async def _hear(self, message: dict[str, Any]) -> None:
        if message["type"] == "subscribe":
            log("[valkey] subscribed to config:invalidate")
            await self._changed()  # messages sent while it was not subscribed are lost
            self.subscribed.set()
        elif message["type"] == "message":
            await self._changed()

    async def _changed(self) -> None:
        await self._config.changed()
