"""The ledger of a Postgres whose log we cannot read: the calls that its pg_stat_statements counted, by role."""

import re
from collections.abc import Callable, Collection, Mapping
from typing import NamedTuple

import psycopg
from psycopg import sql

from rig.observe.errors import CannotObserve
from rig.observe.postgres.classifier import is_driver
from rig.observe.postgres.fingerprint import template
from rig.observe.postgres.ledger import Entry, Key, LedgerBroken, Sum, add, entries_of

CONNECT_S = 5
PARAMETER = re.compile(r"\$\d+")
PLACE = (
    "SELECT n.nspname, string_to_array(e.extversion, '.')::int[] >= '{1,9}' FROM pg_extension e JOIN pg_namespace n ON n.oid = e.extnamespace"
    " WHERE e.extname = 'pg_stat_statements'"
)
STATE = "SELECT dealloc::text, stats_reset::text, pg_postmaster_start_time()::text FROM {}.pg_stat_statements_info"
COUNTS = (
    "SELECT s.userid::bigint, coalesce(r.rolname, 'dropped role ' || s.userid), s.queryid, s.query, s.calls"
    " FROM {}.pg_stat_statements s LEFT JOIN pg_roles r ON r.oid = s.userid"
    " WHERE s.toplevel AND s.dbid = (SELECT oid FROM pg_database WHERE datname = current_database())"
)


class Reading(NamedTuple):
    """One look at the view: what would make counts worthless if it changed, and the calls by role and query."""

    state: tuple[str, ...]  # evictions, last reset, start of the server: another one, and calls were lost
    calls: dict[tuple[int, int], int]  # (role's oid, query's id)
    named: dict[tuple[int, int], tuple[str, str]]  # role's name, text


class CountedLedger:
    """Of one database: what was executed to its end at top level, each call of a query of several counted.

    It records the *current* role: an instance must keep its login role (`SET role` would hide it). `roles` tells the
    instance of a role, `observers` are ours, as for StatementLog. A statement that failed does not count here, nor does
    one that still runs. The extension is made if it is not there. CannotObserve says what is missing.
    Its cost, measured as for the log: 5 µs of Postgres' CPU a statement, and 10 µs until its answer.
    """

    source = "pg_stat_statements"

    def __init__(
        self,
        url: str,
        roles: Mapping[str, str] | Callable[[str], str | None],
        observers: Collection[str],
        *,
        translate: Callable[[str], str | None] = lambda text: None,
    ) -> None:
        self._url = url
        self._instance_of = roles if callable(roles) else roles.get
        self._observers = frozenset(observers)
        self._translate = translate
        self._before: Reading | None = None
        with self._connect() as connection:
            self._place = require(connection)

    def begin(self) -> None:
        self._before = self._read()

    def end(self) -> list[Entry]:
        """LedgerBroken when statements were evicted or the counts reset in between, or Postgres was restarted."""
        assert self._before is not None, "begin first"
        after = self._read()
        if after.state != self._before.state:
            raise LedgerBroken(
                "pg_stat_statements lost counts in the window: (evicted, reset at, Postgres' start) went from"
                f" {self._before.state} to {after.state}; raise pg_stat_statements.max, and let nobody reset it"
            )
        sums: dict[Key, Sum] = {}
        for which, calls in after.calls.items():
            more = calls - self._before.calls.get(which, 0)
            if more > 0:
                role, text = after.named[which]
                add(sums, self._key(role, text), more, text)
        return entries_of(sums)

    def _key(self, role: str, text: str) -> Key:
        instance = self._instance_of(role)
        if role in self._observers:
            kind = "observer"
        elif instance is None:
            kind = "unknown"
        else:
            # A constant stands as a parameter here: `SELECT 1`, a driver's probe, as `SELECT $1`.
            written = PARAMETER.sub("1", self._translate(text) or text)
            kind = "driver" if is_driver(written) else "work"
        return Key(instance, role, kind, template(text))

    def _read(self) -> Reading:
        with self._connect() as connection:
            state = connection.execute(sql.SQL(STATE).format(self._place)).fetchone()
            rows = connection.execute(sql.SQL(COUNTS).format(self._place)).fetchall()
        assert state is not None, "it has one row"
        calls: dict[tuple[int, int], int] = {}
        named = {}
        for oid, role, query, text, number in rows:
            calls[oid, query] = calls.get((oid, query), 0) + number
            named[oid, query] = (role, text)
        return Reading(state, calls, named)

    def _connect(self) -> psycopg.Connection:
        return psycopg.connect(self._url, autocommit=True, connect_timeout=CONNECT_S, application_name="rig-observer")


def require(connection: psycopg.Connection) -> sql.Identifier:
    """The schema of the extension, made, loaded, tracking, and readable by us. CannotObserve if it is not so."""
    try:
        connection.execute("SET client_min_messages TO warning")  # that it is there already is no news
        connection.execute("CREATE EXTENSION IF NOT EXISTS pg_stat_statements")
    except psycopg.Error as error:
        raise CannotObserve(
            f"pg_stat_statements: it cannot be made here ({one_line(error)}); have an administrator install contrib and"
            " run CREATE EXTENSION pg_stat_statements in this database"
        ) from None
    row = connection.execute(PLACE).fetchone()
    assert row is not None, "it has been made"
    if not row[1]:
        raise CannotObserve("pg_stat_statements: older than 1.9; run ALTER EXTENSION pg_stat_statements UPDATE")
    place = sql.Identifier(row[0])
    try:
        connection.execute(sql.SQL(STATE).format(place))
    except psycopg.errors.ObjectNotInPrerequisiteState:
        raise CannotObserve(
            "pg_stat_statements: it is not loaded; add it to shared_preload_libraries and restart Postgres"
        ) from None
    track, utility, may_read = connection.execute(
        "SELECT current_setting('pg_stat_statements.track'), current_setting('pg_stat_statements.track_utility'),"
        " pg_has_role(current_user, 'pg_read_all_stats', 'USAGE')"
    ).fetchone()  # type: ignore[misc]
    if track == "none" or utility != "on":
        raise CannotObserve(
            f"pg_stat_statements: track = {track}, track_utility = {utility}; set pg_stat_statements.track = 'top' and"
            " pg_stat_statements.track_utility = on"
        )
    if not may_read:
        raise CannotObserve("pg_stat_statements: others' statements are hidden from us; GRANT pg_read_all_stats to us")
    return place


def one_line(error: Exception) -> str:
    return " ".join(str(error).split())
