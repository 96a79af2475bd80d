"""The seed: builds a new mirror from one consistent read of Postgres, in steps; the last step puts it in place."""

import asyncio
import secrets
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from asyncpg import Connection, Record

from server.db import Database
from server.log import log
from server.mirror import keys, scripts
from server.mirror.client import MirrorUnavailable, Valkey
from server.mirror.clock import steady_ms
from server.mirror.coordinator import SEED, InstanceCoordinator, read_history
from server.mirror.sync_points import sync_point
from server.mirror.valkey_fit import why_unfit
from server.sql import LOADS

STEP = 1000  # mitras per script call: takes Valkey a few ms, so that no ping waits longer
PAGE = 2000  # keys per step of the search for strays
LIFE_S = 60  # TTL of the temporary keys, for a seed that is broken off
# The time limit of a seed grows with the number of mitras and keys.
WITHIN_S, MITRAS_A_SECOND, KEYS_A_SECOND = 4.0, 20_000, 100_000
STATES = {(True, True): "o", (False, False): "d", (True, False): "b", (False, True): "-"}  # online, active
_TRUTH = f"""
SELECT m.id, m.is_active, m.mirror_version AS version, coalesce(o.is_online, false) AS is_online,
  coalesce(s.load, 0) AS load
FROM mitras AS m LEFT JOIN mitra_online_status AS o ON o.mitra_id = m.id
LEFT JOIN {LOADS} AS s ON s.mitra_id = m.id
"""
# The lock that only one seed holds at a time. The transaction is idle while the scripts run.
_ALONE = f"""
SELECT set_config('idle_in_transaction_session_timeout', '{LIFE_S}s', true), pg_advisory_xact_lock({SEED})
"""
# After a restore that set the sequence back, so that no version is drawn twice.
_RAISE = "SELECT setval('mirror_version', greatest(last_value, $1)) FROM mirror_version"
SWEEPS_WITHIN_S = 2.5  # a sweep's transaction is over by then: Postgres bounds each of its statements


