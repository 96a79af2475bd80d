"""Coordination of the instances through Postgres: who blocks sweeps, who uses which Valkey, what has changed.

W is `stale_after_seconds`. An instance without Valkey, or with another one, answers pings that this instance's Valkey does
not have. A sweep that ignored this would take their mitras offline.
"""

import asyncio
import secrets
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from datetime import datetime

import asyncpg
from asyncpg import Connection, Record

from server.db import CHECK_WITHIN_S, Database, only, until_lost
from server.errors import ServiceUnavailable
from server.log import log, log_defect
from server.mirror.client import end
from server.mirror.sync_points import sync_point

SWEEP = 0x6D697272_63757400  # advisory lock: exclusive in a sweep's transaction; shared by those who wait for its end
SEED = 0x6D697272_73656564  # advisory lock: one seed at a time in the cluster
ALIVE = 0x6D697272  # class of the shared locks that show which instances are alive; the second number is the instance's
CHANGED = "mirror_changed"  # channel: `id version heartbeat` of a mitra, or `setting key`
SWEEPS_END_WITHIN_S = 1.0  # how long a fallback ping waits for open sweeps; after that it locks its mitra's row
BLOCK_SPARE_S = 1.0  # added to W, so that a block is not rewritten for each ping
FORGOTTEN_AFTER_S = 60.0  # after W: then the row of a dead instance is deleted
RETRY_S = 1.0
_UNREACHABLE = (ServiceUnavailable, TimeoutError, OSError, asyncpg.PostgresError, asyncpg.InterfaceError)

# An instance that changes to another Valkey blocks sweeps in the same statement: the new one lacks the old one's pings.
_ANNOUNCE = """
INSERT INTO mirror_instances AS i (instance, store) VALUES ($1, $2) ON CONFLICT (instance) DO UPDATE SET store = excluded.store,
  blocks_until = CASE WHEN i.store IN ('', excluded.store) THEN i.blocks_until
    ELSE greatest(i.blocks_until, clock_timestamp() + make_interval(secs => $3)) END
RETURNING blocks_until
"""
_BLOCK = """
INSERT INTO mirror_instances AS i (instance, store, blocks_until)
VALUES ($1, $2, clock_timestamp() + make_interval(secs => $3))
ON CONFLICT (instance) DO UPDATE SET blocks_until = greatest(i.blocks_until, excluded.blocks_until) RETURNING blocks_until
"""
# Ends one particular block: a late statement must not end a newer one.
_UNBLOCK = "UPDATE mirror_instances SET blocks_until = NULL WHERE instance = $1 AND blocks_until = $2"
_INSTANCES = f"""
SELECT instance, store, coalesce(blocks_until > clock_timestamp(), false) AS blocks,
  EXISTS (SELECT FROM pg_locks WHERE locktype = 'advisory' AND classid = {ALIVE} AND objid = i.instance AND objsubid = 2
    AND database = (SELECT oid FROM pg_database WHERE datname = current_database())) AS alive
FROM mirror_instances AS i
"""
_FORGET = """
DELETE FROM mirror_instances WHERE instance = ANY($1::integer[])
AND (blocks_until IS NULL OR blocks_until < clock_timestamp())
"""
# Versions can be compared only within one history of Postgres. A standby has no identity here.
_HISTORY = """
SELECT CASE WHEN pg_is_in_recovery() THEN '' ELSE
    (SELECT system_identifier FROM pg_control_system()) || '/' || substr(pg_walfile_name(pg_current_wal_lsn()), 1, 8)
    || '/' || (SELECT oid FROM pg_database WHERE datname = current_database())
    || '/' || coalesce(to_regclass('mirror_version')::oid::text, 'none') END AS identity,
  coalesce(pg_sequence_last_value(to_regclass('mirror_version')), 0) AS last_version
"""


# Called with the new connection when notifications may have been missed.
Missed = Callable[[Connection], Awaitable[None]]


@dataclass(frozen=True)
class History:
    """The identity of a history of Postgres, and the last version drawn in it."""

    identity: str
    last_version: int


async def read_history(connection: Connection | Database, within_s: float | None = None) -> History:
    """The history as `connection` (or the database) sees it. Raises what its query raises."""
    if isinstance(connection, Database):
        row = only(await connection.fetchrow(_HISTORY))
    else:
        row = only(await connection.fetchrow(_HISTORY, timeout=within_s))
    return History(row["identity"], row["last_version"])


