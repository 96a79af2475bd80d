"""The two stores of an audit: opened, checked, and guarded against a change while it runs."""

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any, cast

import psycopg
import redis
from psycopg import sql

from rig.fixtures.audit_queries import AuditQueries
from rig.observe.audit.mirror_reader import Emptied, MirrorReader, refused_commands
from rig.observe.audit.mitra_rows import MitraRows, native_id
from rig.observe.audit.pace import Pace, TooBusy
from rig.runs.audit.options import AuditOptions
from rig.stores import Unfit, Unreachable
from rig.stores.closing import Closing
from rig.stores.postgres import reached
from rig.stores.valkey import OURS, asked, connect, identity, numbers, one_line, why_no_primary

NAME = f"{OURS}audit"
VALKEY_TARGET_S, POSTGRES_TARGET_S = 0.005, 0.05
VALKEY_ITEM_S = 3e-6  # several times what a key or a command of a pipeline needs on a slow machine
POSTGRES_SHARE = 0.25  # of the time of one connection
PINGS = 5
TOGGLES_COST_MAX = 1000.0  # of the planner, for one mitra: beyond it no index finds her toggles
TIMEOUT_S = 5.0
DEFAULTS = {"max_customers_per_mitra": 3, "stale_after_seconds": 90}
EMPTYING = ("cmdstat_flushdb", "cmdstat_flushall", "cmdstat_swapdb")
NOW = sql.SQL("SELECT extract(epoch FROM clock_timestamp())::float8")
GRANTS = "`rig audit --grants` prints what an audit needs"
HINT = "does it speak TLS at all?", "if it speaks TLS, write rediss://"


class CannotTell(Exception):
    """Nothing is said about drift (exit 2): one line that says why."""


@dataclass(frozen=True)
class ValkeyNow:
    """What a Valkey tells of itself at one moment."""

    info: Mapping[str, Any]
    emptied: int | None  # how often it was emptied since its start; None where it does not tell

    @property
    def run_id(self) -> str:
        return str(self.info.get("run_id", ""))

    @property
    def named(self) -> str:
        return " ".join(identity(self.info)[:2])


@dataclass
class Stores(Closing):
    """Both stores. `native` makes an id of the type of the column of ids."""

    reader: MirrorReader
    rows: MitraRows
    queries: AuditQueries
    valkey: ValkeyNow
    postgres: str  # its version
    postgres_identity: str
    native: Callable[[str], object]
    stale_s: float
    chats_max: int
    ahead_s: float  # the clock of Postgres before ours
    ask_valkey: Callable[[], ValkeyNow]

    def refuse_changed(self) -> None:
        """CannotTell if Valkey is another process, has another role, or was emptied since the audit began."""
        before, now = self.valkey, self.ask_valkey()
        if why := why_no_primary(now.info):
            raise CannotTell(f"the Valkey changed during the audit: {why}")
        if now.run_id != before.run_id:
            raise CannotTell("the Valkey was restarted or replaced during the audit: run it again")
        if now.emptied != before.emptied:
            raise CannotTell("the Valkey was emptied during the audit (FLUSHDB, FLUSHALL or SWAPDB): run it again")

    def time(self) -> float:
        """Epoch seconds by the clock of Postgres, as it was compared with ours at the begin."""
        return time.time() + self.ahead_s

    def chats(self) -> int | None:
        """How many chats were ever inserted; None where the statistics do not tell."""
        ((count,),) = self.rows.query(self.queries.chats())
        return None if count is None else int(count)

    def close(self) -> None:
        self.reader.close()
        self.rows.close()


def open_stores(options: AuditOptions) -> Stores:
    """Both stores, checked. Unfit and Unreachable in one line; an error in the middle as `told` knows it."""
    client = connect(options.valkey, NAME, timeout_s=TIMEOUT_S, encoding_errors="surrogateescape")
    try:
        valkey = asked(
            lambda: valkey_now(client), HINT[0] if options.valkey.startswith(("rediss", "valkeys")) else HINT[1]
        )
        if why := why_no_primary(valkey.info):
            raise Unfit(f"the Valkey given cannot be used: {why}")
        refused = asked(lambda: refused_commands(client))
        refuse_blind(refused)
        pace = Pace("Valkey", VALKEY_TARGET_S, options.share, item_s=VALKEY_ITEM_S)
        reader = MirrorReader(client, pace, refused)
        rows = open_postgres(options.postgres)
    except BaseException:
        client.close()
        raise
    try:
        pace.floor_s = asked(lambda: least_round_trip(reader))
        return completed(options, reader, rows, valkey, lambda: valkey_now(client))
    except (
        psycopg.errors.InsufficientPrivilege,
        psycopg.errors.UndefinedTable,
        psycopg.errors.UndefinedColumn,
    ) as error:
        client.close()
        rows.close()
        raise Unfit(str(told(error))) from None
    except BaseException:
        client.close()
        rows.close()
        raise


