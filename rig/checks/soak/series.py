"""The series of a soak: how much each may rise, and which must stay at a value. Each is judged by one item."""

from dataclasses import dataclass
from fnmatch import fnmatchcase

RIG_LAG = "rig.lag_ms"  # judged by no item: if it rises, a rise of the latency says nothing
# What a series belongs to. Its values start anew when that is restarted, and no trend is looked for across it.
INSTANCE, SERVERS, VALKEY, POSTGRES, RUN = "instance", "servers", "valkey", "postgres", "run"


@dataclass(frozen=True)
class Growing:
    """A series that may vary, and must not rise without end.

    `pattern` is its name, with `*` for an instance, a table or an action. `headroom` is how much it may rise above its first
    block before something breaks. A rise below `grain` in the whole run is too small to matter.
    """

    pattern: str
    item: str
    title: str
    unit: str
    scope: str
    headroom: float
    grain: float
    why: str  # why the headroom is this


@dataclass(frozen=True)
class Bounded:
    """A series that must not exceed `most` in `times` samples in a row, however short the run is."""

    pattern: str
    item: str
    title: str
    unit: str
    most: float
    times: int = 1


GROWING = (
    Growing("valkey.used_mb", "SOAK-01", "memory used, without backlog and client buffers", "MB", VALKEY, 512, 2, "a small Valkey has 1 GB"),
    Growing("valkey.dataset_mb", "SOAK-01", "data set", "MB", VALKEY, 512, 2, "a small Valkey has 1 GB"),
    Growing("valkey.fragmentation_mb", "SOAK-01", "memory lost by fragmentation", "MB", VALKEY, 512, 16, "a small Valkey has 1 GB"),
    Growing("*.rss_mb", "SOAK-02", "memory of an instance", "MB", INSTANCE, 512, 8, "a small container has 1 GB"),
    Growing("*.descriptors", "SOAK-03", "open descriptors of an instance", "", INSTANCE, 900, 8, "the usual limit is 1024"),
    Growing("*.threads", "SOAK-03", "threads of an instance", "", INSTANCE, 200, 4, "each takes memory and a slot of the scheduler"),
    Growing("postgres.connections", "SOAK-04", "connections of the servers to Postgres", "", SERVERS, 80, 3, "the usual limit is 100"),
    Growing("valkey.connections", "SOAK-04", "connections to Valkey", "", SERVERS, 9000, 4, "the usual limit is 10,000"),
    Growing("rows.*.other", "SOAK-05", "rows of a table that the contract does not name", "rows", RUN, 1_000_000, 500, "a table that is never emptied"),
    Growing("valkey.keys_own", "SOAK-06", "keys of the server's own, under mirror:", "keys", VALKEY, 100_000, 50, "each takes about 100 bytes"),
    Growing(RIG_LAG, "", "delay of the rig itself", "ms", RUN, 1000, 20, "it shows that the machine is busy with something else"),
    Growing("*.ms", "SOAK-07", "median latency", "ms", INSTANCE, 1000, 15, "an answer has 5 s"),
    Growing("*.p99_ms", "SOAK-07", "latency, p99", "ms", INSTANCE, 3000, 150, "an answer has 5 s"),
    Growing("*.loop_lag_ms", "SOAK-07", "delay of the event loop", "ms", INSTANCE, 1000, 20, "an answer has 5 s"),
    Growing("valkey.errors_per_min", "SOAK-09", "error replies of Valkey", "1/min", RUN, 600, 5, "ten per second hide any other error"),
    Growing("postgres.transactions_per_min", "SOAK-11", "transactions of the servers", "1/min", RUN, 60_000, 60, "1000 per second keep a core busy"),
    Growing("postgres.wal_mb_per_min", "SOAK-11", "write-ahead log", "MB/min", RUN, 300, 2, "5 MB per second wear a small disk out"),
    Growing("postgres.bytes_per_row", "SOAK-12", "size of tables and indexes per row", "bytes", POSTGRES, 20_000, 500, "a row takes about 200 bytes"),
    Growing("postgres.dead_rows", "SOAK-12", "dead rows", "rows", POSTGRES, 1_000_000, 5000, "autovacuum removes them"),
)  # fmt: skip

BOUNDED = (
    Bounded("rows.*.unexplained", "SOAK-05", "rows that no request of the workload explains", "rows", 0),
    Bounded("valkey.keys_unexplained", "SOAK-06", "keys that are neither the contract's nor under mirror:", "keys", 0),
    Bounded("drift.open", "SOAK-08", "differences between mirror and truth that stayed for over 1 s", "", 0, 2),
    Bounded("valkey.evicted_per_min", "SOAK-09", "evicted keys", "1/min", 0),
    Bounded("audit.without_cause", "SOAK-10", "rows of mitra_online_logs without a cause", "rows", 0),
    Bounded("requests.failed_per_min", "SOAK-13", "requests without an answer, or with a 5xx", "1/min", 0),
)

# Shown in the report, and judged by nothing: it changes with the workload.
SHOWN = {
    "mitras": "", "chats": "", "valkey.expired_per_min": "1/min", "valkey.keys": "keys", "requests_per_s": "1/s",
    "valkey.backlog_mb": "MB", "postgres.size_mb": "MB", "drift.oldest_s": "s", "rig.rss_mb": "MB",
}  # fmt: skip


def growing(name: str) -> Growing | None:
    """How this series is judged by its trend; None if it is not."""
    if name in SHOWN:
        return None
    return next((one for one in GROWING if fnmatchcase(name, one.pattern)), None)


def bounded(name: str) -> Bounded | None:
    """How this series is judged by its values; None if it is not."""
    return next((one for one in BOUNDED if fnmatchcase(name, one.pattern)), None)


def scope_of(name: str, kind: str) -> frozenset[str]:
    """The scopes of the events that separate this series into segments; an instance's series begins with its name."""
    own = {INSTANCE: {name.partition(".")[0]}, SERVERS: {SERVERS, VALKEY, POSTGRES}, RUN: set[str]()}
    return frozenset({RUN, *own.get(kind, {kind})})


def unit_of(name: str) -> str:
    """The unit in which this series is shown."""
    one = growing(name) or bounded(name)
    return one.unit if one else SHOWN.get(name, "")
