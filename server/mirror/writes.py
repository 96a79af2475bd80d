"""Write-through: Postgres commits first, then a fenced script writes to Valkey. A failed write becomes a debt and is retried."""

import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from typing import Any

from asyncpg import Connection, Record

from server.db import Database
from server.errors import ServiceUnavailable
from server.log import log
from server.mirror import keys, scripts
from server.mirror.client import MirrorUnavailable, Valkey
from server.mirror.coordinator import CHANGED, InstanceCoordinator
from server.mirror.sync_points import sync_point
from server.sql import LOCK_MITRAS, OPEN

_ROW = f"""
m.id, m.is_active, m.mirror_version AS version,
  coalesce((SELECT o.is_online FROM mitra_online_status AS o WHERE o.mitra_id = m.id), false) AS is_online,
  (SELECT count(*) FROM chat_sessions AS s
    WHERE s.mitra_id = m.id AND s.status IN {OPEN}) AS load
"""
# The version is drawn under the row's lock, so versions of one mitra have the order of their commits. The COMMIT notifies
# every instance, also when its reply is lost.
_DRAW = f"""
UPDATE mitras AS m SET mirror_version = greatest(nextval('mirror_version'), m.mirror_version + 1) WHERE m.id = ANY($1::uuid[])
RETURNING {_ROW}, pg_notify('{CHANGED}', m.id || ' ' || m.mirror_version || ' ' || $2)
"""
_READ = f"SELECT {_ROW} FROM mitras AS m WHERE m.id = ANY($1::uuid[])"
_VERSIONS = "SELECT id, mirror_version AS version FROM mitras WHERE mirror_version > 0"
COMPARED_AT_ONCE = 1000
WRITER_FIRST_S = 0.5  # the instance that made a change has this long to mirror it before the others do


@dataclass
class Debt:
    """A mitra whose state must still be written to Valkey: how often that was noted, and the newest heartbeat ('' for none)."""

    count: int = 0
    pinged: str = ""


