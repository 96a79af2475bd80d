"""Postgres' table counters: a second count of statements that does not depend on the log or on roles."""

from collections.abc import Iterable, Mapping

import psycopg

CONNECT_S = 5
COUNTERS = ("seq_scan", "idx_scan", "n_tup_ins", "n_tup_upd", "n_tup_del")
# A backend hands its counts in when it goes idle, at most once a second, and 10 s after it went idle at the latest
# (PGSTAT_MIN_INTERVAL, PGSTAT_IDLE_INTERVAL).
SETTLED_S = 11.0

Readings = dict[str, dict[str, int]]

READ = """
SELECT named.contract, coalesce(seq_scan, 0), coalesce(idx_scan, 0), n_tup_ins, n_tup_upd, n_tup_del
FROM unnest(%s::text[], %s::text[]) AS named (contract, theirs)
JOIN pg_catalog.pg_stat_user_tables s ON s.relid = to_regclass(named.theirs)
"""


class TableCounters:
    """Reads `pg_stat_user_tables`, by a connection of its own for each reading, and touches none of the tables.

    Read at least SETTLED_S after the last statement of anybody, and sample nothing of these tables in the window: a
    count may be that late, and the observer's own reads move it. Autovacuum must be off (it scans, too). The counters
    are of the whole database, so two arms that are compared need a cluster each. Rows undone by a rollback count as
    inserted, updated, deleted; a foreign key's check counts as an index scan of the table referred to; a planner that
    looks for an extreme value of an index may count one as well.
    `tables`: the contract's name → the database's, where it has another (`app.counselors`).
    """

    def __init__(self, url: str, tables: Iterable[str], names: Mapping[str, str] | None = None) -> None:
        self._url = url
        self._names = {table: (names or {}).get(table, table) for table in tables}

    def read(self) -> Readings:
        """`{table: {counter: value}}` by the contract's names; a table that is not there is left out."""
        with psycopg.connect(
            self._url, autocommit=True, connect_timeout=CONNECT_S, application_name="rig-observer"
        ) as connection:
            theirs = [quoted(name) for name in self._names.values()]
            rows = connection.execute(READ, (list(self._names), theirs)).fetchall()
        return {table: dict(zip(COUNTERS, counts, strict=True)) for table, *counts in rows}


def moved(before: Readings, after: Readings) -> Readings:
    """Differences that are not 0, by table; a table that was made in between counts from 0."""
    by_table = {}
    for table, counts in after.items():
        earlier = before.get(table, {})
        differences = {name: value - earlier.get(name, 0) for name, value in counts.items()}
        if any(differences.values()):
            by_table[table] = {name: value for name, value in differences.items() if value}
    return by_table


def quoted(name: str) -> str:
    """`app.counselors` as `"app"."counselors"`: a name is meant as it is written, capitals too."""
    return ".".join('"' + part.replace('"', '""') + '"' for part in name.split("."))
