"""Reads mirror and truth side by side all through a campaign, into the record."""

import threading
import time
from collections.abc import Sequence
from concurrent.futures import Future, ThreadPoolExecutor

import psycopg
import redis

from rig.contract import CAPACITY, CHANNEL, DEACTIVATED, HEARTBEAT, ONLINE, SNAPSHOT
from rig.environment.testbed import TRUTH, Testbed
from rig.record.lines.chaos import PostgresLook, Sample, ValkeyLook

EVERY_S, CROWD_EVERY_S = 0.2, 0.4  # a sample of a crowd is large, and its changes are many
CROWD = 100
PATIENCE_S = 0.15

# One statement, so that all columns are of the same moment.
ROWS = (
    "SELECT m.id::text, m.is_active, coalesce(o.is_online, false),"
    " extract(epoch FROM o.last_heartbeat_at)::float8,"
    " (SELECT count(*) FROM chat_sessions s WHERE s.mitra_id = m.id AND s.status IN ('active', 'pending_payment'))"
    " FROM mitras m LEFT JOIN mitra_online_status o ON o.mitra_id = m.id ORDER BY 1"
)


class Sampler:
    """A thread that reads Valkey, Postgres, and Valkey again; a store that does not answer leaves a None."""

    def __init__(self, bench: Testbed, ids: Sequence[str]) -> None:
        self._bench = bench
        self._ids = list(ids)
        self._every_s = CROWD_EVERY_S if len(self._ids) > CROWD else EVERY_S
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="sampler", daemon=True)
        self._asking = ThreadPoolExecutor(1, "sampler-valkey")
        self._late = False
        self._asked: Future[ValkeyLook | None] | None = None

    def __enter__(self) -> "Sampler":
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stopping.set()
        self._thread.join(10.0)
        self._asking.shutdown(wait=False, cancel_futures=True)

    def _run(self) -> None:
        looked = time.time()
        while not self._stopping.wait(self._every_s):
            began = time.time()
            before, truth = self._mirror(), self._truth()
            after = None if before is None else self._mirror()
            ended = time.time()
            self._bench.recorder.add(
                Sample(
                    t=began,
                    ended=ended,
                    truth=truth,
                    mirror_before=None if before is None else before.online,
                    mirror_after=None if after is None else after.online,
                    keys_before=before,
                    keys_after=after,
                    lag_s=round(self._bench.lag.worst(looked, ended), 3),
                )
            )
            looked = ended

    def _mirror(self) -> ValkeyLook | None:
        """What Valkey holds, if it says so soon: the truth is read on while it is silent."""
        if self._asked is None:
            self._asked = self._asking.submit(self._keys)
        try:
            found = self._asked.result(PATIENCE_S)
        except TimeoutError:
            self._late = True  # an answer that comes later is of an earlier moment
            return None
        late, self._asked, self._late = self._late, None, False
        return None if late else found

    def _keys(self) -> ValkeyLook | None:
        """The contract's keys of the campaign's mitras, all of one moment."""
        try:
            pipeline = self._bench.mirror.client.pipeline(transaction=True)
            pipeline.smembers(ONLINE)
            pipeline.smembers(DEACTIVATED)
            pipeline.get(SNAPSHOT)
            pipeline.pttl(SNAPSHOT)
            pipeline.mget([CAPACITY + id for id in self._ids])
            pipeline.mget([HEARTBEAT + id for id in self._ids])
            pipeline.info("memory")
            pipeline.pubsub_numsub(CHANNEL)
            online, deactivated, snapshot, ttl_ms, capacities, heartbeats, memory, heard = pipeline.execute()
        except redis.RedisError:
            return None
        return ValkeyLook(
            online=sorted(online),
            deactivated=sorted(deactivated),
            snapshot=snapshot,
            snapshot_ttl_ms=ttl_ms,
            subscriptions=heard[0][1],
            policy=memory.get("maxmemory_policy"),
            capacities={id: value for id, value in zip(self._ids, capacities, strict=True) if value is not None},
            heartbeats={id: value for id, value in zip(self._ids, heartbeats, strict=True) if value is not None},
        )

    def _truth(self) -> PostgresLook | None:
        try:
            rows = self._bench.tables.query(ROWS).rows
        except psycopg.Error:
            return None
        return PostgresLook(
            online=[id for id, _, online, _, _ in rows if online],
            deactivated=[id for id, active, _, _, _ in rows if not active],
            loads={id: load for id, _, _, _, load in rows},
            heartbeats={id: at for id, _, _, at, _ in rows if at is not None},
            query=TRUTH["online"],
        )