class Writes:
    """Changes in Postgres, and how they reach the mirror."""

    def __init__(self, db: Database, valkey: Valkey, coordinator: InstanceCoordinator) -> None:
        self._db = db
        self.coordinator = coordinator
        self._valkey = valkey
        self.dirty: dict[str, Debt] = {}
        self._heard: dict[
            str, tuple[int, str, float]
        ] = {}  # id -> version, heartbeat, time of the notification (monotonic)

    @asynccontextmanager
    async def changing(self, what: str, *mitra_ids: str, ping: bool = False) -> AsyncIterator[Connection]:
        """A transaction that may change these mitras: locks their rows, commits, then mirrors what was committed.

        `what` names the write in a log line if Valkey refuses it; `ping`: the change counts as a heartbeat. Raises
        what the block raises (then nothing is mirrored) and ServiceUnavailable, never an error of Valkey.
        """
        ids = sorted(set(mitra_ids))
        rows: list[Record] = []
        pinged = ""
        where = self._where(ids)
        try:
            async with self._db.transaction() as connection:
                await sync_point("change locks", **where)
                await connection.execute(LOCK_MITRAS, ids)
                yield connection
                pinged = keys.stamp(self._valkey.now_ms()) if ping else ""
                rows = await connection.fetch(_DRAW, ids, pinged)
                await sync_point("change commits", **where)
            await sync_point("change applies", **where)
            for row in rows:
                await self._mirror(what, row, pinged)
        except BaseException:
            for row in rows:  # cancelled, or a COMMIT with unknown outcome: read Postgres again later
                self.owe(row["id"], pinged)
            raise

    def _where(self, ids: list[str]) -> dict[str, Any]:
        return {"instance": self.coordinator.instance, "mitras": ids}

    def owe(self, mitra_id: str, pinged: str = "") -> None:
        """Note a debt: write this mitra's state to Valkey when possible, with the heartbeat `pinged` if any."""
        debt = self.dirty.setdefault(mitra_id, Debt())
        debt.count += 1
        debt.pinged = max(pinged, debt.pinged)

    async def _mirror(self, what: str, row: Record, pinged: str) -> None:
        try:
            if await self.apply(row, pinged) or not pinged:
                return
        except MirrorUnavailable as error:
            self._valkey.counts["write_failures"] += 1
            log(f"[valkey-mirror] {what} {row['id']} failed: {error}")
        # A debt also if a newer change came first: it may have had an older heartbeat, or none.
        self.owe(row["id"], pinged)
        if pinged:
            with suppress(ServiceUnavailable):
                await self.coordinator.block_sweeps()

    async def apply(self, row: Record, pinged: str) -> bool:
        """Write one mitra's committed state to Valkey; False if Valkey has a newer one. Raises MirrorUnavailable."""
        mitra_id = row["id"]
        touched = (
            keys.EPOCH, keys.VERSIONS, keys.ONLINE, keys.DEACTIVATED,
            keys.capacity(mitra_id), keys.heartbeat(mitra_id), keys.leaving(mitra_id), keys.SEED,
        )  # fmt: skip
        facts = (mitra_id, row["version"], int(row["is_online"]), int(row["is_active"]), row["load"])
        self.coordinator.saw_version(row["version"])
        times = keys.stamp(self._valkey.now_ms()), keys.stamp(self._valkey.latest_plausible_ms())
        newer = await self._valkey.run(scripts.APPLY, touched, *facts, pinged, *times)
        self._valkey.counts["writes_fenced_off" if newer else "writes"] += 1
        if newer:
            await self._check_newer(mitra_id, int(newer))
        return not newer

    async def _check_newer(self, mitra_id: str, version: int) -> None:
        """If Postgres has not drawn that version yet, it comes from another history: then the write is repeated after a seed."""
        self.coordinator.saw_version(version)
        with suppress(ServiceUnavailable):
            if not await self.coordinator.check_history(self._db):
                self.owe(mitra_id)

    async def retry_dirty(self) -> None:
        """Read the state of each debt from Postgres and write it. Logs nothing, as the failure was logged before."""
        owed = {mitra_id: Debt(debt.count, debt.pinged) for mitra_id, debt in self.dirty.items()}
        if not owed or not self._valkey.circuit_closed:
            return
        where = self._where(sorted(owed))
        await sync_point("debt reads", **where)
        try:
            rows = await self._db.fetch(_READ, sorted(owed))
        except ServiceUnavailable:
            return
        await sync_point("debt applies", **where)
        for row in rows:
            debt = owed[row["id"]]
            try:
                applied = await self.apply(row, debt.pinged)
            except MirrorUnavailable:
                continue  # one that can't succeed must not stop the others
            if applied or not debt.pinged:
                self._pay(row["id"], debt)
        for gone in set(owed) - {row["id"] for row in rows}:
            self.dirty.pop(gone, None)

    def _pay(self, mitra_id: str, paid: Debt) -> None:
        """Delete a debt, unless it was noted again meanwhile."""
        now = self.dirty.get(mitra_id)
        if now is not None and now.count == paid.count:
            del self.dirty[mitra_id]

    # --- what other instances have changed --------------------------------------------------------------------

    def hear(self, mitra_id: str, version: int, pinged: str) -> None:
        """An instance has committed a change of this mitra, and is about to write it to Valkey."""
        self.coordinator.saw_version(version)
        if version >= self._heard.get(mitra_id, (0, "", 0.0))[0]:
            self._heard[mitra_id] = (version, pinged, time.monotonic())

    async def compare_heard(self) -> None:
        """Note a debt for each recent change that Valkey still lacks. Raises MirrorUnavailable."""
        before = time.monotonic() - WRITER_FIRST_S
        due = {id_: (version, pinged) for id_, (version, pinged, at) in self._heard.items() if at <= before}
        for id_ in await self._lacking({id_: version for id_, (version, _) in due.items()}):
            self.owe(id_, due[id_][1])
        for id_, (version, _) in due.items():
            if self._heard[id_][0] == version:
                del self._heard[id_]

    async def compare_all(self, connection: Connection) -> None:
        """The same for every mitra, as notifications may have been missed. Raises MirrorUnavailable and what asyncpg raises.

        If Valkey has a higher version than a row that was read later, Postgres was restored.
        """
        versions = await self._versions(connection)
        known = await self._known(list(versions))
        for id_ in (id_ for id_ in versions if known[id_] < versions[id_]):
            self.owe(id_)
        if any(known[id_] > versions[id_] for id_ in versions):
            now = await self._versions(connection)
            if any(known[id_] > version for id_, version in now.items() if id_ in known):
                self.coordinator.report_restore(
                    "Valkey has versions that are ahead of their rows: restored from an older copy?"
                )

    async def _versions(self, connection: Connection) -> dict[str, int]:
        return {row["id"]: row["version"] for row in await connection.fetch(_VERSIONS)}

    async def _lacking(self, versions: dict[str, int]) -> list[str]:
        """The ids whose version in Valkey is lower than the given one."""
        known = await self._known(list(versions))
        return [id_ for id_, version in versions.items() if known[id_] < version]

    async def _known(self, ids: list[str]) -> dict[str, int]:
        """The versions in Valkey, 0 for a missing one. Raises MirrorUnavailable."""
        found: dict[str, int] = {}
        for first in range(0, len(ids), COMPARED_AT_ONCE):
            some = ids[first : first + COMPARED_AT_ONCE]
            (versions,) = await self._valkey.read(("HMGET", keys.VERSIONS, *some))
            found |= {id_: int(version or 0) for id_, version in zip(some, versions, strict=True)}
        return found
