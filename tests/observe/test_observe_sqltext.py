"""Which texts are a driver's: the mistakes that would let a server's work go uncounted are here."""

import pytest

from rig.observe.postgres.classifier import control_verb, is_driver, split_statements

DRIVER = [
    "BEGIN",
    "BEGIN ISOLATION LEVEL REPEATABLE READ;",
    "START TRANSACTION",
    "COMMIT;",
    "rollback",
    "SAVEPOINT sp1",
    "RELEASE SAVEPOINT sp1",
    "ROLLBACK TO SAVEPOINT sp1",
    "SET LOCAL statement_timeout = '5s'",
    "SET search_path TO app",
    "SHOW standard_conforming_strings",
    "DISCARD ALL",
    "SELECT 1",
    "select 1;",
    "select pg_catalog.version()",
    "select current_schema()",
    "SELECT pg_advisory_unlock_all();\nCLOSE ALL;\nUNLISTEN *;\nRESET ALL;",
    "/* pool */ SELECT 1",
    "SELECT t.oid, t.typname FROM pg_catalog.pg_type AS t JOIN pg_namespace ns ON ns.oid = t.typnamespace WHERE t.oid = $1",
    "SELECT table_name FROM information_schema.tables WHERE table_name = 'mitras'",
    'SELECT c.relname FROM "pg_catalog"."pg_class" c',
    "WITH RECURSIVE typeinfo_tree(oid, depth) AS (SELECT oid, 0 FROM pg_type UNION ALL SELECT ti.oid, depth + 1 "
    "FROM pg_type ti, typeinfo_tree tt) SELECT DISTINCT * FROM typeinfo_tree ORDER BY depth DESC",
    "SELECT current_setting('jit') AS cur, set_config('jit', 'off', false) AS new",
    "SELECT t.oid FROM pg_type t, unnest($1::oid[], ARRAY[1, 2]) AS x(a, b) WHERE extract(epoch FROM now()) > 1",
    "",
]
WORK = [
    "SELECT 1 FROM mitras",
    "SELECT * FROM mitra_online_status WHERE is_online",
    "SELECT count(*) FROM (SELECT 1 FROM mitra_online_status) x",
    "WITH x AS (SELECT id FROM mitras) SELECT * FROM pg_class, x",
    "SELECT relname FROM pg_class c, counselors k",
    "SELECT * FROM counselors",
    "SELECT * FROM pg_type JOIN counselors ON true",
    "BEGIN; UPDATE mitras SET is_active = false; COMMIT",
    "SET search_path TO x; DELETE FROM counselors",
    "UPDATE counselors SET enabled = false",
    "WITH gone AS (DELETE FROM counselors RETURNING id) SELECT * FROM gone",
    "SELECT now()",
    "SELECT oid FROM pg_class INTO counselors",
    "SELECT (SELECT name FROM counselors LIMIT 1) FROM pg_class",
    "SELECT set_config('a', (SELECT name FROM counselors), false)",
    "SELECT pg_advisory_lock(1)",
    "SELECT set_online($1)",
    "LOCK TABLE counselors",
    "CREATE TABLE IF NOT EXISTS counselors (id int)",
    "COPY counselors TO STDOUT",
    "LISTEN changes",
]


@pytest.mark.parametrize("text", DRIVER)
def test_driver(text: str) -> None:
    assert is_driver(text)


@pytest.mark.parametrize("text", WORK)
def test_work(text: str) -> None:
    assert not is_driver(text)


def test_a_semicolon_in_a_text_or_comment_ends_nothing() -> None:
    text = "SELECT ';', \"a;b\" /* ; */ -- ;\n, $x$ ; $x$; SELECT 'it''s;' - 1"
    assert split_statements(text) == ("SELECT ';', \"a;b\"    \n, $x$ ; $x$", "SELECT 'it''s;' - 1")


@pytest.mark.parametrize(
    ("text", "verb"),
    [
        ("BEGIN READ ONLY", "begin"),
        ("START TRANSACTION", "begin"),
        ("COMMIT WORK;", "commit"),
        ("END", "commit"),
        ("ROLLBACK", "rollback"),
        ("ABORT", "rollback"),
        ("ROLLBACK TRANSACTION TO SAVEPOINT x", "rollback to"),
        ("ROLLBACK TO x", "rollback to"),
        ("SAVEPOINT x", "savepoint"),
        ("RELEASE x", "release"),
        ("SELECT 1", None),
    ],
)
def test_control_verbs(text: str, verb: str | None) -> None:
    assert control_verb(text) == verb
