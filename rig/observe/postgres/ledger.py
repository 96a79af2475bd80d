"""Who ran which statement how often, in a window: one ledger, whether Postgres' log tells it or its counters."""

from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from typing import Any, Protocol

from rig.observe.postgres.classifier import is_driver_statement, split_statements
from rig.observe.postgres.fingerprint import template
from rig.observe.postgres.queries import Tables
from rig.observe.postgres.statement import Statement
from rig.observe.postgres.statement_log import StatementLog

EXAMPLE_CHARS = 500


class LedgerBroken(Exception):
    """The counts of a window are not whole (evicted, reset, a restart): what was to be judged by them is inconclusive."""


@dataclass(frozen=True, slots=True)
class Entry:
    """`kind`: work, driver, observer, or unknown (a role that is no instance's and not ours: the count is no count)."""

    instance: str | None
    role: str
    kind: str
    template: str
    calls: int
    example: str  # one of these statements as the source has it, cut off at EXAMPLE_CHARS

    def plain(self) -> dict[str, Any]:
        return asdict(self)


class Ledger(Protocol):
    """Call `begin` and `end` while no statement is under way; several windows one after another are fine."""

    source: str

    def begin(self) -> None: ...

    def end(self) -> list[Entry]: ...


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


@dataclass(frozen=True, slots=True)
class Key:
    """What calls are summed by."""

    instance: str | None
    role: str
    kind: str
    template: str


@dataclass(slots=True)
class Sum:
    """Calls of one kind, and one of them as an example."""

    calls: int
    example: str


def add(found: dict[Key, Sum], key: Key, calls: int, example: str) -> None:
    so_far = found.get(key)
    if so_far is None:
        found[key] = Sum(calls, example[:EXAMPLE_CHARS])
    else:
        so_far.calls += calls


def entries_of(found: Mapping[Key, Sum]) -> list[Entry]:
    """The most called first."""
    entries = [
        Entry(key.instance, key.role, key.kind, key.template, total.calls, total.example)
        for key, total in found.items()
    ]
    return sorted(entries, key=lambda entry: (-entry.calls, entry.role, entry.template))
