"""A Postgres, asked once what it is and what it lets us see and do; all of the rig goes by the answers."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import psycopg

from rig import caller
from rig.stores.lacks import Lacks, Unfit, Unreachable
from rig.stores.valkey import OURS, one_line

CONNECT_S = 5
VERSION_MIN = 14
PROBES = 4
POOLING = (
    "it is behind a pooler (PgBouncer or the like) in transaction mode, where LISTEN, locks and settings of a session are"
    " lost: use its session mode, or Postgres itself"
)
# It answered, but not for ever: not the URL's fault.
PASSING = ("starting up", "shutting down", "too many", "remaining connection slots", "not yet accepting", "no more")
LOG_SETTINGS = {"log_destination": "jsonlog", "log_statement": "all", "log_timezone": "UTC"}
IN_UTC = ("UTC", "Etc/UTC", "GMT")
ASK = """
SELECT current_database(), current_user, rolsuper, rolcreaterole OR rolsuper, pg_is_in_recovery(),
    current_setting('transaction_read_only') = 'on', current_setting('pg_stat_statements.track', true) IS NOT NULL
FROM pg_roles WHERE rolname = current_user
"""


@dataclass(frozen=True)
class PostgresFacts:
    """What it is, who we are there, and for each thing that is lacking, why."""

    version: str
    database: str
    login: str
    superuser: bool
    pooled: bool  # a pooler stands before it, in session mode
    lacking: Mapping[str, str] = field(default_factory=dict)

    @property
    def named(self) -> str:
        return f"Postgres {self.version}" + (" (behind a pooler)" if self.pooled else "")

    def can(self, ability: str) -> bool:
        return ability not in self.lacking

    def require(self, *abilities: str) -> None:
        """Lacks names the first that is not there."""
        for ability in abilities:
            if ability in self.lacking:
                raise Lacks(f"{ability}: {self.lacking[ability]}")

    def without(self, ability: str, why: str) -> "PostgresFacts":
        """The same, but for one thing that turned out to be lacking."""
        return replace(self, lacking={**self.lacking, ability: why})

    def plain(self) -> dict[str, Any]:
        return {"kind": "Postgres", "version": self.version, "pooled": self.pooled, "lacks": dict(self.lacking)}


def connect(url: str, name: str, *, settings: Mapping[str, str | int] | None = None) -> psycopg.Connection[Any]:
    """A connection in autocommit under the rig's own name; psycopg.OperationalError.

    Settings are set once it is there: a pooler takes none with the greeting.
    """
    connection = psycopg.connect(url, autocommit=True, connect_timeout=CONNECT_S, application_name=name)
    try:
        for setting, value in (settings or {}).items():
            connection.execute("SELECT set_config(%s, %s, false)", (setting, str(value)))
    except BaseException:
        connection.close()
        raise
    return connection


def reached(url: str, name: str = f"{OURS}stack") -> psycopg.Connection[Any]:
    """A connection under that name; Unfit or Unreachable in one line."""
    try:
        return connect(url, name)
    except psycopg.Error as error:
        said = one_line(error)
        names = caller.unused()
        told = f"{said} ({', '.join(names)} in your environment not used: the URL decides)" if names else said
        refused = "FATAL" in said or "ERROR" in said or "SSL" in said or "certificate" in said
        if refused and not any(word in said for word in PASSING):
            raise Unfit(f"the Postgres given cannot be used: {told}") from None
        raise Unreachable(f"the Postgres given cannot be reached: {told}") from None


def ask(url: str, *, with_log: bool = False) -> PostgresFacts:
    """What answers at this URL. `with_log`: its log files can be read by us. Unfit, Unreachable."""
    with reached(url) as connection:
        version = connection.info.server_version
        told = connection.info.parameter_status("server_version") or f"{version // 10000}.{version % 10000}"
        if version // 10000 < VERSION_MIN:
            raise unfit(f"Postgres {version // 10000}.{version % 10000} is too old: {VERSION_MIN} at least")
        pooled = is_pooled(connection)
        if pooled:
            refuse_shared_sessions(url)
        row = connection.execute(ASK).fetchone()
        assert row is not None, "the current user is always in pg_roles"
        database, login, superuser, makes_roles, standby, read_only, counted = row
        if standby:
            raise unfit("it is a standby, and the server writes: give the address of its primary")
        if read_only:
            raise unfit("its transactions are read only (default_transaction_read_only), and the server writes")
        lacking = {}
        if why := why_no_log(connection, with_log):
            lacking["statement log"] = why
        if not makes_roles:
            lacking["login roles"] = f"{login} may not make roles (CREATEROLE): whose statement is whose cannot be told"
        if not superuser:
            lacking["superuser"] = f"{login} is none"
        if not counted:
            lacking["pg_stat_statements"] = "it is not loaded (shared_preload_libraries): statements cannot be counted"
    return PostgresFacts(told.split()[0], database, login, superuser, pooled, lacking)


def unfit(why: str) -> Unfit:
    return Unfit(f"the Postgres given cannot be used: {why}")


def why_no_log(connection: psycopg.Connection[Any], with_log: bool) -> str | None:
    """Why statements cannot be counted by the log; None when they can."""
    if not with_log:
        return "this Postgres' jsonlog cannot be read; give its directory (--postgres-log DIR)"
    if connection.info.server_version < 150000:
        return "Postgres has jsonlog from version 15 on"
    for name, wanted in LOG_SETTINGS.items():
        found = connection.execute("SELECT current_setting(%s)", (name,)).fetchone()
        value = found[0] if found else ""
        there = value in IN_UTC if name == "log_timezone" else wanted in value.split(",")
        if not there:
            return f"Postgres has {name} = {value!r}: set {name} = '{wanted}'"
    return None


def is_pooled(connection: psycopg.Connection[Any]) -> bool:
    """A pooler tells a process id of its own."""
    row = connection.execute("SELECT pg_backend_pid()").fetchone()
    return row is not None and row[0] != connection.info.backend_pid


def refuse_shared_sessions(url: str) -> None:
    """Unfit where a session does not stay with its client: of two, one is in a transaction, the other must not change."""
    try:
        with reached(url) as one, reached(url) as other:
            for _ in range(PROBES):  # a pooler has several sessions, and may hand out any of them
                before = backend_of(one)
                with other.transaction():
                    between, after = backend_of(other), backend_of(one)
                if before == between or before != after:
                    raise unfit(POOLING)
    except psycopg.Error as error:  # statements of one transaction on two sessions, or none at all
        raise unfit(f"{POOLING} ({one_line(error)})") from None


def backend_of(connection: psycopg.Connection[Any]) -> int:
    row = connection.execute("SELECT pg_backend_pid()").fetchone()
    assert row is not None, "a function's value"
    return int(row[0])
