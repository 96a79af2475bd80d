"""The ping: one script in Valkey, without SQL. Postgres is used if Valkey fails or a sweep is handling the mitra."""

import time
from collections.abc import Sequence

from asyncpg import Connection, Record

from server import errors
from server.db import Database
from server.errors import ServiceUnavailable
from server.log import log
from server.mirror import keys, scripts
from server.mirror.client import MirrorUnavailable, Valkey
from server.mirror.request_batcher import RequestBatcher
from server.mirror.sync_points import sync_point
from server.mirror.writes import Writes

_CHECK = """
SELECT m.is_active, coalesce(o.is_online, false) AS is_online
FROM mitras AS m LEFT JOIN mitra_online_status AS o ON o.mitra_id = m.id WHERE m.id = $1
"""
# Waits for a sweep's transaction that has locked this row. Pings do not wait for each other.
_SHARE = "SELECT id FROM mitras WHERE id = $1 FOR SHARE"
LEAVING = "leaving "  # the script's answer, followed by a sweep's mark
ROW_WAIT_S = 4.2  # more than the 4 s after which the contract allows 503, within the 5 s of an answer


class Heartbeat:
    """The ping, in Valkey and without it."""

    def __init__(self, db: Database, valkey: Valkey, writes: Writes) -> None:
        self._db = db
        self._writes = writes
        self._valkey = valkey
        self._instance = writes.coordinator.instance
        self._batcher: RequestBatcher[str, str] = RequestBatcher(self._send)

    async def ping(self, mitra_id: str) -> bool:
        """Whether the mitra is online. Raises ApiError 403 ACCOUNT_INACTIVE, 503 without either store."""
        began = time.monotonic()
        try:
            answer = await self._in_valkey(mitra_id)
            while answer.startswith(LEAVING):
                answer = await self._after_the_sweep(mitra_id, answer.removeprefix(LEAVING), began)
        except MirrorUnavailable:
            self._valkey.counts["fallbacks_heartbeat"] += 1
            log("[heartbeat] valkey check failed, falling back to DB")
            return await self.in_postgres(mitra_id, began)
        if answer == "inactive":
            raise errors.account_inactive()
        return answer == "online"

    async def _in_valkey(self, mitra_id: str) -> str:
        self._valkey.require_available()
        return await self._batcher.submit(mitra_id)

    async def _send(self, mitra_ids: Sequence[str]) -> Sequence[str | MirrorUnavailable]:
        """The pings of one batch in one script, each with its own result."""
        return await self._script(mitra_ids)

    async def _script(self, mitra_ids: Sequence[str], dead_mark: str = "") -> list[str | MirrorUnavailable]:
        await sync_point("ping clears" if dead_mark else "ping", instance=self._instance, mitras=mitra_ids)
        times = keys.stamp(self._valkey.now_ms()), keys.stamp(self._valkey.latest_plausible_ms())
        touched = (keys.EPOCH, keys.DEACTIVATED, keys.ONLINE)
        lines = await self._valkey.run(scripts.PING, touched, *times, dead_mark, *mitra_ids)
        return [self._valkey.refusal(line[1:]) if line[0] == "-" else line for line in lines.split("\n")]

    async def _after_the_sweep(self, mitra_id: str, mark: str, began: float) -> str:
        """Answer a ping that found a sweep's mark. Raises MirrorUnavailable, ServiceUnavailable.

        A sweep holds the row's lock from before its mark until its COMMIT. If the mitra is still online after that, the sweep
        was rolled back and its mark is deleted. Only this mark: if this transaction has ended unnoticed, another sweep may
        have set a new one.
        """
        async with self._db.transaction() as connection:
            row = await self._locked(connection, mitra_id, began)
            if row is None or not row["is_active"] or not row["is_online"]:
                return "inactive" if row and not row["is_active"] else "offline"
            (answer,) = await self._script([mitra_id], mark)
        if isinstance(answer, MirrorUnavailable):
            raise answer
        return answer

    async def _locked(self, connection: Connection, mitra_id: str, began: float) -> Record | None:
        """The mitra's state once no sweep has locked the row. A separate statement, so that it reads after the wait."""
        await sync_point("ping waits", instance=self._instance, mitras=[mitra_id])
        left_s = began + ROW_WAIT_S - time.monotonic()
        if left_s <= 0:
            raise ServiceUnavailable("the row of a mitra stayed locked")
        await connection.execute(_SHARE, mitra_id, timeout=left_s)
        return await connection.fetchrow(_CHECK, mitra_id)

    async def in_postgres(self, mitra_id: str, began: float | None = None) -> bool:
        """The full check. No row is updated: `last_heartbeat_at` does not change during an outage.

        Valkey does not have a ping that is answered here. It becomes a debt, and no instance sweeps until the debt is settled.
        """
        pinged = keys.stamp(self._valkey.now_ms())
        async with self._writes.coordinator.blocking_sweeps() as sweeps_ended:
            await sync_point("fallback reads", instance=self._instance, mitras=[mitra_id])
            if sweeps_ended:
                row = await self._db.fetchrow(_CHECK, mitra_id)
            else:  # a sweep that began before the block may still be open
                async with self._db.transaction() as connection:
                    row = await self._locked(connection, mitra_id, time.monotonic() if began is None else began)
            if row is None:
                return False
            if not row["is_active"]:
                raise errors.account_inactive()
            if row["is_online"]:
                self._writes.owe(mitra_id, pinged)
            online: bool = row["is_online"]
            return online
