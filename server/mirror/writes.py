"""Write-through: the truth commits first, then a fenced script carries it to Valkey; what failed is tried again."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from asyncpg import Connection, Record

from server.db import Database
from server.errors import ServiceUnavailable
from server.log import log
from server.mirror import keys, scripts
from server.mirror.client import MirrorUnavailable, Valkey
from server.mirror.cut_off import CutOff
from server.mirror.gates import gate

_LOCK = "SELECT id FROM mitras WHERE id = ANY($1::uuid[]) ORDER BY id FOR NO KEY UPDATE"
# The version is drawn under the row's lock, so versions of one mitra are in the order of their commits.
_DRAW = """
UPDATE mitras AS m SET mirror_version = nextval('mirror_version') WHERE m.id = ANY($1::uuid[])
RETURNING m.id, m.is_active, m.mirror_version AS version,
  coalesce((SELECT o.is_online FROM mitra_online_status AS o WHERE o.mitra_id = m.id), false) AS is_online,
  (SELECT count(*) FROM chat_sessions AS s
    WHERE s.mitra_id = m.id AND s.status IN ('active', 'pending_payment')) AS load
"""
_READ = """
SELECT m.id, m.is_active, m.mirror_version AS version,
  coalesce((SELECT o.is_online FROM mitra_online_status AS o WHERE o.mitra_id = m.id), false) AS is_online,
  (SELECT count(*) FROM chat_sessions AS s
    WHERE s.mitra_id = m.id AND s.status IN ('active', 'pending_payment')) AS load
FROM mitras AS m WHERE m.id = ANY($1::uuid[])
"""


class Writes:
    """Changes of truth and their way into the mirror."""

    def __init__(self, db: Database, valkey: Valkey, cut_off: CutOff) -> None:
        self._db = db
        self.cut_off = cut_off
        self._valkey = valkey
        self.dirty: dict[str, str] = {}  # id -> heartbeat still owed ('' for none)

    @asynccontextmanager
    async def changing(self, what: str, *mitra_ids: str, ping: bool = False) -> AsyncIterator[Connection]:
        """A transaction that may change these mitras: locks their rows, commits, then mirrors what was committed.

        `what` names the write in a log line if Valkey refuses it; `ping`: the change counts as a heartbeat. Raises
        what the block raises (then nothing is mirrored) and ServiceUnavailable, never an error of Valkey.
        """
        ids = sorted(set(mitra_ids))
        rows: list[Record] = []
        pinged = ""
        try:
            async with self._db.transaction() as connection:
                await connection.execute(_LOCK, ids)
                yield connection
                pinged = keys.stamp(self._valkey.now_ms()) if ping else ""
                rows = await connection.fetch(_DRAW, ids)
            await gate("committed")
            for row in rows:
                await self._mirror(what, row, pinged)
        except BaseException:
            for row in rows:  # cancelled, or a COMMIT of unknown outcome: re-read the truth
                self.owe(row["id"], pinged)
            raise

    def owe(self, mitra_id: str, pinged: str = "") -> None:
        """Mirror this mitra's truth as soon as Valkey takes it, with the heartbeat of `pinged` if any."""
        self.dirty[mitra_id] = max(pinged, self.dirty.get(mitra_id, ""))

    async def _mirror(self, what: str, row: Record, pinged: str) -> None:
        try:
            await self.apply(row, pinged)
        except MirrorUnavailable as error:
            self.owe(row["id"], pinged)
            self._valkey.counts["write_failures"] += 1
            log(f"[valkey-mirror] {what} {row['id']} failed: {error}")
            await self.cut_off.hold()
            await self.cut_off.tell(row["id"])

    async def apply(self, row: Any, pinged: str) -> None:
        """Carry one mitra's committed state to Valkey unless a newer one is there. Raises MirrorUnavailable."""
        mitra_id = row["id"]
        touched = (
            keys.EPOCH, keys.VERSIONS, keys.ONLINE, keys.DEACTIVATED,
            keys.capacity(mitra_id), keys.heartbeat(mitra_id), keys.leaving(mitra_id), keys.SEEDS,
        )  # fmt: skip
        facts = (mitra_id, row["version"], int(row["is_online"]), int(row["is_active"]), row["load"])
        now = keys.stamp(self._valkey.now_ms())
        applied = await self._valkey.run(scripts.APPLY, touched, *facts, pinged, now)
        self._valkey.counts["writes" if applied else "writes_fenced_off"] += 1

    async def retry_dirty(self) -> None:
        """Re-read the truth of what could not be mirrored and try again; quiet, as the failure was logged."""
        owed = dict(self.dirty)
        if not owed or not self._valkey.warm:
            return
        try:
            rows = await self._db.fetch(_READ, sorted(owed))
        except ServiceUnavailable:
            return
        for row in rows:
            try:
                await self.apply(row, owed[row["id"]])
            except MirrorUnavailable:
                continue  # one that can't succeed must not hold up the others
            if self.dirty.get(row["id"]) == owed[row["id"]]:
                del self.dirty[row["id"]]
        for gone in set(owed) - {row["id"] for row in rows}:
            self.dirty.pop(gone, None)
