"""Rows are read as evidence that can be pasted, through restarts of Postgres."""

import uuid
from collections.abc import Iterator
from datetime import UTC, datetime
from decimal import Decimal

import psycopg
import pytest

from rig.observe import Tables
from rig.stack import Stack
from tests.support.observed_stack import stack  # noqa: F401

AN_ID = "7b0c5f2e-0000-4000-8000-000000000001"


@pytest.fixture
def tables(stack: Stack) -> Iterator[Tables]:  # noqa: F811
    with Tables(stack.postgres.observer_url) as opened:
        yield opened


def test_evidence_holds_the_parameters_written_in(tables: Tables) -> None:
    result = tables.query("SELECT %s::uuid AS id, %s AS name", (AN_ID, "o'x"))
    assert result.evidence() == {
        "kind": "sql",
        "statement": f"SELECT '{AN_ID}'::uuid AS id, 'o''x' AS name",
        "columns": ["id", "name"],
        "rows": [[AN_ID, "o'x"]],
    }
    assert tables.query(result.statement).rows == result.rows


def test_values_are_plain(tables: Tables) -> None:
    at = datetime(2026, 5, 25, 18, 7, 55, 123000, tzinfo=UTC)
    result = tables.query(
        "SELECT %s AS id, %s::timestamptz AS at, 1.5 AS half, 3::numeric AS whole, ARRAY[%s] AS ids, NULL AS nothing",
        (uuid.UUID(AN_ID), at, uuid.UUID(AN_ID)),
    )
    assert result.rows[0][:3] == (uuid.UUID(AN_ID), at, Decimal("1.5"))
    assert result.plain()["rows"] == [[AN_ID, "2026-05-25T18:07:55.123000Z", 1.5, 3, [AN_ID], None]]


def test_shortcuts(tables: Tables) -> None:
    result = tables.query("SELECT n, -n AS minus FROM generate_series(1, 3) AS n")
    assert (result.value, result.column) == (1, [1, 2, 3])
    assert result.dicts()[2] == {"n": 3, "minus": -3}
    assert tables.query("SELECT 1 WHERE false").value is None
    assert tables.query("SET work_mem = '4MB'").rows == []


def test_a_percent_sign_needs_no_care_without_parameters(tables: Tables) -> None:
    assert tables.query("SELECT 'a%b' LIKE '%'").value is True


def test_a_restart_of_postgres_is_survived(tables: Tables, stack: Stack) -> None:  # noqa: F811
    assert tables.query("SELECT 1").value == 1
    stack.postgres.stop()
    with pytest.raises(psycopg.OperationalError):
        tables.query("SELECT 1")
    stack.postgres.start()
    assert tables.query("SELECT 2").value == 2


def test_a_wrong_statement_is_not_tried_twice(tables: Tables) -> None:
    with pytest.raises(psycopg.errors.UndefinedTable):
        tables.query("SELECT * FROM nowhere")
    assert tables.query("SELECT 1").value == 1