class InstanceCoordinator:
    """This instance's row in `mirror_instances`, its connection for notifications, and its view of the other instances."""

    def __init__(self, db: Database, stale_after: Callable[[], int]) -> None:
        self.instance = secrets.randbits(31)
        self.history: History | None = None  # as this process first saw it, or as a later seed found it
        self.highest_version = 0  # that this process has seen in this history
        self._went_back = False  # versions of this history were lost: the highest one seen does not count
        self.restored: Callable[[str], None] = lambda why: None  # called when Postgres went back
        self._db = db
        self._stale_after = stale_after
        self._store = ""
        self._absent_since: dict[int, float] = {}  # instances without their lock, and since when (monotonic)
        self._link: asyncio.Task[None] | None = None
        self.linked = asyncio.Event()  # set while notifications arrive
        self._users = 0  # fallback pings in progress
        self._blocking = asyncio.Lock()
        self._block_task: asyncio.Task[bool] | None = None
        self._blocks_until = 0.0  # monotonic; the time in Postgres is later
        self._block: datetime | None = None  # blocks_until as Postgres has it
        self._sweeps_ended = False  # no sweep that began before the block is still open

    # --- fallback pings ---------------------------------------------------------------------------------------

    @asynccontextmanager
    async def blocking_sweeps(self) -> AsyncIterator[bool]:
        """No sweep begins from here on, until W after the last block. Raises ServiceUnavailable.

        Yields whether all earlier sweeps have ended. If not, the caller locks the mitra's row before reading it.
        """
        self._users += 1
        try:
            yield await self.block_sweeps()
        finally:
            self._users -= 1

    async def block_sweeps(self) -> bool:
        """The same without the context: for a caller with a debt, as a block does not end while there is one."""
        if self._sweeps_ended and self._blocks_until - time.monotonic() >= self._stale_after():
            return True
        if self._block_task is None or self._block_task.done():
            self._block_task = asyncio.create_task(self._write_block())
        return await asyncio.shield(self._block_task)

    async def _write_block(self) -> bool:
        async with self._blocking:
            began, wanted_s = time.monotonic(), self._stale_after() + BLOCK_SPARE_S
            self._sweeps_ended = self._sweeps_ended and self._blocks_until > began
            await sync_point("fallback blocks", instance=self.instance)
            self._note_block(await self._db.fetchval(_BLOCK, self.instance, self._store, float(wanted_s)))
            self._blocks_until = began + wanted_s
            if not self._sweeps_ended:
                await sync_point("fallback waits", instance=self.instance)
                self._sweeps_ended = await self.wait_for_sweeps(SWEEPS_END_WITHIN_S)
            return self._sweeps_ended

    def _note_block(self, until: datetime | None) -> None:
        """Replies may arrive in another order than their statements: Postgres has the later block."""
        if until is not None and (self._block is None or until > self._block):
            self._block = until

    async def release_sweeps(self, owed: Callable[[], bool]) -> None:
        """End the block unless there is a debt or a fallback ping in progress. If that fails, the block ends after W."""
        if self._block is None or self._users or owed():
            return
        async with self._blocking:
            if self._users or owed():
                return
            block, self._block, self._blocks_until, self._sweeps_ended = self._block, None, 0.0, False
            await sync_point("block ends", instance=self.instance)
            with suppress(ServiceUnavailable):
                await self._db.execute(_UNBLOCK, self.instance, block)

    async def wait_for_sweeps(self, within_s: float) -> bool:
        """Wait until no sweep's transaction is open; False if one still was. Raises ServiceUnavailable."""
        try:
            async with self._db.transaction() as connection:
                await connection.execute("SELECT set_config('lock_timeout', $1, true)", str(int(within_s * 1000)))
                await connection.execute("SELECT pg_advisory_xact_lock_shared($1)", SWEEP)
        except ServiceUnavailable as error:
            if isinstance(error.__cause__, asyncpg.LockNotAvailableError):
                return False
            raise
        return True

    # --- who relies on which Valkey ---------------------------------------------------------------------------

    async def announce_store(self, run_id: str) -> None:
        """Announce that this instance is about to use the Valkey with this run id. Raises ServiceUnavailable."""
        self._store = run_id
        await sync_point("seed announces", instance=self.instance)
        self._note_block(await self._db.fetchval(_ANNOUNCE, self.instance, run_id, float(self._stale_after())))
        await self.read_instances(self._db)

    async def read_instances(self, connection: Connection | Database) -> list[Record]:
        """The rows of all instances. Notes which of them have lost their lock, and since when."""
        now = time.monotonic()
        rows = [row for row in await connection.fetch(_INSTANCES) if row["instance"] != self.instance or row["blocks"]]
        absent = {row["instance"] for row in rows if not row["alive"]}
        self._absent_since = {instance: self._absent_since.get(instance, now) for instance in absent}
        return rows

    async def sweep_obstacle(self, connection: Connection) -> str:
        """Why no sweep is allowed now, '' if one is. `connection` holds the lock SWEEP, for which a later block waits."""
        await sync_point("sweep reads instances", instance=self.instance)
        rows = await self.read_instances(connection)
        if any(row["blocks"] for row in rows):
            return "an instance has lost Valkey"
        if self.has_split_brain(rows):
            return "instances use different Valkeys"
        return ""

    def has_split_brain(self, rows: Sequence[Record]) -> bool:
        """Whether another instance may have written pings to another Valkey within the last W."""
        return any(row["store"] not in ("", self._store) and self._is_recent(row) for row in rows)

    def _is_recent(self, row: Record) -> bool:
        since = self._absent_since.get(row["instance"])
        return since is None or time.monotonic() - since < self._stale_after()

    async def delete_gone_instances(self) -> None:
        """Delete the rows of instances that have been dead for W and a minute. Raises ServiceUnavailable."""
        await self.read_instances(self._db)
        before = time.monotonic() - self._stale_after() - FORGOTTEN_AFTER_S
        gone = [instance for instance, since in self._absent_since.items() if since < before]
        if gone:
            await self._db.execute(_FORGET, gone)

    # --- notifications, and Postgres' history -----------------------------------------------------------------

    def saw_version(self, version: int) -> None:
        """Note a version of this history."""
        self.highest_version = max(self.highest_version, version)

    def begin_history(self, history: History) -> None:
        """A seed was built from this history: versions of an earlier one do not count any more."""
        if self._went_back or self.history is None or history.identity != self.history.identity:
            self.highest_version = history.last_version
        self.history, self._went_back = history, False

    def report_restore(self, why: str) -> None:
        """Postgres was restored from an older copy, or is another one: an outage begins."""
        self._went_back = True
        self.restored(why)

    async def check_history(self, connection: Connection | Database, within_s: float | None = None) -> bool:
        """Whether Postgres still has the history that the mirror was built from; if not, reports it."""
        highest, known = self.highest_version, self.history
        now = await read_history(connection, within_s)
        if known is None or not now.identity:
            return True
        if now.identity != known.identity:
            self.report_restore("it is another history, perhaps restored from a copy or failed over")
            return False
        if now.last_version < highest and known is self.history:
            self.report_restore(
                f"its last version is {now.last_version}, but {highest} was drawn: restored from an older copy?"
            )
            return False
        return True

    def listen(self, heard: Callable[[str], None], missed: Missed) -> None:
        """Call `heard` with each notification until `stop`, and `missed(connection)` when some may have been missed."""
        self._link = asyncio.create_task(self._keep_link(heard, missed))

    async def _keep_link(self, heard: Callable[[str], None], missed: Missed) -> None:
        while True:
            try:
                connection = await self._db.connect()
                try:
                    await self._use_link(connection, heard, missed)
                finally:
                    connection.terminate()
            except _UNREACHABLE:
                pass
            except Exception as error:  # without a retry, this instance would get no notifications any more
                log_defect("notifications", error)
            if self.linked.is_set():
                log("[valkey-mirror] the connection for notifications was lost, making a new one")
            self.linked.clear()
            await asyncio.sleep(RETRY_S)

    async def _use_link(self, connection: Connection, heard: Callable[[str], None], missed: Missed) -> None:
        """Listen until the connection is lost, or a check of it fails."""
        await connection.add_listener(CHANGED, lambda _c, _p, _n, payload: heard(str(payload)))
        await connection.execute("SELECT pg_advisory_lock_shared($1, $2)", ALIVE, self.instance)
        self.linked.set()
        if self._store:  # a mirror is in use, and notifications may have been missed
            await connection.execute(_ANNOUNCE, self.instance, self._store, float(self._stale_after()))
            await missed(connection)
        await until_lost(connection, lambda: self._check_link(connection))

    async def _check_link(self, connection: Connection) -> None:
        try:
            await self.check_history(connection, CHECK_WITHIN_S)
        except TimeoutError:
            self._db.renew()
            raise

    async def stop(self) -> None:
        """Close the connections. The row stays, as its block holds for W."""
        await end(self._link, self._block_task)
