"""One size of a growth run: so many mitras online, and what each operation of the server takes of them."""

import statistics
import time
from collections.abc import Callable, Mapping
from typing import Any

import psutil
import redis

from rig.checks.common.sql_statements import is_availability_query, uses_unnest, writes
from rig.contract import HEARTBEAT, SEED_LINE, SNAPSHOT
from rig.environment.testbed import Testbed
from rig.observe.postgres.statement import Statement
from rig.runs.scaling.store_baseline import Floors, chunks, now_text
from rig.stack import ServerInstance
from rig.stores.postgres import connect as connect_postgres
from rig.stores.valkey import OURS
from rig.stores.valkey import connect as connect_valkey
from rig.traffic import Customer, Operator

PLANT = """
WITH people AS (
  INSERT INTO mitras (id, phone, display_name, is_active)
  SELECT gen_random_uuid(), '+62' || (8000000000 + n), 'mitra ' || n, true FROM generate_series(1, %s) AS n
  RETURNING id)
INSERT INTO mitra_online_status (mitra_id, is_online) SELECT id, true FROM people
"""
TICK_S, TICKS = 2, 3
QUIET_S = 0.15  # without a command so long: a tick is over
LOOK_S = 0.004
PATIENCE_S = 40.0
ASIDE = frozenset({"info", "type", "ping", "client", "config", "echo", "auth", "hello", "select", "script|load"})

Server = ServerInstance


class NotSeen(Exception):
    """What was to be measured did not show: the figure is missing, and its check inconclusive."""