class Seeder:
    """Seeds one at a time, in this process and in the cluster."""

    def __init__(self, db: Database, valkey: Valkey, coordinator: InstanceCoordinator) -> None:
        self._db = db
        self._coordinator = coordinator
        self._valkey = valkey
        self._lock = asyncio.Lock()
        self._unusable = ""  # why the current Valkey cannot be used; logged once

    @property
    def identity(self) -> str:
        """The identity of the history of Postgres that the mirror was built from; '' before the first seed."""
        return self._coordinator.history.identity if self._coordinator.history else ""

    async def seed(self, *, grace: bool) -> bool:
        """Build a new mirror. `grace`: every online mitra gets "now" as heartbeat, as after any outage.

        A seed that ends an outage gives grace in any case. Returns whether it did. Raises ServiceUnavailable, and
        MirrorUnavailable, after which the old mirror is complete.
        """
        async with self._lock, asyncio.timeout(WITHIN_S) as limit, self._db.transaction() as connection:
            await connection.execute(_ALONE)
            return await self._alone(connection, limit, grace)

    async def _alone(self, connection: Connection, limit: asyncio.Timeout, grace: bool) -> bool:
        asked_ms = steady_ms()
        info = await self._info()
        self._valkey.clock.update(int(info["server_time_usec"]) // 1000, asked_ms)
        history = await read_history(connection)
        await self._coordinator.announce_store(info["run_id"])
        nonce, prefix = secrets.token_hex(6), f"{info['run_id']}|{history.identity}|"
        was_closed = self._valkey.circuit_closed
        grace = not await self._begin(nonce, prefix, history.identity) or not was_closed or grace
        # A sweep's mark may have been lost with the store, so its transaction must end before an epoch is valid again.
        await sync_point("seed waits", instance=self._coordinator.instance)
        if not await self._coordinator.wait_for_sweeps(SWEEPS_WITHIN_S):
            raise MirrorUnavailable("a sweep's transaction is still open")
        await sync_point("seed reads", instance=self._coordinator.instance)
        rows = await connection.fetch(_TRUTH)
        highest = max((row["version"] for row in rows), default=0)
        if highest > history.last_version:  # otherwise every check of the history would report a restore
            last = await connection.fetchval(_RAISE, highest)
            history = replace(history, last_version=last)
        extend(limit, len(rows) / MITRAS_A_SECOND)
        key_count, counts = await self._swap(nonce, rows, prefix, grace)
        extend(limit, key_count / KEYS_A_SECOND)
        await self._clear_strays(prefix, nonce)
        if not grace and not self._valkey.circuit_closed:
            raise MirrorUnavailable("an outage began during the periodic seed")
        self._coordinator.begin_history(history)
        for row in rows:
            self._coordinator.saw_version(row["version"])
        self._valkey.prefix, self._valkey.fleet = prefix, counts["online"]
        self._valkey.circuit_closed = True
        self._valkey.refused_since = None
        self._valkey.counts["seeds"] += 1
        online, deactivated, loaded = (counts[name] for name in ("online", "deactivated", "loaded"))
        log(f"[valkey-mirror] seed: {online} online, {deactivated} deactivated, {loaded} with active sessions")
        return grace

    async def _info(self) -> dict[str, Any]:
        """Valkey's INFO server. Raises MirrorUnavailable if it can't hold a mirror."""
        async with self._valkey.redis.pipeline(transaction=False) as pipeline:
            pipeline.info("server")  # one section each, as Redis 6 takes no two, and must be refused by its version
            pipeline.info("replication")
            replies: list[dict[str, Any]] = await self._valkey.bounded(pipeline.execute())
        server, replication = replies
        unfit = why_unfit({**server, **replication})
        if unfit and unfit != self._unusable:
            log(f"[valkey] not used: {unfit}")
        self._unusable = unfit
        if unfit:
            raise MirrorUnavailable(unfit)
        return server

    async def _begin(self, nonce: str, prefix: str, identity: str) -> bool:
        """From here on changes are recorded for this seed, as they may be later than its read of Postgres.

        Returns whether Valkey has a valid epoch.
        """
        touched = (
            keys.EPOCH, keys.VERSIONS, keys.VERSIONS_OF, keys.SYNTHETIC, keys.SEED, keys.of_seed(nonce, "steps"),
        )  # fmt: skip
        await sync_point("seed begins", instance=self._coordinator.instance)
        return bool(await self._run(scripts.SEED_BEGIN, touched, nonce, prefix, f"|{identity}|", LIFE_S))

    async def _swap(self, nonce: str, rows: Sequence[Record], prefix: str, grace: bool) -> tuple[int, Counter[str]]:
        """Build the new mirror in steps, then put it in place. Returns the number of keys in Valkey, and counts of mitras.

        A step writes its mitras' own keys at once, fenced by their versions like any change.
        """
        steps, online, deactivated, versions, changes = (
            keys.of_seed(nonce, part) for part in ("steps", "online", "deactivated", "versions", "changes")
        )
        now, latest = keys.stamp(self._valkey.now_ms()), keys.stamp(self._valkey.latest_plausible_ms())
        made, counts = 0, Counter[str]()
        for first in range(0, len(rows), STEP):
            some = rows[first : first + STEP]
            built = (keys.SYNTHETIC, steps, online, deactivated, versions, changes, keys.SEED)
            await sync_point("seed steps", instance=self._coordinator.instance)
            await self._run(scripts.SEED, built, nonce, made, now, int(grace), LIFE_S, *facts(some), latest)
            made += 1
            counts["online"] += sum(row["is_online"] for row in some)
            counts["deactivated"] += sum(not row["is_active"] for row in some)
            counts["loaded"] += sum(row["load"] > 0 for row in some)
        touched = (
            keys.EPOCH, keys.ONLINE, keys.DEACTIVATED, keys.VERSIONS, keys.SNAPSHOT, keys.SEED,
            steps, online, deactivated, versions, changes, keys.LEASE,
        )  # fmt: skip
        await sync_point("seed swaps", instance=self._coordinator.instance)
        there = await self._run(scripts.SEED_SWAP, touched, nonce, made, f"{prefix}{nonce}|{now}", int(grace))
        return there, counts

    async def _clear_strays(self, prefix: str, nonce: str) -> None:
        """Delete heartbeats and capacities of mitras who are not online. Then the next seed may begin."""
        cursor = "0"
        while True:
            touched = (keys.EPOCH, keys.ONLINE, keys.SYNTHETIC, keys.SEED)
            await sync_point("seed clears", instance=self._coordinator.instance)
            cursor = await self._run(scripts.STRAYS, touched, prefix, cursor, PAGE, nonce)
            if cursor == "0":
                break
        await sync_point("seed ends", instance=self._coordinator.instance)
        await self._run(scripts.SEED_END, (keys.SEED,), nonce)

    async def _run(self, script: str, touched: Sequence[str], *arguments: Any) -> Any:
        return await self._valkey.bounded(self._valkey.evaluate(script, touched, *arguments))


def facts(rows: Sequence[Record]) -> tuple[str, str, str, str]:
    """Ids, states, versions and loads of all rows, as one text each: much cheaper to send than separate values."""
    return (
        "".join(row["id"] for row in rows),
        "".join(STATES[row["is_online"], row["is_active"]] for row in rows),
        ",".join(str(row["version"]) for row in rows),
        ",".join(str(row["load"]) for row in rows),
    )


def extend(limit: asyncio.Timeout, seconds: float) -> None:
    """Restart the time limit, with `seconds` added."""
    limit.reschedule(asyncio.get_running_loop().time() + WITHIN_S + seconds)
