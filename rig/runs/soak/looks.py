"""What is sampled of the two stores and of the instances. Each look returns values by series; errors come through."""

import re
import time
from collections.abc import Mapping
from typing import Any

import httpx
import psutil

from rig.contract import CAPACITY, DEACTIVATED, HEARTBEAT, ONLINE, SNAPSHOT
from rig.environment.testbed import Testbed
from rig.stack.http import http_client
from rig.stores.valkey import OURS

MB = 1e6
OWN_KEYS = "mirror:"
LAG = re.compile(r"^\w*event_?loop_lag_seconds(?:\{[^}]*\})? (\S+)$", re.MULTILINE)
SCRAPE_S = 0.5

ACTIVITY = """
SELECT count(*) FROM pg_stat_activity
WHERE backend_type = 'client backend' AND datname = current_database() AND application_name NOT LIKE %s
"""
DATABASE = """
SELECT xact_commit + xact_rollback AS transactions,
  CASE WHEN pg_is_in_recovery() THEN 0 ELSE pg_wal_lsn_diff(pg_current_wal_lsn(), '0/0')::float8 END AS wal,
  extract(epoch FROM pg_postmaster_start_time())::float8 AS started, current_setting('max_connections')::int AS most
FROM pg_stat_database WHERE datname = current_database()
"""
TABLES = """
SELECT coalesce(sum(n_dead_tup), 0)::float8 AS dead, coalesce(sum(n_live_tup), 0)::float8 AS live,
  coalesce(sum(pg_total_relation_size(relid)), 0)::float8 AS size
FROM pg_stat_user_tables
"""


class Rates:
    """Turns counters into rates per minute, or per second."""

    def __init__(self) -> None:
        self._before: dict[str, tuple[float, float]] = {}

    def per_min(self, name: str, count: float) -> dict[str, float]:
        """The rate since the last call; empty for the first one, and when the counter was set back."""
        now = time.monotonic()
        before, self._before[name] = self._before.get(name), (now, count)
        if before is None or count < before[1] or now <= before[0]:
            return {}
        return {name: round(60 * (count - before[1]) / (now - before[0]), 3)}


class ValkeyLook:
    """`run_id` is that of the last look: another one means a restart, or another store."""

    def __init__(self, testbed: Testbed, rates: Rates) -> None:
        self._testbed, self._rates = testbed, rates
        self.run_id = ""

    def read(self) -> dict[str, float]:
        info: Mapping[str, Any] = self._testbed.mirror.client.info("everything")
        self.run_id = info["run_id"]
        backlog = float(info.get("mem_replication_backlog", 0))
        clients = float(info.get("mem_clients_normal", 0)) + float(info.get("mem_clients_slaves", 0))
        used, resident = float(info["used_memory"]), float(info["used_memory_rss"])
        errors = sum(int(one["count"]) for name, one in info.items() if name.startswith("errorstat_"))
        return {
            "valkey.used_mb": (used - backlog - clients) / MB,
            "valkey.dataset_mb": float(info["used_memory_dataset"]) / MB,
            "valkey.backlog_mb": backlog / MB,
            "valkey.fragmentation_mb": max(0.0, resident - used) / MB,
            "valkey.connections": float(info["connected_clients"]),
            **self._rates.per_min("valkey.evicted_per_min", float(info["evicted_keys"])),
            **self._rates.per_min("valkey.expired_per_min", float(info["expired_keys"])),
            **self._rates.per_min("valkey.errors_per_min", float(errors)),
        }

    def keys(self) -> dict[str, float]:
        """How many keys there are, by whether the contract, the server or nobody explains them."""
        keys = self._testbed.mirror.keys()
        # After the keys: a mitra has her row before she has a key.
        mitras = set(self._testbed.tables.query("SELECT id::text FROM mitras").column)
        own = sum(key.startswith(OWN_KEYS) for key in keys)
        unexplained = sum(not key.startswith(OWN_KEYS) and not of_contract(key, mitras) for key in keys)
        return {"valkey.keys": len(keys), "valkey.keys_own": own, "valkey.keys_unexplained": unexplained}


def of_contract(key: str, mitras: set[str]) -> bool:
    """Whether the contract names this key; that of a mitra only if she has a row."""
    if key in (ONLINE, DEACTIVATED, SNAPSHOT):
        return True
    prefix = next((one for one in (CAPACITY, HEARTBEAT) if key.startswith(one)), None)
    return prefix is not None and key.removeprefix(prefix) in mitras


class PostgresLook:
    """`started` is when the Postgres of the last look was started; `most` is its limit of connections."""

    def __init__(self, testbed: Testbed, rates: Rates) -> None:
        self._testbed, self._rates = testbed, rates
        self.started = 0.0
        self.most = 0

    def read(self) -> dict[str, float]:
        tables = self._testbed.tables
        (database,) = tables.query(DATABASE).dicts()
        (sizes,) = tables.query(TABLES).dicts()
        self.started, self.most = database["started"], database["most"]
        return {
            "postgres.connections": float(tables.query(ACTIVITY, (f"{OURS}%",)).value),
            "postgres.dead_rows": sizes["dead"],
            "postgres.size_mb": sizes["size"] / MB,
            **({"postgres.bytes_per_row": round(sizes["size"] / sizes["live"], 1)} if sizes["live"] else {}),
            **self._rates.per_min("postgres.transactions_per_min", float(database["transactions"])),
            **self._rates.per_min("postgres.wal_mb_per_min", database["wal"] / MB),
        }


class InstanceLook:
    """Processes of the instances as the system shows them, and the delay of the event loop where `/metrics` tells it."""

    def __init__(self, testbed: Testbed) -> None:
        self._testbed = testbed
        self._client = http_client(SCRAPE_S)
        self.pids: dict[str, int] = {}  # of the last look, by instance

    def read(self) -> dict[str, float]:
        values: dict[str, float] = {}
        for name, server in list(self._testbed.servers.items()):
            if not server.running or server.pid is None:
                continue
            try:
                values |= of_process(name, psutil.Process(server.pid))
            except psutil.Error:
                continue  # it has just ended
            self.pids[name] = server.pid
            values |= self._loop_lag(name, server.internal_url)
        return values | {"rig.rss_mb": psutil.Process().memory_info().rss / MB}

    def _loop_lag(self, name: str, url: str) -> dict[str, float]:
        try:
            found = LAG.search(self._client.get(f"{url}/metrics").text)
        except httpx.HTTPError:
            return {}
        return {f"{name}.loop_lag_ms": float(found[1]) * 1000} if found else {}

    def close(self) -> None:
        self._client.close()


def of_process(name: str, root: psutil.Process) -> dict[str, float]:
    """Memory, descriptors and threads of an instance with its children."""
    tree = [root, *root.children(recursive=True)]
    return {
        f"{name}.rss_mb": round(sum(one.memory_info().rss for one in tree) / MB, 2),
        f"{name}.descriptors": float(sum(one.num_fds() for one in tree)),
        f"{name}.threads": float(sum(one.num_threads() for one in tree)),
    }
