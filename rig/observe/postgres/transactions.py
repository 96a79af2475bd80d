"""Follows each session's transactions through the log, to say when and whether a statement was committed."""

from rig.observe.postgres.classifier import control_verb, split_statements
from rig.observe.postgres.statement import Statement, Transaction


class SessionState:
    """One session: its open transaction, if any. Feed it the session's statements in their order."""

    def __init__(self) -> None:
        self.last: Statement | None = None
        self._open: Transaction | None = None

    def take(self, statement: Statement) -> None:
        """Put the statement into its transaction, and let it change that transaction's state."""
        self.last = statement
        parts = split_statements(statement.text)
        if statement.severity != "LOG":
            self._join(statement)
            self.failed(statement)
            return
        if len(parts) > 1 and control_verb(parts[0]) == "begin" and control_verb(parts[-1]) == "commit":
            return  # a whole transaction in one query: its own line is the time
        self._join(statement)
        for part in parts:
            self._control(statement, part)

    def failed(self, statement: Statement) -> None:
        """It ended in an error: it did nothing, and its transaction can no longer commit."""
        statement.lost = True
        if self._open is not None:
            self._open.aborted = True
        elif statement.transaction is not None and statement.transaction.commit_line is statement:
            statement.transaction.committed_at = None  # the COMMIT itself was refused

    def _join(self, statement: Statement) -> None:
        if self._open is not None:
            statement.transaction = self._open
            self._open.statements.append(statement)

    def _control(self, statement: Statement, part: str) -> None:
        verb = control_verb(part)
        if verb == "begin" and self._open is None:
            self._open = statement.transaction = Transaction(statements=[statement])
        elif self._open is None or verb is None:
            return
        elif verb == "commit":
            if not self._open.aborted:
                self._open.committed_at, self._open.commit_line = statement.at, statement
            self._open = None
        elif verb == "rollback":
            self._open = None
        elif verb == "savepoint":
            self._open.savepoints.append((last_word(part), len(self._open.statements)))
        elif verb == "release":
            self._open.forget_savepoint(last_word(part))
        elif verb == "rollback to":
            self._open.roll_back_to(last_word(part))


def last_word(text: str) -> str:
    return text.split()[-1].strip('"').lower()
