"""Queries Postgres as the rig's observer, and keeps each query in a form that psql takes."""

import select
import threading
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

import psycopg

from rig.record import evidence
from rig.record.evidence import Evidence
from rig.stores.closing import Closing
from rig.stores.postgres import connect
from rig.stores.valkey import OURS

STATEMENT_TIMEOUT_MS = 10_000

Parameters = Sequence[Any] | Mapping[str, Any] | None


@dataclass(frozen=True)
class Result:
    """The rows of a query as psycopg gave them; `statement` has the parameters written in."""

    statement: str
    columns: list[str]
    rows: list[tuple[Any, ...]]

    @property
    def value(self) -> Any:
        """The first column of the first row; None when there is no row."""
        return self.rows[0][0] if self.rows else None

    @property
    def column(self) -> list[Any]:
        """The first column of every row."""
        return [row[0] for row in self.rows]

    def dicts(self) -> list[dict[str, Any]]:
        return [dict(zip(self.columns, row, strict=True)) for row in self.rows]

    def plain(self) -> dict[str, Any]:
        """`{"columns", "rows"}` in plain JSON: uuids as text, times in ISO-8601 UTC."""
        return {"columns": self.columns, "rows": [[plain_value(value) for value in row] for row in self.rows]}

    def evidence(self) -> Evidence:
        return evidence.sql(self.statement, self.columns, self.plain()["rows"])


class Tables(Closing):
    """An autocommit connection that is made anew after Postgres was away. psycopg's errors come through."""

    def __init__(self, url: str, search_path: str = "") -> None:
        self.url, self.search_path = url, search_path
        self._settings: dict[str, str | int] = {"statement_timeout": STATEMENT_TIMEOUT_MS, "timezone": "UTC"}
        if search_path:  # where the contract's names mean views
            self._settings["search_path"] = search_path
        self._lock = threading.RLock()
        self._connection: psycopg.Connection[Any] | None = None

    @property
    def connection(self) -> psycopg.Connection[Any]:
        """The open connection, or a new one; psycopg.OperationalError when Postgres is away."""
        with self._lock:
            if self._connection is not None and has_been_cut(self._connection):
                self._connection.close()
            if self._connection is None or self._connection.closed:
                self._connection = connect(self.url, f"{OURS}observer", settings=self._settings)
            return self._connection

    def query(self, sql: str, parameters: Parameters = None) -> Result:
        """Run one statement (`%s` or `%(name)s` for parameters). A lost connection is made anew once."""
        with self._lock:
            try:
                return self._run(sql, parameters)
            except psycopg.OperationalError:
                if self._connection is None or not self._connection.closed:
                    raise
                return self._run(sql, parameters)

    def close(self) -> None:
        with self._lock:
            if self._connection is not None:
                self._connection.close()
                self._connection = None

    def _run(self, sql: str, parameters: Parameters) -> Result:
        connection = self.connection
        shown = sql if parameters is None else psycopg.ClientCursor(connection).mogrify(sql, parameters)
        cursor = connection.execute(sql, parameters)
        columns = [column.name for column in cursor.description or ()]
        rows = cursor.fetchall() if cursor.description else []
        return Result(shown, columns, rows)


def has_been_cut(connection: psycopg.Connection[Any]) -> bool:
    """Whether the server has closed the idle connection; psycopg notices that only at the next use."""
    return not connection.closed and bool(select.select([connection.fileno()], [], [], 0)[0])


def plain_value(value: Any) -> Any:
    """A column's value as JSON has it."""
    if isinstance(value, datetime):
        aware = value if value.tzinfo else value.replace(tzinfo=UTC)
        return aware.astimezone(UTC).isoformat(timespec="microseconds").replace("+00:00", "Z")
    if isinstance(value, date | uuid.UUID):
        return str(value)
    if isinstance(value, Decimal):
        return int(value) if value == value.to_integral_value() else float(value)
    if isinstance(value, list | tuple):
        return [plain_value(item) for item in value]
    return value
