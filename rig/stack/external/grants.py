"""Login roles that never act as the owner, because pg_stat_statements records the current role."""

from contextlib import suppress

import psycopg
from psycopg import sql

HAND_OVER = "rig_hand_over"
# What one instance makes belongs to the owner at once, so that every other may alter it; only a superuser may have this.
# A sequence of a table's column goes with its table.
TRIGGER = """
CREATE FUNCTION {schema}.{name}() RETURNS event_trigger LANGUAGE plpgsql AS $body$
DECLARE made record;
BEGIN
    IF NOT starts_with(session_user, {prefix_text}) THEN RETURN; END IF;
    FOR made IN
        SELECT object_type, object_identity FROM pg_event_trigger_ddl_commands() c
        WHERE object_type IN ('table', 'view', 'materialized view', 'sequence', 'type', 'function', 'schema')
        AND NOT EXISTS (SELECT FROM pg_depend d WHERE d.objid = c.objid AND d.classid = 'pg_class'::regclass
            AND d.refclassid = 'pg_class'::regclass AND d.deptype IN ('a', 'i'))
    LOOP
        EXECUTE format('ALTER %s %s OWNER TO %I', made.object_type, made.object_identity, {owner_text});
    END LOOP;
END $body$
"""
TAGS = "'CREATE TABLE', 'CREATE TABLE AS', 'SELECT INTO', 'CREATE VIEW', 'CREATE MATERIALIZED VIEW',"
TAGS += " 'CREATE SEQUENCE', 'CREATE TYPE', 'CREATE FUNCTION', 'CREATE SCHEMA'"
KINDS = ("TABLES", "SEQUENCES", "FUNCTIONS", "TYPES")


def hand_over_to(connection: psycopg.Connection, owner: str, prefix: str) -> bool:
    """Let what our instances (whose roles begin with `prefix`) make be the owner's; False where we may not."""
    take_back(connection)
    row = connection.execute("SELECT rolsuper, current_schema() FROM pg_roles WHERE rolname = current_user").fetchone()
    assert row is not None, "the current user is always in pg_roles"
    if not row[0]:
        return False
    names = {
        "name": sql.Identifier(HAND_OVER), "schema": sql.Identifier(row[1]), "owner_text": sql.Literal(owner),
        "prefix_text": sql.Literal(prefix),
    }  # fmt: skip
    connection.execute(sql.SQL(TRIGGER).format(**names))
    connection.execute(
        sql.SQL(
            f"CREATE EVENT TRIGGER {{name}} ON ddl_command_end WHEN TAG IN ({TAGS}) EXECUTE FUNCTION {{schema}}.{{name}}()"
        ).format(**names)
    )
    return True


def take_back(connection: psycopg.Connection) -> None:
    connection.execute("SET client_min_messages TO warning")  # that there was nothing to drop is no news
    name = sql.Identifier(HAND_OVER)
    row = connection.execute("SELECT 1 FROM pg_event_trigger WHERE evtname = %s", (HAND_OVER,)).fetchone()
    if row:
        connection.execute(sql.SQL("DROP EVENT TRIGGER {}").format(name))
        connection.execute(sql.SQL("DROP FUNCTION IF EXISTS {}()").format(name))


def create_granted_login(connection: psycopg.Connection, role: str, password: str, owner: str) -> None:
    """A login role that has the owner's rights and is itself; what it makes, the owner's members may use."""
    database = connection.info.dbname
    names = {
        "role": sql.Identifier(role), "owner": sql.Identifier(owner), "password": sql.Literal(password),
        "database": sql.Identifier(database),
    }  # fmt: skip
    connection.execute(sql.SQL("CREATE ROLE {role} LOGIN INHERIT PASSWORD {password}").format(**names))
    # To speak for the role one must be its member, and never each the other's: first this way, then that.
    connection.execute(sql.SQL("GRANT {role} TO {owner}").format(**names))
    for kind in KINDS:
        connection.execute(
            sql.SQL(f"ALTER DEFAULT PRIVILEGES FOR ROLE {{role}} GRANT ALL ON {kind} TO {{owner}}").format(**names)
        )
    connection.execute(sql.SQL("REVOKE {role} FROM {owner}").format(**names))
    for statement in (
        "GRANT {owner} TO {role}",
        "GRANT CREATE, CONNECT, TEMPORARY ON DATABASE {database} TO {role}",
        "GRANT ALL ON SCHEMA public TO {role}",
    ):
        connection.execute(sql.SQL(statement).format(**names))


def drop_granted_login(connection: psycopg.Connection, role: str, owner: str) -> None:
    """What it made becomes the owner's, what it was granted ends, and it is gone. Nothing where there is no such role."""
    if not connection.execute("SELECT 1 FROM pg_roles WHERE rolname = %s", (role,)).fetchone():
        return
    names = {"role": sql.Identifier(role), "owner": sql.Identifier(owner)}
    connection.execute(sql.SQL("REVOKE {owner} FROM {role}").format(**names))
    connection.execute(sql.SQL("GRANT {role} TO {owner}").format(**names))
    for statement in ("REASSIGN OWNED BY {role} TO {owner}", "DROP OWNED BY {role}", "DROP ROLE {role}"):
        connection.execute(sql.SQL(statement).format(**names))


def sign(connection: psycopg.Connection, role: str) -> None:
    """Say whose it is, for `drop_left_logins`: roles are the whole server's, and other rigs may use other databases."""
    connection.execute(
        sql.SQL("COMMENT ON ROLE {} IS {}").format(sql.Identifier(role), sql.Literal(note_of(connection)))
    )


def note_of(connection: psycopg.Connection) -> str:
    return f"verification rig in database {connection.info.dbname}"


def drop_left_logins(connection: psycopg.Connection, owner: str) -> None:
    """Those that a rig which was killed has left in this database. One that cannot be dropped by us stays."""
    left = connection.execute(
        "SELECT rolname FROM pg_roles WHERE starts_with(rolname, 'sut_') AND shobj_description(oid, 'pg_authid') = %s",
        (note_of(connection),),
    ).fetchall()
    for (role,) in left:
        with suppress(psycopg.errors.InsufficientPrivilege):
            drop_granted_login(connection, role, owner)
