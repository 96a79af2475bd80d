"""Reads the mitras of a Postgres in production: page by page, each page in a short read-only transaction."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, Protocol
from uuid import UUID

import psycopg
from psycopg import sql

from rig.observe.audit.pace import Pace
from rig.record.audit import Truth
from rig.stores.closing import Closing

STATEMENT_TIMEOUT_MS = 2000
BIGINT_MAX = 2**63 - 1


class Statements(Protocol):
    """The statements of one schema; rows of `page` and `rows`: id, active, online, load, version, last toggle."""

    def page(self, *, first: bool) -> sql.Composed: ...

    def rows(self) -> sql.Composed: ...


class MitraRows(Closing):
    """Every statement is a transaction of its own, read-only and with a time limit, also behind a pooler.

    psycopg's errors come through.
    """

    def __init__(self, connection: psycopg.Connection[Any], pace: Pace) -> None:
        connection.autocommit = False
        connection.read_only = True
        connection.prepare_threshold = None  # a pooler in transaction mode loses prepared statements
        self._connection, self.pace = connection, pace
        self.rows_read = 0

    @property
    def version(self) -> str:
        """The version of Postgres, as it tells it."""
        return (self._connection.info.parameter_status("server_version") or "of an unknown version").split()[0]

    def query(
        self, statement: sql.SQL | sql.Composed, parameters: Mapping[str, object] | None = None
    ) -> list[tuple[Any, ...]]:
        """All rows of one statement."""
        with self.pace.request(), self._connection.transaction():
            self._connection.execute(f"SET LOCAL statement_timeout = {STATEMENT_TIMEOUT_MS}")
            rows = self._connection.execute(statement, parameters).fetchall()
        self.rows_read += len(rows)
        return rows

    def explained(self, statement: sql.Composed, parameters: Mapping[str, object] | None = None) -> tuple[float, float]:
        """What the planner expects: its cost and the number of rows. The statement itself does not run."""
        ((plan,),) = self.query(sql.SQL("EXPLAIN (FORMAT JSON) ") + statement, parameters)
        top = plan[0]["Plan"]
        return float(top["Total Cost"]), float(top["Plan Rows"])

    def first_ids(self, statement: sql.Composed) -> list[object]:
        """The first column of a statement's rows."""
        return [row[0] for row in self.query(statement)]

    def pages(self, statements: Statements) -> Iterator[dict[str, Truth]]:
        """All mitras, in the order of their ids."""
        after: object = None
        while True:
            limit = self.pace.size
            rows = self.query(statements.page(first=after is None), {"after": after, "limit": limit})
            if rows:
                after = rows[-1][0]
                yield truths(rows)
            if len(rows) < limit:
                return

    def some(self, statements: Statements, ids: Sequence[str], native: Callable[[str], object]) -> dict[str, Truth]:
        """These mitras, those who are there. `native` makes an id of the column's type; None is no such id."""
        wanted = [value for value in map(native, ids) if value is not None]
        return truths(self.query(statements.rows(), {"ids": wanted})) if wanted else {}

    def close(self) -> None:
        self._connection.close()


def truths(rows: Sequence[tuple[Any, ...]]) -> dict[str, Truth]:
    return {
        str(id): Truth(online, active, load, version, changed_at)
        for id, active, online, load, version, changed_at in rows
    }


def native_id(example: object) -> Callable[[str], object]:
    """Makes of a text what the column of ids holds, as an example of it shows; None for what it cannot hold."""
    if isinstance(example, UUID):
        return uuid_of
    return integer_of if isinstance(example, int) else text_of


def uuid_of(text: str) -> UUID | None:
    """Only the spelling that the contract wants: another one is another member of a set."""
    try:
        found = UUID(text)
    except ValueError:
        return None
    return found if str(found) == text else None


def integer_of(text: str) -> int | None:
    try:
        found = int(text)
    except ValueError:
        return None
    return found if str(found) == text and abs(found) <= BIGINT_MAX else None


def text_of(text: str) -> str | None:
    """Postgres has no NUL in a text, and no bytes that are no UTF-8."""
    return None if "\0" in text or any("\ud800" <= letter <= "\udfff" for letter in text) else text
