"""Operators' settings as they are in force here, and the channel by which instances tell each other of a change."""

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
SILENCE_S = 3.0  # a subscription never notices a hang by itself
_ALL = "SELECT key, value FROM app_config WHERE key = ANY($1::text[])"
# Every instance is told when this commits: the writer may die before it publishes anything.
_SET = f"""
INSERT INTO app_config (key, value) VALUES ($1, to_jsonb($2::bigint))
ON CONFLICT (key) DO UPDATE SET value = excluded.value RETURNING pg_notify('{CHANGED}', 'setting ' || key)
"""


class AppConfig:
    """`max_customers` (sessions a mitra) and `stale_after` (seconds), kept in memory."""

    def __init__(self, db: Database, valkey: Valkey | None) -> None:
        self._db = db
        self._valkey = valkey
        self._values = dict(DEFAULTS)
        self.changes = 0  # how often they were found or made different
        self.invalidation_owed: str | None = None
        self.reading_owed = False  # a change was heard of and is yet to be read
        self._readings = self._taken = 0  # how many were begun, and which of them is in force

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
            return  # a reading that began later has come first: it is newer
        self._taken = number
        stored = {row["key"]: row["value"] for row in rows}
        self._take({key: in_force(key, stored.get(key)) for key in DEFAULTS})

    async def set(self, key: str, value: int) -> None:
        """Postgres, then here, then everywhere. Raises ServiceUnavailable; a failure of Valkey is owed, not raised."""
        await self._db.execute(_SET, key, value)
        self._take({**self._values, key: value})
        await self.tell(key)

    def _take(self, values: dict[str, int]) -> None:
        self.changes += values != self._values
        self._values = values

    async def tell(self, key: str) -> None:
        """Drop the snapshot, which depends on every setting there is, and tell the other instances."""
        if self._valkey is None:
            return
        self.invalidation_owed = key
        message = json.dumps({"key": key})
        try:
            self._valkey.need_warm()
            await self._valkey.write_all([("DEL", keys.SNAPSHOT, keys.LEASE), ("PUBLISH", keys.CHANNEL, message)])
            self.invalidation_owed = None
        except MirrorUnavailable as error:
            log(f"[valkey-mirror] invalidate {key} failed: {error}")

    async def changed(self) -> None:
        """Somebody changed a setting. Settings first, then the snapshot: the next recompute must not use the old ones."""
        self.reading_owed = False  # a change that is heard from now on is not in what is about to be read
        try:
            await self.reload()
        except ServiceUnavailable:
            self.reading_owed = True
            log("[config] a setting changed, but Postgres cannot be read: trying again each second")
        await self.drop_snapshot()

    async def settle(self) -> None:
        """What is owed: settings that are yet to be read, and an answer that could not be deleted."""
        if self.reading_owed:
            await self.changed()
        if self.invalidation_owed and self._valkey and self._valkey.warm:
            await self.tell(self.invalidation_owed)

    async def drop_snapshot(self) -> None:
        """Delete the beacon's answer and any lease; what fails is owed."""
        if self._valkey is None:
            return
        try:
            await self._valkey.call("DEL", keys.SNAPSHOT, keys.LEASE)
        except MirrorUnavailable as error:
            self.invalidation_owed = self.invalidation_owed or "any"
            log(f"[valkey-mirror] snapshot invalidation failed: {error}")


class Subscriber:
    """Listens to `config:invalidate` on a connection of its own, and does not trust its silence."""

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
            except Exception as error:  # one that nobody foresaw would leave this instance deaf for good
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
            await self._changed()  # what was said while we were away is lost
            self.subscribed.set()
        elif message["type"] == "message":
            await self._changed()

    async def _changed(self) -> None:
        await self._config.changed()
