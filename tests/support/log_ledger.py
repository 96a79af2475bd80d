"""A ledger by the statement log, to compare the one by pg_stat_statements with."""

from collections.abc import Iterable

from rig.observe import StatementLog, Tables
from rig.observe.postgres.classifier import is_driver_statement, split_statements
from rig.observe.postgres.fingerprint import template
from rig.observe.postgres.ledger import Entry, Key, Sum, add, entries_of
from rig.observe.postgres.statement import Statement


class LogLedger:
    """By the statement log. Statements that failed count; each part of a query of several statements counts.

    Its cost, the best of eight rounds of a small SELECT (20 µs of Postgres' CPU without) on two shared, busy cores:
    12 µs of CPU a statement, and 36 µs until its answer.

    TimeoutError when the log does not show our fence, NoStatementLog where there is none.
    """

    source = "statement log"

    def __init__(self, log: StatementLog, tables: Tables) -> None:
        self._log, self._tables = log, tables
        self._known: frozenset[int] = frozenset()

    def begin(self) -> None:
        self._log.fence(self._tables.connection)
        self._known = frozenset(map(id, self._log.window()))

    def end(self) -> list[Entry]:
        self._log.fence(self._tables.connection)
        return entries_of_log(statement for statement in self._log.window() if id(statement) not in self._known)


def entries_of_log(statements: Iterable[Statement]) -> list[Entry]:
    found: dict[Key, Sum] = {}
    for statement in statements:
        parts = split_statements(statement.text)
        contract = split_statements(statement.contract_text or statement.text)
        meant = contract if len(contract) == len(parts) else parts
        for part, by_contract in zip(parts, meant, strict=True):
            kind = statement.kind
            if kind in ("work", "driver"):
                kind = "driver" if is_driver_statement(by_contract) else "work"
            add(found, Key(statement.instance, statement.role, kind, template(part)), 1, part)
    return entries_of(found)