class FleetSize:
    """Rows are planted, then a server is started for each kind of figure; every figure is seen from outside."""

    def __init__(self, bench: Testbed, floors: Floors, size: int) -> None:
        self.bench, self.floors, self.size = bench, floors, size
        self.ids: list[str] = []
        self._customer: str | None = None

    def plant(self) -> None:
        """Everybody online, by hand; the tables' statistics as they would be in time."""
        self.bench.empty_stores()
        with connect_postgres(self.bench.stack.postgres.url, f"{OURS}fleet") as connection:
            connection.execute(PLANT, (self.size,))
            connection.execute("VACUUM ANALYZE mitras")
            connection.execute("VACUUM ANALYZE mitra_online_status")
            self.ids = [id for (id,) in connection.execute("SELECT id::text FROM mitras")]
        self._customer = self.bench.fixtures.customer().id

    def serve(self, **cadences: float) -> Server:
        """A server with those cadences and no other, seeded; the one before it has ended."""
        for server in list(self.bench.servers.values()):
            server.stop()
        made: Server = self.bench.stack.server("a", env=self.bench.environment_for(**cadences), proxied=False)
        self.bench.servers["a"] = made
        made.start(ready_within_s=self.bench.ready_within_s)
        return made

    # --- figures: seconds --------------------------------------------------------------------------------------

    def reseed(self) -> tuple[float, float, float]:
        """Seconds of a seed after FLUSHDB, and the moments of its begin and its end."""
        flushed = time.time()
        self.bench.mirror.client.flushdb()
        ended, _ = self.bench.log().wait_for(SEED_LINE, since=flushed, within_s=PATIENCE_S)
        began = [s.at for s in self._statements(flushed, ended) if is_availability_query(s)]
        if not began:
            raise NotSeen("no statement that reads the truth before the seed's line")
        return ended - began[-1], began[-1], ended

    def available(self) -> float:
        exchange = Operator(self.bench.server(), None).available()
        found = len(exchange.reply["mitra_ids"]) if exchange.ok else 0
        if found != self.size:
            raise NotSeen(f"{found} of {self.size} were found available: {str(exchange)[:200]}")
        return exchange.ended - exchange.started

    def beacon(self) -> float:
        self.bench.mirror.client.delete(SNAPSHOT)
        exchange = self.customer().beacon()
        if not exchange.ok or exchange.reply.get("count") != self.size:
            raise NotSeen(f"the beacon did not count {self.size}: {str(exchange)[:200]}")
        return exchange.ended - exchange.started

    def blast(self) -> tuple[float, float, float, float]:
        """Seconds of the payment, seconds of its rows, and the moments of its begin and its end."""
        customer = self.customer()
        chat = customer.create().reply["id"]
        paid = customer.pay(chat)
        if not paid.ok or paid.reply.get("offered") != self.size:
            raise NotSeen(f"the blast did not reach {self.size}: {str(paid)[:200]}")
        rows = [
            s
            for s in self._statements(paid.started, paid.ended)
            if writes(s, "chat_request_notifications") and s.committed_at
        ]
        self.bench.tables.connection.execute("TRUNCATE chat_request_notifications")
        written = max(s.committed_at or 0 for s in rows) - rows[0].at if rows else 0.0
        if rows and rows[-1].transaction is None:
            written = paid.ended - rows[0].at
        return paid.ended - paid.started, written, paid.started, paid.ended

    def unnest(self) -> float:
        """From the statement's line to the row that shows it; everybody has pinged since the seed."""
        look = "SELECT last_heartbeat_at IS NOT NULL FROM mitra_online_status WHERE mitra_id = %s"
        deadline = time.monotonic() + PATIENCE_S
        self._ping_by_hand()
        with connect_postgres(self.bench.stack.postgres.observer_url, f"{OURS}fleet") as connection:
            while time.monotonic() < deadline:
                connection.execute("UPDATE mitra_online_status SET last_heartbeat_at = NULL")
                connection.execute("VACUUM ANALYZE mitra_online_status")
                began = time.time()
                self._until(lambda: connection.execute(look, (self.ids[-1],)).fetchone() == (True,), "a mirrored ping")
                seen = time.time()
                batches = [s.at for s in self._statements(began, seen) if uses_unnest(s)]
                if batches:  # else it had begun before, and waited for us
                    return seen - batches[-1]
        raise NotSeen("no statement with UNNEST")

    def tick(self) -> float:
        """From a tick's look at the settings to its last command in Valkey."""
        looking = connect_valkey(self.bench.stack.valkey.url, f"{OURS}ticks")
        began = time.time()
        last, calls = 0.0, self._calls(looking)
        with looking:
            while time.time() - began < TICK_S + PATIENCE_S:
                time.sleep(LOOK_S)
                now = self._calls(looking)
                # One GET by itself is a look at the epoch.
                if sum((now.get(name, 0) - calls.get(name, 0)) for name in now if name != "get"):
                    last = time.time()
                calls = now
                if last and time.time() - last > QUIET_S:
                    ticks = [
                        s.at for s in self._statements(began, time.time()) if "app_config" in s.text and s.at <= last
                    ]
                    if ticks:
                        return last - ticks[-1]
                    last = 0.0
        raise NotSeen("no tick of the auto-offline sweep")

    def memory(self, empty_bytes: int) -> dict[str, Any]:
        used = self.bench.mirror.client.info("memory")["used_memory"] - empty_bytes
        rss = psutil.Process(self.bench.server().pid).memory_info().rss
        return {"valkey_bytes": used, "bytes_a_mitra": used / self.size, "server_rss": rss}

    # --- helpers -----------------------------------------------------------------------------------------------

    def customer(self) -> Customer:
        assert self._customer is not None
        return Customer.from_secret(self.bench.server(), self._customer)

    def _statements(self, since: float, until: float) -> list[Statement]:
        self.bench.statements.fence(self.bench.tables.connection, PATIENCE_S)
        return [s for s in self.bench.statements.window(since, until) if s.instance is not None]

    def _ping_by_hand(self) -> None:
        at = now_text()
        for some in chunks(self.ids):
            self.bench.mirror.client.mset({HEARTBEAT + id: at for id in some})

    def _calls(self, looking: redis.Redis) -> Mapping[str, int]:
        stats = looking.info("commandstats")
        found = {name.removeprefix("cmdstat_"): facts["calls"] for name, facts in stats.items()}
        return {name: calls for name, calls in found.items() if name not in ASIDE}

    def _until(self, seen: Callable[[], bool], what: str) -> None:
        deadline = time.monotonic() + PATIENCE_S
        while not seen():
            if time.monotonic() > deadline:
                raise NotSeen(f"{what} did not show within {PATIENCE_S:g} s")
            time.sleep(LOOK_S)


def median(measure: Callable[[], float], times: int) -> float:
    return statistics.median(measure() for _ in range(times))
