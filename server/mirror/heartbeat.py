"""The ping: one script in Valkey, no SQL; Postgres only when Valkey fails or a sweep is just at it."""

import time
from collections.abc import Sequence

from asyncpg import Connection, Record

from server import errors
from server.db import Database
from server.errors import ServiceUnavailable
from server.log import log
from server.mirror import keys, scripts
from server.mirror.client import MirrorUnavailable, Valkey
from server.mirror.sync_points import sync_point
from server.mirror.together import Together
from server.mirror.writes import Writes

_CHECK = """
SELECT m.is_active, coalesce(o.is_online, false) AS is_online
FROM mitras AS m LEFT JOIN mitra_online_status AS o ON o.mitra_id = m.id WHERE m.id = $1
"""
# Waits for a sweep's transaction that has this row; any number of pings may hold it at once.
_SHARE = "SELECT id FROM mitras WHERE id = $1 FOR SHARE"
LEAVING = "leaving "  # before the mark that a ping has met
WAITS_S = 4.2  # over what the contract lets Postgres keep a ping waiting; within the 5 s of an answer


class Heartbeat:
    """The ping, in Valkey and without it."""

    def __init__(self, db: Database, valkey: Valkey, writes: Writes) -> None:
        self._db = db
        self._writes = writes
        self._valkey = valkey
        self._instance = writes.coordinator.instance
        self._together: Together[str, str] = Together(self._carry)

    async def ping(self, mitra_id: str) -> bool:
        """Whether the mitra is online. Raises ApiError 403 ACCOUNT_INACTIVE, 503 without either store."""
        began = time.monotonic()
        try:
            answer = await self._in_valkey(mitra_id)
            while answer.startswith(LEAVING):
                answer = await self._when_the_sweep_is_over(mitra_id, answer.removeprefix(LEAVING), began)
        except MirrorUnavailable:
            self._valkey.counts["fallbacks_heartbeat"] += 1
            log("[heartbeat] valkey check failed, falling back to DB")
            return await self.in_postgres(mitra_id, began)
        if answer == "inactive":
            raise errors.account_inactive()
        return answer == "online"

    async def _in_valkey(self, mitra_id: str) -> str:
        self._valkey.need_warm()
        return await self._together.ask(mitra_id)

    async def _carry(self, mitra_ids: Sequence[str]) -> Sequence[str | MirrorUnavailable]:
        """The pings of one turn in one script, each with an outcome of its own."""
        return await self._script(mitra_ids)

    async def _script(self, mitra_ids: Sequence[str], dead_mark: str = "") -> list[str | MirrorUnavailable]:
        await sync_point("ping clears" if dead_mark else "ping", instance=self._instance, mitras=mitra_ids)
        times = keys.stamp(self._valkey.now_ms()), keys.stamp(self._valkey.latest_believed_ms())
        touched = (keys.EPOCH, keys.DEACTIVATED, keys.ONLINE)
        told = await self._valkey.run(scripts.PING, touched, *times, dead_mark, *mitra_ids)
        return [self._valkey.refusal(line[1:]) if line[0] == "-" else line for line in told.split("\n")]

    async def _when_the_sweep_is_over(self, mitra_id: str, mark: str, began: float) -> str:
        """A sweep holds the row's lock from before its mark to its COMMIT. Raises MirrorUnavailable, ServiceUnavailable.

        If she is still online then, it was rolled back, and its mark means nothing. Only this mark is deleted: should
        this transaction have ended without our knowledge, another sweep may have marked her anew.
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
        """The mitra's state once no sweep has her row. Read by a statement of its own: after the wait, not before it."""
        await sync_point("ping waits", instance=self._instance, mitras=[mitra_id])
        left_s = began + WAITS_S - time.monotonic()
        if left_s <= 0:
            raise ServiceUnavailable("the row of a mitra was locked all the time")
        await connection.execute(_SHARE, mitra_id, timeout=left_s)
        return await connection.fetchrow(_CHECK, mitra_id)

    async def in_postgres(self, mitra_id: str, began: float | None = None) -> bool:
        """The full check; no row is updated, for `last_heartbeat_at` stands still during an outage.

        A ping answered from here is one that Valkey has not got: it is owed, and nobody sweeps before it is paid.
        """
        pinged = keys.stamp(self._valkey.now_ms())
        async with self._writes.coordinator.blocking_sweeps() as alone:
            await sync_point("fallback reads", instance=self._instance, mitras=[mitra_id])
            if alone:
                row = await self._db.fetchrow(_CHECK, mitra_id)
            else:  # a sweep that does not know of the block may be under way
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
