"""The ping: one script in Valkey, no SQL; Postgres only when Valkey fails or a sweep is just at it."""

from collections.abc import Sequence

from server import errors
from server.db import Database
from server.log import log
from server.mirror import keys, scripts
from server.mirror.client import MirrorUnavailable, Valkey
from server.mirror.together import Together
from server.mirror.writes import Writes

_CHECK = """
SELECT m.is_active, coalesce(o.is_online, false) AS is_online
FROM mitras AS m LEFT JOIN mitra_online_status AS o ON o.mitra_id = m.id WHERE m.id = $1
"""
_WAIT = "SELECT id FROM mitras WHERE id = $1 FOR NO KEY UPDATE"


class Heartbeat:
    def __init__(self, db: Database, valkey: Valkey, writes: Writes) -> None:
        self._db = db
        self._writes = writes
        self._valkey = valkey
        self._together = Together(self._carry)

    async def ping(self, mitra_id: str) -> bool:
        """Whether the mitra is online. Raises ApiError 403 ACCOUNT_INACTIVE, 503 without either store."""
        try:
            answer = await self._in_valkey(mitra_id)
            if answer == "leaving":
                await self._wait_for_sweep(mitra_id)
                answer = await self._in_valkey(mitra_id)
        except MirrorUnavailable:
            self._valkey.counts["fallbacks_heartbeat"] += 1
            log("[heartbeat] valkey check failed, falling back to DB")
            return await self.in_postgres(mitra_id)
        if answer == "inactive":
            raise errors.account_inactive()
        if answer == "leaving":
            return await self.in_postgres(mitra_id)
        return answer == "online"

    async def _in_valkey(self, mitra_id: str) -> str:
        self._valkey.need_warm()
        return await self._together.ask(mitra_id)

    async def _carry(self, mitra_ids: Sequence[str]) -> Sequence[str | MirrorUnavailable]:
        """The pings of one turn in one script, each with an outcome of its own."""
        now = self._valkey.now_ms()
        times = keys.stamp(now), keys.stamp(now + keys.FUTURE_MS_MAX)
        told = await self._valkey.run(scripts.PING, (keys.EPOCH, keys.DEACTIVATED, keys.ONLINE), *times, *mitra_ids)
        return [self._valkey.refusal(line[1:]) if line[0] == "-" else line for line in told.split("\n")]

    async def _wait_for_sweep(self, mitra_id: str) -> None:
        """A sweep holds the row's lock from its second look to its commit: when it is free, the mark has its end."""
        async with self._db.transaction() as connection:
            await connection.execute(_WAIT, mitra_id)

    async def in_postgres(self, mitra_id: str) -> bool:
        """The full check; no row is updated, for `last_heartbeat_at` stands still during an outage.

        A ping answered from here is one that Valkey has not got: it is owed, and nobody sweeps before it is paid.
        """
        pinged = keys.stamp(self._valkey.now_ms())
        await self._writes.cut_off.hold()
        row = await self._db.fetchrow(_CHECK, mitra_id)
        if row is None:
            return False
        if not row["is_active"]:
            raise errors.account_inactive()
        if row["is_online"]:
            self._writes.owe(mitra_id, pinged)
        return row["is_online"]
