"""Times that the stores alone take for the same bytes, without a server: the baseline of each figure."""

import itertools
import time
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime
from typing import cast

from rig.contract import CAPACITY, HEARTBEAT
from rig.stores.postgres import connect as connect_postgres
from rig.stores.valkey import OURS
from rig.stores.valkey import connect as connect_valkey

CHUNK = 5000
ANSWER_S = 60.0
COPY = "COPY chat_request_notifications (chat_session_id, mitra_id) FROM STDIN"
UNNEST = (
    "UPDATE mitra_online_status AS o SET last_heartbeat_at = u.at"
    " FROM UNNEST(%s::uuid[], %s::timestamptz[]) AS u (id, at) WHERE o.mitra_id = u.id"
)


def seconds(work: Callable[[], object]) -> float:
    began = time.perf_counter()
    work()
    return time.perf_counter() - began


def chunks(ids: Sequence[str]) -> Iterator[Sequence[str]]:
    return itertools.starmap(lambda first: ids[first : first + CHUNK], ((i,) for i in range(0, len(ids), CHUNK)))


def now_text() -> str:
    """The time as a heartbeat is written."""
    return datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


class StoreBaseline:
    """Measures Valkey in another database, which leaves the server's mirror alone, and Postgres in the server's tables."""

    def __init__(self, valkey_url: str, postgres_url: str) -> None:
        self._valkey = connect_valkey(valkey_url, f"{OURS}floor", timeout_s=ANSWER_S, database=1)
        self._postgres = connect_postgres(postgres_url, f"{OURS}floor")

    def seed(self, ids: Sequence[str]) -> float:
        """One command per value, in pipelines: for each mitra a member, a capacity and a heartbeat."""
        at = now_text()

        def plain() -> None:
            for some in chunks(ids):
                with self._valkey.pipeline(transaction=False) as pipeline:
                    for id in some:
                        pipeline.sadd("mitras:online", id)
                        pipeline.set(CAPACITY + id, "0")
                        pipeline.set(HEARTBEAT + id, at)
                    pipeline.execute()

        self._valkey.flushdb()
        return seconds(plain)

    def seed_batched(self, ids: Sequence[str]) -> float:
        """The same values by as few commands as possible. The values stay, for the reads that follow."""
        at = now_text()

        def batched() -> None:
            for some in chunks(ids):
                with self._valkey.pipeline(transaction=False) as pipeline:
                    pipeline.sadd("mitras:online", *some)
                    pipeline.mset({CAPACITY + id: "0" for id in some})
                    pipeline.mset({HEARTBEAT + id: at for id in some})
                    pipeline.execute()

        self._valkey.flushdb()
        return seconds(batched)

    def look(self) -> float:
        """SDIFF, then heartbeats and capacities of all by MGET."""

        def reads() -> None:
            # The client decodes, which its types do not tell; a look at each would be measured as well.
            ids = cast("list[str]", list(self._valkey.sdiff(["mitras:online", "mitras:deactivated"])))
            for some in chunks(ids):
                with self._valkey.pipeline(transaction=False) as pipeline:
                    pipeline.mget([HEARTBEAT + id for id in some])
                    pipeline.mget([CAPACITY + id for id in some])
                    pipeline.execute()

        return seconds(reads)

    def beats(self) -> float:
        """SMEMBERS, then the heartbeats of all by MGET."""

        def reads() -> None:
            for some in chunks(cast("list[str]", list(self._valkey.smembers("mitras:online")))):
                self._valkey.mget([HEARTBEAT + id for id in some])

        return seconds(reads)

    def offers(self, session_id: str, ids: Sequence[str]) -> float:
        """COPY of the rows into the server's own table, which is emptied afterwards."""

        def copy() -> None:
            with self._postgres.cursor().copy(COPY) as rows:
                rows.write("".join(f"{session_id}\t{id}\n" for id in ids))

        took = seconds(copy)
        self._postgres.execute("TRUNCATE chat_request_notifications")
        return took

    def unnest(self, ids: Sequence[str]) -> float:
        """One UPDATE with UNNEST for all; afterwards nobody has a heartbeat in Postgres, as before."""
        at = datetime.now(UTC)
        took = seconds(lambda: self._postgres.execute(UNNEST, (list(ids), [at] * len(ids))))
        self._postgres.execute("UPDATE mitra_online_status SET last_heartbeat_at = NULL")
        self._postgres.execute("VACUUM ANALYZE mitra_online_status")
        return took

    def close(self) -> None:
        self._valkey.flushdb()
        self._valkey.close()
        self._postgres.close()
