"""The rig's marker in somebody else's service: nothing is written without it; one in use never gets it."""

import redis
from psycopg import sql

from rig.stack.errors import SpecError
from rig.stack.external.given import ask_postgres, check_urls, check_valkey, postgres, reached
from rig.stores.valkey import OURS, connect

MARK_TABLE = "rig_scratch"
MARK_KEY = "rig:scratch"
MARK_TEXT = "made by `rig mark`: whatever is in here may be emptied by the verification rig"


def postgres_is_marked(url: str) -> bool:
    with postgres(url) as connection:
        row = connection.execute("SELECT to_regclass(%s) IS NOT NULL", (MARK_TABLE,)).fetchone()
    return bool(row and row[0])


def valkey_is_marked(url: str) -> bool:
    """SpecError when it is not marked and holds keys: such a one is refused whatever the user says."""
    with reached(url) as connection:
        if connection.exists(MARK_KEY):
            return True
        used = keys_held(url, connection)
    if used:
        raise SpecError(f"the Valkey given is in use ({used}) and not marked: it is never touched")
    return False


def mark(postgres_url: str | None, valkey_url: str | None) -> list[str]:
    """Mark both, after looking at both; what was marked. SpecError when one cannot be used, or holds anything."""
    check_urls(postgres_url, valkey_url)
    if postgres_url:
        ask_postgres(postgres_url)
        check_postgres(postgres_url)
    if valkey_url:
        check_valkey(valkey_url)
        valkey_is_marked(valkey_url)
    done = []
    if postgres_url:
        with postgres(postgres_url) as connection:
            connection.execute(sql.SQL("CREATE TABLE IF NOT EXISTS {} (note text)").format(sql.Identifier(MARK_TABLE)))
            connection.execute(
                sql.SQL("COMMENT ON TABLE {} IS {}").format(sql.Identifier(MARK_TABLE), sql.Literal(MARK_TEXT))
            )
        done.append(f"Postgres: table {MARK_TABLE}")
    if valkey_url:
        mark_valkey(valkey_url)
        done.append(f"Valkey: key {MARK_KEY}")
    return done


def mark_valkey(url: str, *, even_if_used: bool = False) -> None:
    """Set the marker; `even_if_used` is for a run that found it there and may have flushed it."""
    if not even_if_used:
        valkey_is_marked(url)
    with reached(url) as connection:
        connection.set(MARK_KEY, MARK_TEXT)


def check_postgres(url: str) -> None:
    """SpecError when an unmarked database has a table with rows: it may be somebody's."""
    if postgres_is_marked(url):
        return
    with postgres(url) as connection:
        tables = connection.execute(
            "SELECT schemaname, tablename FROM pg_tables WHERE schemaname NOT IN ('pg_catalog', 'information_schema')"
        ).fetchall()
        for table in tables:
            if connection.execute(sql.SQL("SELECT 1 FROM {} LIMIT 1").format(sql.Identifier(*table))).fetchone():
                raise SpecError(
                    f"the database given holds rows (table {'.'.join(table)}):"
                    " mark an empty one, or empty it yourself first"
                )


def keys_held(url: str, connection: redis.Redis) -> str:
    """`db0: 12 keys` for each database of the server that holds any but a mark of ours; empty when none does."""
    held = []
    for name, facts in connection.info("keyspace").items():
        with connect(url, f"{OURS}stack", database=int(name.removeprefix("db"))) as there:
            others = facts["keys"] - there.exists(MARK_KEY)
        if others:
            held.append(f"{name}: {others} keys")
    return ", ".join(held)
