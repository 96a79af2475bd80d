"""Statements of one shape have one template, whoever shows them and however they are written."""

import pytest

from rig.observe.postgres.fingerprint import template

SAME = {
    "SELECT name FROM mitras WHERE id = ?": (
        "SELECT name FROM mitras WHERE id = $1",
        "SELECT name\n  FROM mitras -- whose?\n WHERE id=17",
        "SELECT /* a /* nested */ one */ name FROM mitras WHERE id = 'o''x -- no comment';",
        "SELECT name FROM mitras WHERE id = E'a\\'b'",
        "SELECT name FROM mitras WHERE id = $q$ it's $q$",
        "SELECT name FROM mitras WHERE id = -1.5e-3",
    ),
    "SELECT ?::uuid, a1 FROM t2 WHERE x IN (?)": (
        "SELECT '7b'::uuid, a1 FROM t2 WHERE x IN (1, 2, 3)",
        "SELECT $1::uuid,a1 FROM t2 WHERE x IN ($2)",
        "SELECT $1 :: uuid, a1 FROM t2 WHERE x IN( $2,$3 )",
    ),
    "INSERT INTO t (a, b) VALUES (?, now()) ON CONFLICT DO NOTHING": (
        "INSERT INTO t (a, b) VALUES (1, now()) ON CONFLICT DO NOTHING",
        "INSERT INTO t (a,b) VALUES ($1,now()), ($2, now()),($3, now()) ON CONFLICT DO NOTHING",
    ),
    "SELECT x FROM t WHERE id = ANY(?::uuid[]) AND s = ARRAY[?] LIMIT ?": (
        "SELECT x FROM t WHERE id = ANY($1::uuid[]) AND s = ARRAY['a','b'] LIMIT 5",
        "SELECT x FROM t WHERE id = ANY( '{a,b}'::uuid[] ) AND s = ARRAY[$2] LIMIT $3",
    ),
    "UPDATE t SET ok = ?, n = n + ? WHERE gone IS NULL": (
        "UPDATE t SET ok = false, n = n + 1 WHERE gone IS NULL",
        "UPDATE t SET ok = $1, n = n+$2 WHERE gone IS NULL",
    ),
    "BEGIN": ("BEGIN", "BEGIN;", " BEGIN ; "),
}


@pytest.mark.parametrize(("wanted", "text"), [(wanted, text) for wanted, texts in SAME.items() for text in texts])
def test_one_shape(wanted: str, text: str) -> None:
    assert template(text) == wanted
    assert template(wanted) == wanted  # it is its own template


@pytest.mark.parametrize(
    ("one", "another"),
    [
        ("SELECT a FROM t", "SELECT b FROM t"),
        ('SELECT "A" FROM t', "SELECT A FROM t"),
        ("SELECT 1::int", "SELECT 1::text"),
        ("SELECT a FROM t WHERE x IS NULL", "SELECT a FROM t WHERE x IS NOT NULL"),
        ("SELECT a FROM t1", "SELECT a FROM t2"),
    ],
)
def test_different_shapes(one: str, another: str) -> None:
    assert template(one) != template(another)


def test_what_is_cut_off_does_no_harm() -> None:
    assert template("SELECT 'open") == "SELECT 'open"
    assert template("SELECT 1 /* open") == "SELECT ?"
    assert template("") == ""
