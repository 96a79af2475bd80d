"""Two mirrors on real stores whose background work is stopped, and what their stores and memories say after each step."""

import time
from collections.abc import Sequence
from contextlib import ExitStack, suppress
from dataclasses import dataclass, field
from typing import Any
from unittest.mock import patch

import asyncpg
import redis.asyncio
from mirror_support import settings, until
from model_conductor import Operation, SteppedDatabase, lose_replies_on_demand
from redis.exceptions import RedisError

from rig.stack import Stack
from server.db import Database
from server.mirror import coordinator, heartbeat, keys, seed, sweeps, watchdog, writes
from server.mirror.client import MirrorUnavailable
from server.mirror.clock import steady_ms
from server.mirror.on import MirrorOn

NAMES = ("a", "b")
OLD_S = 1000
# The walk alone says how much time passes: what the server does by the clock is so far away that it does not come.
FAR_S = 600.0
TIMES = (
    (seed, "WITHIN_S", FAR_S), (seed, "SWEEPS_WITHIN_S", FAR_S), (coordinator, "SWEEPS_END_WITHIN_S", 0.05),
    (coordinator, "BLOCK_SPARE_S", FAR_S), (writes, "WRITER_FIRST_S", 0.0), (watchdog, "CHECK_IN_OUTAGE_EVERY_S", 0.0),
    (heartbeat, "ROW_WAIT_S", FAR_S),
    (sweeps, "_ALONE", sweeps._ALONE.replace(f"'{sweeps.STATEMENT_MS}'", f"'{int(FAR_S * 1000)}'")),
)  # fmt: skip
_END = "SELECT pg_terminate_backend(pid) FROM unnest($1::int[]) AS pid"
_LIVE = "SELECT count(*) FROM pg_stat_activity WHERE pid = ANY($1::int[])"
_ROWS = """
SELECT m.id, m.mirror_version AS version, o.is_online FROM mitras AS m JOIN mitra_online_status AS o ON o.mitra_id = m.id
"""
_BLOCKS = "SELECT instance, blocks_until, blocks_until > clock_timestamp() AS blocks FROM mirror_instances"


@dataclass
class Seat:
    """One instance: its process, what that has under way, and the processes that were killed before it."""

    name: str
    db: SteppedDatabase
    mirror: MirrorOn = field(init=False)
    operations: dict[str, Operation] = field(
        default_factory=dict
    )  # by what the specification calls it: write, sweep, ...
    killed: list[int] = field(default_factory=list)  # numbers in mirror_instances
    heard: dict[str, int] = field(default_factory=dict)  # the versions that its process was told of

    @property
    def number(self) -> int:
        return self.mirror._writes.coordinator.instance

    reaches_valkey: bool = True

    def forgets(self) -> None:
        """Its process knows of nothing that happened, as a new one would: that saves making one."""
        writes, valkey = self.mirror._writes, self.mirror._valkey
        writes.dirty.clear()
        writes._heard.clear()
        self.heard.clear()
        block = writes.coordinator
        block._block, block._blocks_until, block._sweeps_ended, block._absent_since = None, 0.0, False, {}
        valkey.circuit_closed, valkey._failing_since, valkey.refused_since = False, None, None
        self.mirror._watchdog._asked_by = None
        self.reaches_valkey = True

    def block_has(self) -> bool:
        """Whether W or more is left of the block that it has written."""
        return self.mirror._writes.coordinator._blocks_until - time.monotonic() >= self.mirror.app_config.stale_after


@dataclass
class Seen:
    """The stores as they are."""

    rows: list[Any]  # by mitra
    online: set[str]
    versions: dict[str, int]
    beats: list[str | None]
    marks: list[str | None]
    epoch: str
    seed: str
    noted: dict[str, int]
    blocking: dict[int, Any]  # number of an instance -> blocks_until in force


