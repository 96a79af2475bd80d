"""Counts SQL at its source: every statement that Postgres logged, by the login role that sent it."""

import bisect
import re
import threading
import uuid
from collections.abc import Callable, Collection, Mapping
from pathlib import Path
from typing import Any

from rig.observe.errors import CannotObserve
from rig.observe.postgres.classifier import is_driver
from rig.observe.postgres.json_log import JsonLog, failure_of, statement_of, time_of
from rig.observe.postgres.statement import Statement
from rig.observe.postgres.transactions import SessionState
from rig.waiting import poll_until

FENCE = re.compile(r"SELECT '(rig-fence-[\w-]+)'")
FENCE_S = 5.0
POLL_S = 0.005


class NoStatementLog(CannotObserve):
    """There is no readable statement log: items that count statements are skipped."""


class StatementLog:
    """The statements of one Postgres, from a directory of jsonlog files (`log_statement = all`, UTC).

    `roles` tells the instance of a login role (a dict, or a function that may answer None); `observers` are
    the rig's own roles. Any other role's statements are of kind `unknown`. Safe to use from several threads.
    `shared` tells the instance of a role that the rig has as well, as where we are given one login and may make no other:
    there a connection whose application name begins with `ours` is an observer's. With `database`, what happens in
    another one is left out.
    `translate` tells a text in the contract's words, None when it is in them already: a foreign schema's mapping.
    Without a directory (somebody else's Postgres) it is not `available`, and reading raises NoStatementLog (`why_none`).
    """

    def __init__(
        self,
        directory: Path | str | None,
        roles: Mapping[str, str] | Callable[[str], str | None],
        observers: Collection[str],
        *,
        why_none: str = "statement log: this Postgres' jsonlog cannot be read; give its directory",
        translate: Callable[[str], str | None] = lambda text: None,
        shared: Callable[[str], str | None] = lambda role: None,
        ours: str | None = None,
        database: str | None = None,
    ) -> None:
        self.available = directory is not None
        self._why_none = why_none
        self.directory = Path(directory or ".")
        self._instance_of = roles if callable(roles) else roles.get
        self._observers = frozenset(observers)
        self._translate = translate
        self._shared, self._ours, self._database = shared, ours, database
        self._log = JsonLog(self.directory)
        self._lock = threading.Lock()
        self._statements: list[Statement] = []
        self._sessions: dict[str, SessionState] = {}
        self._fences: set[str] = set()  # those that the log has shown

    def window(self, t0: float | None = None, t1: float | None = None) -> list[Statement]:
        """Statements logged in `[t0, t1]` (epoch seconds), in their order. Fence first to have all of them.

        A logged time is cut to the millisecond: a statement may seem up to 1 ms older than it is, so `t0` is
        taken down to its millisecond.
        """
        with self._lock:
            self._read()
            first = 0 if t0 is None else bisect.bisect_left(self._statements, millisecond(t0), key=time_logged)
            last = None if t1 is None else bisect.bisect_right(self._statements, t1, key=time_logged)
            return self._statements[first:last]

    def committed_at(self, statement: Statement) -> float | None:
        """When the statement was committed, as far as the log says now; None: not (yet), or undone."""
        with self._lock:
            self._read()
        return statement.committed_at

    def fence(self, connection: Any, within_s: float = FENCE_S) -> None:
        """Run a marker on the observer's connection and read until it shows: all earlier lines are in then.

        TimeoutError when it does not show: Postgres logs elsewhere, or not every statement.
        """
        mark = f"rig-fence-{uuid.uuid4()}"
        with self._lock:
            self._read()  # before a statement that nobody would see
        connection.execute(f"SELECT '{mark}'")

        def shown() -> bool:
            with self._lock:
                self._read()
                return mark in self._fences

        if not poll_until(shown, within_s, every_s=POLL_S):
            raise TimeoutError(self._not_found(mark, within_s))

    def _not_found(self, mark: str, within_s: float) -> str:
        files = sorted(path.name for path in self.directory.glob("*.json"))
        last = self._statements[-1].text[:100] if self._statements else "none"
        return (
            f"the marker {mark} did not show in {self.directory} within {within_s:g} s "
            f"(files: {files or 'none'}; last statement seen: {last!r}). "
            "Postgres must log there with log_statement = 'all' and log_destination = 'jsonlog'."
        )

    def _read(self) -> None:
        if not self.available:
            raise NoStatementLog(self._why_none)
        for entry in self._log.read():
            if self._database is not None and entry.get("dbname") != self._database:
                continue
            session = self._sessions.setdefault(entry["session_id"], SessionState())
            begun, failed = statement_of(entry), failure_of(entry)
            if begun is not None:
                self._add(session, self._statement(entry, *begun))
            elif failed is not None:
                self._fail(session, entry, failed)

    def _fail(self, session: SessionState, entry: dict[str, Any], text: str) -> None:
        """An error's line: of the statement that was logged last, or of one refused before it began."""
        last = session.last
        if last is not None and last.severity == "LOG" and last.text.startswith(text):
            last.severity = entry["error_severity"]
            session.failed(last)
        else:
            self._add(session, self._statement(entry, text, []))

    def _add(self, session: SessionState, statement: Statement) -> None:
        session.take(statement)
        fence = FENCE.fullmatch(statement.text)
        if fence:
            self._fences.add(fence[1])
        bisect.insort_right(self._statements, statement, key=time_logged)

    def _statement(self, entry: dict[str, Any], text: str, parameters: list[str | None]) -> Statement:
        role, application = entry.get("user", ""), entry.get("application_name", "")
        instance, observed = self._whose(role, application)
        contract_text = None
        if observed:
            kind = "observer"
        elif instance is None:
            kind = "unknown"
        else:
            contract_text = self._translate(text)
            kind = "driver" if is_driver(contract_text or text) else "work"
        return Statement(
            at=time_of(entry), role=role, instance=instance, kind=kind, text=text, parameters=parameters,
            severity=entry["error_severity"], pid=entry["pid"], session=entry["session_id"],
            application=application, contract_text=contract_text,
        )  # fmt: skip

    def _whose(self, role: str, application: str) -> tuple[str | None, bool]:
        """Its instance, and whether it is the rig's. A role of one instance alone decides, whatever the application name is."""
        instance = self._instance_of(role)
        if role in self._observers:
            return None, True
        if instance is None and self._ours is not None and application.startswith(self._ours):
            return None, True
        return instance or self._shared(role), False


def millisecond(at: float) -> float:
    return int(at * 1000) / 1000


def time_logged(statement: Statement) -> float:
    return statement.at
