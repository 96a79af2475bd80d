"""The least rights that an audit needs: SQL for a role of Postgres, and a line for a user of Valkey."""

from psycopg import sql

from rig.contract import CAPACITY, DEACTIVATED, HEARTBEAT, ONLINE, SNAPSHOT
from rig.fixtures import Schema
from rig.fixtures.audit_queries import READ, VERSIONED
from rig.observe.audit.mirror_reader import PROBES

ROLE, USER = "rig_audit", "rig-audit"
# GET and SISMEMBER stand in for MGET and SMISMEMBER where those are refused, GET also looks at single keys.
NEEDED = sorted({*PROBES, "INFO", "PING", "CLIENT|SETNAME"})
PATTERNS = (ONLINE, DEACTIVATED, f"{CAPACITY}*", f"{HEARTBEAT}*", SNAPSHOT)


def grants(schema: Schema) -> list[str]:
    """All lines, ready to paste; PASSWORD stands for a password of your own."""
    return [
        "-- Postgres: run as the owner of the tables, in their database",
        *of_postgres(schema),
        "",
        "# Valkey or Redis: run by an administrator (valkey-cli)",
        of_valkey(),
    ]


def of_postgres(schema: Schema) -> list[str]:
    role = sql.Identifier(ROLE)
    schemas = sorted({name.partition(".")[0] for name in map(schema.table_name, READ) if "." in name} or {"public"})
    lines = [
        sql.SQL("CREATE ROLE {} LOGIN PASSWORD 'PASSWORD' CONNECTION LIMIT 2").format(role),
        sql.SQL("ALTER ROLE {} SET default_transaction_read_only = on").format(role),
        *(sql.SQL("GRANT USAGE ON SCHEMA {} TO {}").format(sql.Identifier(name), role) for name in schemas),
    ]
    for table, columns in READ.items():
        names = [schema.column(table, column) for column in columns]
        names += [sql.Identifier("xmin")] if table in VERSIONED else []
        lines.append(
            sql.SQL("GRANT SELECT ({}) ON {} TO {}").format(sql.SQL(", ").join(names), schema.table(table), role)
        )
    return [f"{line.as_string(None)};" for line in lines]


def of_valkey() -> str:
    """`%R~` is a pattern that may only be read, from Valkey 7.2 and Redis 7.0 on."""
    patterns = " ".join(f"%R~{pattern}" for pattern in PATTERNS)
    commands = " ".join(f"+{name.lower()}" for name in NEEDED)
    return f"ACL SETUSER {USER} on >PASSWORD resetchannels -@all {patterns} {commands}"
