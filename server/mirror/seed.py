"""The seed: one consistent reading of Postgres becomes a whole new mirror, swapped in by one script."""

import asyncio
import secrets
from collections.abc import Iterable, Iterator
from typing import Any

from server.db import Database
from server.log import log
from server.mirror import keys, scripts
from server.mirror.client import Valkey
from server.mirror.cut_off import CutOff
from server.mirror.gates import gate

CHUNK = 5000
TEMPORARY_LIFE_S = 60
_TRUTH = """
SELECT m.id, m.is_active, m.mirror_version AS version, coalesce(o.is_online, false) AS is_online,
  coalesce(s.load, 0) AS load
FROM mitras AS m LEFT JOIN mitra_online_status AS o ON o.mitra_id = m.id
LEFT JOIN (SELECT mitra_id, count(*) AS load FROM chat_sessions
  WHERE mitra_id IS NOT NULL AND status IN ('active', 'pending_payment') GROUP BY mitra_id) AS s ON s.mitra_id = m.id
"""
# Read before the snapshot is taken: a mitra who is not in it and has a later version came after it.
_FLOOR = "SELECT last_value FROM mirror_version"
_IDENTITY = "SELECT (SELECT system_identifier FROM pg_control_system()) || '/' || current_database()"


class Seeder:
    """Seeds one at a time; who asks during a run gets a further run, as the first may have read too early."""

    def __init__(self, db: Database, valkey: Valkey, cut_off: CutOff) -> None:
        self._db = db
        self._cut_off = cut_off
        self._valkey = valkey
        self._lock = asyncio.Lock()
        self.identity = ""  # of our Postgres: system identifier and database

    async def identify(self) -> str:
        """Which Postgres the mirror is derived from. Raises ServiceUnavailable."""
        if not self.identity:
            self.identity = await self._db.fetchval(_IDENTITY)
        return self.identity

    async def seed(self, *, grace: bool) -> None:
        """Read, swap, log. `grace`: every online mitra gets "now" as heartbeat, as after any outage.

        Raises MirrorUnavailable (the old mirror stands whole) and ServiceUnavailable.
        """
        async with self._lock:
            identity = await self.identify()
            info = await self._valkey.bounded(self._valkey.redis.info("server"))
            self._valkey.set_clock(int(info["server_time_usec"]) // 1000)
            await self._cut_off.stand_on(info["run_id"])
            floor = await self._db.fetchval(_FLOOR)
            async with self._db.transaction(isolation="repeatable_read", readonly=True) as connection:
                rows = await connection.fetch(_TRUTH)
            await gate("seed read")
            prefix = f"{info['run_id']}|{identity}|"
            await self._swap(rows, prefix, grace, floor)
            self._valkey.prefix = prefix
            self._valkey.warm = True
            self._valkey.refused_since = None
            self._valkey.counts["seeds"] += 1
            online = sum(row["is_online"] for row in rows)
            deactivated = sum(not row["is_active"] for row in rows)
            loaded = sum(row["load"] > 0 for row in rows)
            log(f"[valkey-mirror] seed: {online} online, {deactivated} deactivated, {loaded} with active sessions")

    async def _swap(self, rows: list[Any], prefix: str, grace: bool, floor: int) -> None:
        nonce = secrets.token_hex(6)
        online, deactivated, versions, loads = (
            f"mirror:seed:{nonce}:{part}" for part in ("online", "deactivated", "versions", "loads")
        )
        parts = (
            ("SADD", online, (row["id"] for row in rows if row["is_online"])),
            ("SADD", deactivated, (row["id"] for row in rows if not row["is_active"])),
            ("HSET", versions, (x for row in rows for x in (row["id"], row["version"]))),
            ("HSET", loads, (x for row in rows if row["is_online"] for x in (row["id"], row["load"]))),
        )
        for command, key, values in parts:
            for chunk in chunks(values):
                await self._valkey.write_all([(command, key, *chunk), ("EXPIRE", key, TEMPORARY_LIFE_S)])
        now = keys.stamp(self._valkey.now_ms())
        touched = (
            keys.EPOCH, keys.ONLINE, keys.DEACTIVATED, keys.VERSIONS, keys.SYNTHETIC, keys.SNAPSHOT,
            online, deactivated, versions, loads,
        )  # fmt: skip
        arguments = (f"{prefix}{nonce}|{now}", f"|{self.identity}|", now, int(grace), floor)
        await self._valkey.bounded(self._valkey.evaluate(scripts.SEED, touched, *arguments))


def chunks(values: Iterable[Any]) -> Iterator[list[Any]]:
    """Lists of at most CHUNK values; an even CHUNK keeps pairs together."""
    chunk: list[Any] = []
    for value in values:
        chunk.append(value)
        if len(chunk) >= CHUNK:
            yield chunk
            chunk = []
    if chunk:
        yield chunk