class Table:
    """Both stores, two seats at them, and the mitras. Made once, reset before each walk."""

    def __init__(self, stack: Stack) -> None:
        self.stack = stack
        self.valkey = redis.asyncio.Redis.from_url(stack.valkey.url, protocol=2, decode_responses=True)
        self.seats: list[Seat] = []
        self.mitras: list[str] = []
        self.admin: asyncpg.Connection
        self.old = ""  # the heartbeat of who is silent
        self._run_id = ""
        self._identity = ""
        self._times = ExitStack()
        self._dbs: list[SteppedDatabase] = []

    async def open(self) -> None:
        for module, name, value in TIMES:
            self._times.enter_context(patch.object(module, name, value))
        self._dbs = [SteppedDatabase(self.stack.server(name).seat.database_url) for name in NAMES]
        self.stack.toxiproxy.reset()
        for db in self._dbs:
            await db.start()
        self.admin = await Database(self.stack.postgres.observer_url).connect()

    async def close(self) -> None:
        for seat in self.seats:
            await self._leave(seat)
            await _stop(seat.mirror)
        for db in self._dbs:
            await db.stop()
        await self.admin.close()
        await self.valkey.aclose()
        self._times.close()

    async def _leave(self, seat: Seat) -> None:
        for operation in seat.operations.values():
            await operation.give_up()
        seat.operations = {}
        if (block := seat.mirror._writes.coordinator._block_task) is not None:
            block.cancel()

    async def reset(self, instances: int, mitras: int) -> None:
        """All is as in the initial state of the specifications: everybody is online and has been silent for long."""
        for seat in self.seats:
            await self._leave(seat)
        await self.ends(())
        self.stack.valkey.start()
        if any(not seat.reaches_valkey for seat in self.seats):
            self.stack.toxiproxy.reset()
        await self._reset_rows(mitras)
        await self.valkey.flushall()
        for seat in [seat for seat in self.seats if seat.killed or self.seats.index(seat) >= instances]:
            self.seats.remove(seat)
            await _stop(seat.mirror)
        for place, (name, db) in enumerate(list(zip(NAMES, self._dbs, strict=True))[:instances]):
            if place == len(self.seats) or self.seats[place].name != name:
                self.seats.insert(place, Seat(name, db))
                await self.sits_down(self.seats[place])
        await self._seed()
        await self.look_at_run_id()
        self.old = keys.stamp(int((time.time() - OLD_S) * 1000))
        await self.valkey.mset({keys.heartbeat(id_): self.old for id_ in self.mitras})

    async def _reset_rows(self, mitras: int) -> None:
        if len(self.mitras) != mitras:
            await self.admin.execute("TRUNCATE mitras CASCADE")
            made = await self.admin.fetch(
                "INSERT INTO mitras (phone, display_name) SELECT 'p' || i, 'Somebody' FROM generate_series(1, $1) AS i "
                "RETURNING id", mitras,
            )  # fmt: skip
            self.mitras = sorted(str(row["id"]) for row in made)
            await self.admin.execute("INSERT INTO mitra_online_status (mitra_id) SELECT id FROM mitras")
        await self.admin.execute(
            "DELETE FROM mirror_instances; UPDATE mitra_online_status SET is_online = true; "
            "UPDATE mitras SET mirror_version = nextval('mirror_version')"
        )

    async def _seed(self) -> None:
        """The first instance seeds, and the others know it: a seed each would take most of the time of a walk."""
        for seat in self.seats:
            seat.forgets()
        first = self.seats[0].mirror
        await first._watchdog.first_seed()
        self._identity = first._watchdog._seeder.identity
        for seat in self.seats[1:]:
            valkey, coordinator_ = seat.mirror._valkey, seat.mirror._writes.coordinator
            asked_ms = steady_ms()
            seconds, micros = await self.valkey.time()
            valkey.clock.update(seconds * 1000 + micros // 1000, asked_ms)
            coordinator_.begin_history(await coordinator.read_history(self.admin))
            await coordinator_.announce_store((await self.valkey.info("server"))["run_id"])
            valkey.prefix, valkey.circuit_closed = first._valkey.prefix, True

    async def sits_down(self, seat: Seat) -> None:
        """A new process: it hears notifications, and has not seeded."""
        seat.mirror = MirrorOn(settings(seat.db.url, self.stack.server(seat.name).seat.valkey_url), seat.db)
        lose_replies_on_demand(seat.mirror)
        seat.heard = {}
        hear = seat.mirror._writes.hear

        def heard(mitra_id: str, version: int, pinged: str) -> None:
            seat.heard[mitra_id] = version
            hear(mitra_id, version, pinged)

        seat.mirror._writes.hear = heard  # type: ignore[method-assign]
        await seat.mirror.app_config.reload()
        await seat.mirror._watchdog.listen(5.0)

    async def is_killed(self, seat: Seat) -> None:
        """The process of a seat is gone: nothing that it would do at its end happens. Another one takes its place."""
        seat.mirror._valkey.circuit_closed = False  # no script any more
        for operation in seat.operations.values():
            await operation.give_up()
        seat.operations = {}
        seat.killed.append(seat.number)
        await _stop(seat.mirror)
        await self.sits_down(seat)

    async def ends(self, pids: Sequence[int]) -> None:
        """Postgres ends these connections, and those of operations that were given up."""
        for seat in self.seats:
            pids, seat.db.closing = [*pids, *seat.db.closing], []
        if pids:
            await self.admin.execute(_END, list(pids))

            async def gone() -> bool:
                return not await self.admin.fetchval(_LIVE, list(pids))

            await until(gone, "Postgres has ended connections")

    async def restart_valkey(self, snapshot: bytes | None) -> None:
        """It restarts, and every instance notices. As another store it would block sweeps: `split` specifies that."""
        self.stack.valkey.kill()
        self.stack.valkey.start(snapshot=snapshot)
        await self.look_at_run_id()
        await self.admin.execute("UPDATE mirror_instances SET store = $1", self._run_id)
        for seat in self.seats:
            seat.mirror._writes.coordinator._store = self._run_id
            await self.loses_valkey(seat)

    async def look_at_run_id(self) -> None:
        await self.valkey.connection_pool.disconnect()
        self._run_id = (await self.valkey.info("server"))["run_id"]

    async def loses_valkey(self, seat: Seat) -> None:
        """Let the instance notice that its connections are lost."""
        with suppress(MirrorUnavailable):
            await seat.mirror._valkey.call("PING")
        for client in (seat.mirror._valkey.redis, seat.mirror._watchdog._own):
            with suppress(RedisError):
                await client.connection_pool.disconnect()

    def epoch_is_valid(self, epoch: str) -> bool:
        return epoch.startswith(f"{self._run_id}|{self._identity}|")

    async def see(self) -> Seen:
        rows = {str(row["id"]): row for row in await self.admin.fetch(_ROWS)}
        blocks = {row["instance"]: row["blocks_until"] for row in await self.admin.fetch(_BLOCKS) if row["blocks"]}
        async with self.valkey.pipeline(transaction=False) as pipe:
            pipe.smembers(keys.ONLINE)
            pipe.hgetall(keys.VERSIONS)
            pipe.mget([keys.heartbeat(id_) for id_ in self.mitras])
            pipe.mget([keys.leaving(id_) for id_ in self.mitras])
            pipe.get(keys.EPOCH)
            pipe.get(keys.SEED)
            online, versions, beats, marks, epoch, nonce = await pipe.execute()
        noted = await self.valkey.hgetall(keys.of_seed(nonce, "changes")) if nonce else {}
        return Seen(
            [rows[id_] for id_ in self.mitras], online, {id_: int(v) for id_, v in versions.items()}, beats, marks,
            epoch or "", nonce or "", {id_: int(v) for id_, v in noted.items()}, blocks,
        )  # fmt: skip

    def is_new(self, beat: str) -> bool:
        """Whether a heartbeat is newer than W."""
        return beat > keys.stamp(int((time.time() - 90) * 1000))


async def _stop(mirror: MirrorOn) -> None:
    await mirror._watchdog.stop()
    await mirror._valkey.close()
    await mirror._subscriber._redis.aclose()