def completed(
    options: AuditOptions, reader: MirrorReader, rows: MitraRows, valkey: ValkeyNow, ask: Callable[[], ValkeyNow]
) -> Stores:
    """What is known only once Postgres was asked: how to read its tables, and the settings that the audit needs."""
    queries = chosen_queries(rows, AuditQueries(options.schema))
    found = dict(rows.query(queries.settings(), {"keys": list(DEFAULTS)}))
    numbers_of = {key: found[key] if isinstance(found.get(key), int) else default for key, default in DEFAULTS.items()}
    example = rows.first_ids(queries.one_id())
    ((now,),) = rows.query(NOW)
    ((known,),) = rows.query(queries.identity())
    return Stores(
        reader=reader, rows=rows, queries=queries, valkey=valkey, postgres=f"Postgres {rows.version}", postgres_identity=known,
        native=native_id(example[0] if example else ""), stale_s=float(numbers_of["stale_after_seconds"]),
        chats_max=int(numbers_of["max_customers_per_mitra"]), ahead_s=float(now) - time.time(), ask_valkey=ask,
    )  # fmt: skip


def open_postgres(url: str) -> MitraRows:
    connection = reached(url, NAME)
    try:
        row = connection.execute("SELECT pg_is_in_recovery()").fetchone()
        if row and row[0]:
            raise Unfit(
                "the Postgres given cannot be used: it is a standby, whose rows may be older than the mirror:"
                " give the address of its primary"
            )
        return MitraRows(connection, Pace("Postgres", POSTGRES_TARGET_S, POSTGRES_SHARE))
    except BaseException:
        connection.close()
        raise


def chosen_queries(rows: MitraRows, queries: AuditQueries) -> AuditQueries:
    """The cheapest way to read this schema, by the planner's estimates."""
    page = {"limit": 100, "after": None}
    both = [replace(queries, grouped=grouped) for grouped in (False, True)]
    best = min(both, key=lambda one: rows.explained(one.page(first=True), page)[0])
    one = {"ids": rows.first_ids(best.one_id())}
    if not one["ids"]:
        return best
    cost, _ = rows.explained(best.rows(), one)
    without, _ = rows.explained(replace(best, toggles=False).rows(), one)
    return replace(best, toggles=cost - without <= TOGGLES_COST_MAX)


def valkey_now(client: redis.Redis) -> ValkeyNow:
    """redis.RedisError. INFO is the one command without which nothing can be told."""
    info = cast(Mapping[str, Any], client.info())
    try:
        stats = cast(Mapping[str, Any], client.info("commandstats"))
    except redis.ResponseError:
        return ValkeyNow(info, None)
    return ValkeyNow(
        info, sum(stats[name]["calls"] - stats[name].get("rejected_calls", 0) for name in EMPTYING if name in stats)
    )


def least_round_trip(reader: MirrorReader) -> float:
    """The least time of a few requests that need next to nothing of Valkey (DBSIZE), in seconds."""
    took = []
    for _ in range(PINGS):
        before = reader.pace.total_s
        reader.send([])
        took.append(reader.pace.total_s - before)
    return min(took)


def refuse_blind(refused: frozenset[str]) -> None:
    """Unfit for a store that refuses what nothing can be compared without."""
    for one, other in (("SMISMEMBER", "SISMEMBER"), ("MGET", "GET")):
        if {one, other} <= refused:
            raise Unfit(f"the Valkey given cannot be used: it refuses both {one} and {other} to us: {GRANTS}")


def unjudged(refused: frozenset[str]) -> list[str]:
    """What cannot be judged without the commands that the store refuses, one line each."""
    lost = {
        "SCAN": "keys without a mitra (foreign keys, orphans and wrong types of unknown ids)",
        "SSCAN": "ids in the sets that Postgres does not have",
        "PTTL": "keys that expire",
    }
    return [f"the Valkey refuses {name}: {told} are not looked for" for name, told in lost.items() if name in refused]


def old_version(valkey: ValkeyNow) -> list[str]:
    """A warning for a version for which no server of the contract is made."""
    kind, version, least = identity(valkey.info)
    wanted = ".".join(map(str, least))
    return [f"{kind} {version} is older than {wanted}, which the mirror needs"] if numbers(version) < least else []


def told(error: Exception) -> CannotTell | None:
    """The one line for an error that ends an audit in the middle; None for a defect of the rig."""
    if isinstance(error, Emptied | TooBusy | Unreachable):
        return CannotTell(str(error))
    if isinstance(error, redis.ConnectionError | redis.TimeoutError):
        return CannotTell(f"the Valkey went away during the audit: {one_line(error)}")
    if isinstance(error, redis.RedisError):
        return CannotTell(f"the Valkey refused a command during the audit: {one_line(error)}: {GRANTS}")
    if isinstance(error, psycopg.errors.QueryCanceled):
        return CannotTell("Postgres did not finish a small statement in time: try again when it has less to do")
    if isinstance(error, psycopg.errors.InsufficientPrivilege):
        return CannotTell(f"Postgres refuses to let us read: {one_line(error)}: {GRANTS}")
    if isinstance(error, psycopg.errors.UndefinedTable | psycopg.errors.UndefinedColumn):
        return CannotTell(f"{first_line(error)}: name the tables by --schema FILE")
    if isinstance(error, psycopg.Error):
        return CannotTell(f"Postgres went away during the audit: {first_line(error)}")
    return None


def first_line(error: Exception) -> str:
    return str(error).partition("\n")[0].strip() or type(error).__name__
