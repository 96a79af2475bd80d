"""What `rig log` and `rig statements` show, read in the process of `rig serve`: it has read most of it already."""

import re
from collections.abc import Mapping, Sequence
from pathlib import Path

import psycopg

from rig.errors import UsageError
from rig.observe import ServerLog, StatementLog, Tables
from rig.observe.postgres.statement import Statement
from rig.runs.manual.client import Request
from rig.runs.manual.lines import ACTIONS_LOG, LOG, Line
from rig.stack import Stack, StackError
from rig.stores.valkey import OURS

BLANKS = re.compile(r"\s+")


class Feed:
    """The servers' logs by name, and the query log of Postgres."""

    def __init__(self, stack: Stack, logs: Mapping[str, Path]) -> None:
        postgres = stack.postgres
        self._logs = {name: ServerLog(path) for name, path in logs.items()}
        self._why_none = postgres.facts.lacking.get("statement log")
        self._tables = Tables(postgres.observer_url)
        self._statements = StatementLog(
            postgres.statement_log, postgres.instance_of, postgres.observers, shared=postgres.shared_by,
            ours=OURS, database=postgres.facts.database,
        )  # fmt: skip

    def read(self, request: Request) -> list[Line]:
        """The lines of a request, in the order of their times.

        UsageError for a server that there is not, or where Postgres' log cannot be read; StackError when Postgres is away.
        """
        instances, since = request["instances"], request["since"]
        servers = [name for name in self._logs if name != ACTIONS_LOG]
        for name in instances:
            if name not in servers:
                raise UsageError(f"--instance {name}: there is {', '.join(servers)}")
        if request["source"] == LOG:
            found = (
                Line(at, name, text) for name in instances or self._logs for at, text in self._logs[name].lines(since)
            )
            return sorted(found, key=lambda line: line.at)
        if self._why_none is not None:
            raise UsageError(f"there is no query log: {self._why_none}")
        if request["complete"]:
            self._catch_up()
        return [line_of(one) for one in self._statements.window(since) if is_wanted(one, instances, request["all"])]

    def _catch_up(self) -> None:
        """Have everything that was sent before this moment in the log."""
        try:
            self._statements.fence(self._tables.connection)
        except (psycopg.Error, TimeoutError) as error:
            raise StackError(f"the query log cannot be read: {error}") from None

    def close(self) -> None:
        self._tables.close()


def is_wanted(statement: Statement, instances: Sequence[str], everything: bool) -> bool:
    """Whether a statement is shown: of the servers named, else of all and of logins that are nobody's we know."""
    if statement.instance is None:
        return not instances and (everything or statement.kind == "unknown")
    return (not instances or statement.instance in instances) and (everything or statement.kind == "work")


def line_of(statement: Statement) -> Line:
    """One line: the text without its line breaks, the parameters behind it."""
    text = BLANKS.sub(" ", statement.text).strip()
    if statement.parameters:
        values = (
            f"${number} = {'NULL' if value is None else value}" for number, value in enumerate(statement.parameters, 1)
        )
        text = f"{text} -- {', '.join(values)}"
    failed = "" if statement.severity == "LOG" else f"{statement.severity}: "
    return Line(statement.at, statement.instance or statement.role, failed + text)
