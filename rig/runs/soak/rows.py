"""How many rows each table has, and how many of them no request of the workload explains."""

from collections.abc import Iterable

from psycopg import sql

from rig.environment.testbed import Testbed
from rig.fixtures.schema import CONTRACT_TABLES
from rig.traffic.churn.lives import World

OTHERS = """
SELECT c.oid::regclass::text FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE c.relkind IN ('r', 'p') AND NOT c.relispartition AND n.nspname NOT IN ('pg_catalog', 'information_schema')
  AND n.nspname NOT LIKE 'pg_toast%%' AND c.oid <> ALL (
    SELECT to_regclass(named) FROM unnest(%s::text[]) AS named WHERE to_regclass(named) IS NOT NULL)
"""
# Rows of one mitra must alternate; the first one comes after she was offline.
WITHOUT_CAUSE = """
SELECT count(*) FROM (
  SELECT status, lag(status, 1, 'offline') OVER (PARTITION BY mitra_id ORDER BY id) AS before FROM mitra_online_logs
) AS changes WHERE status = before
"""
ONLINE_ROWS = "SELECT count(*) FROM mitra_online_logs WHERE status = 'online'"
OF_THE_RIG = "rig"  # tables and schemas of the rig begin with it


class Rows:
    """Counts rows. What the workload explains is counted in the process that sends it, so a new part needs empty tables."""

    def __init__(self, testbed: Testbed, world: World) -> None:
        self._testbed, self._world = testbed, world
        self._others = [
            name for name in self._other_tables() if not name.removeprefix("public.").startswith(OF_THE_RIG)
        ]

    def _other_tables(self) -> list[str]:
        named = [self._testbed.fixtures.schema.table_name(table) for table in CONTRACT_TABLES]
        return list(self._testbed.tables.query(OTHERS, (named,)).column)

    def read(self) -> dict[str, float]:
        """Rows are counted first: each of them is of a request that had been counted when it was sent."""
        tables = self._testbed.tables
        rows = {table: float(tables.query(counting(table)).value) for table in CONTRACT_TABLES}
        online = float(tables.query(ONLINE_ROWS).value)
        without_cause = float(tables.query(WITHOUT_CAUSE).value)
        explained = self.explained(rows)
        causes = self._world.tally.may_have().get("online", 0)
        return {
            "mitras": rows["mitras"],
            "chats": rows["chat_sessions"],
            **{f"rows.{table}.unexplained": max(0.0, rows[table] - explained[table]) for table in explained},
            "audit.without_cause": without_cause + max(0.0, online - causes),
            **{f"rows.{name}.other": float(tables.query(counting(name)).value) for name in self._others},
        }

    def explained(self, rows: dict[str, float]) -> dict[str, float]:
        """The most rows that each table can have, by what was sent."""
        world, may_have = self._world, self._world.tally.may_have()
        signed_in = may_have.get("sign in", 0) + may_have.get("refresh", 0)
        return {
            "mitras": world.inserted,
            "mitra_online_status": rows["mitras"],
            "customers": world.customers,
            "chat_sessions": may_have.get("create", 0),
            "chat_request_notifications": world.tally.offers(world.inserted),
            "auth_sessions": signed_in,
            "app_config": len(SETTINGS),
        }


SETTINGS = ("max_customers_per_mitra", "stale_after_seconds")


def counting(table: str) -> str:
    """A query for the number of rows; the name may have a schema, and is quoted where it needs to be."""
    parts: Iterable[str] = table.replace('"', "").split(".")
    return sql.SQL("SELECT count(*) FROM {}").format(sql.Identifier(*parts)).as_string(None)
