"""A statement as Postgres logged it, and the transaction that it belongs to."""

from dataclasses import dataclass, field
from typing import Any

from rig.record.observations.parts import SqlStatement


@dataclass
class Transaction:
    """An explicit transaction: all from BEGIN to its end, and when its COMMIT was logged, if it was."""

    statements: list["Statement"] = field(default_factory=list)
    savepoints: list[tuple[str, int]] = field(default_factory=list)  # name, how many statements stood before it
    aborted: bool = False
    committed_at: float | None = None
    commit_line: "Statement | None" = None

    def forget_savepoint(self, name: str) -> None:
        position = self._position(name)
        if position is not None:
            del self.savepoints[position:]

    def roll_back_to(self, name: str) -> None:
        """Statements since that savepoint come to nothing; the savepoint itself stays."""
        position = self._position(name)
        if position is None:
            return
        for statement in self.statements[self.savepoints[position][1] :]:
            statement.lost = True
        del self.savepoints[position + 1 :]
        self.aborted = False

    def _position(self, name: str) -> int | None:
        return next((i for i in reversed(range(len(self.savepoints))) if self.savepoints[i][0] == name), None)


@dataclass(eq=False)
class Statement:
    """One statement of a client. `at`: epoch seconds by Postgres' machine, cut to the millisecond.

    `kind` is `work`, `driver` (transactions, session state, introspection), `observer` (ours) or `unknown`
    (a role that belongs to no instance: a count that meets one cannot be trusted). `severity` is LOG, or
    ERROR or FATAL when it failed. `lost`: undone by its own error or by a rollback to a savepoint.
    `contract_text`: a foreign schema's statement in the contract's names, to judge by; `text` is what was logged.
    """

    at: float
    role: str
    instance: str | None
    kind: str
    text: str
    parameters: list[str | None]
    severity: str
    pid: int
    session: str
    application: str
    contract_text: str | None = None
    transaction: Transaction | None = field(default=None, repr=False)
    lost: bool = False

    @property
    def committed_at(self) -> float | None:
        """Of its COMMIT's line, its own where the transaction was implicit; None if it never came."""
        if self.lost:
            return None
        return self.at if self.transaction is None else self.transaction.committed_at

    def plain(self) -> dict[str, Any]:
        translated = {} if self.contract_text is None else {"contract_text": self.contract_text}
        return {
            "at": self.at, "role": self.role, "instance": self.instance, "class": self.kind,
            "text": self.text, "parameters": self.parameters, "severity": self.severity, "pid": self.pid,
            "session": self.session, "application": self.application, "committed_at": self.committed_at,
            **translated,
        }  # fmt: skip

    def seen(self) -> SqlStatement:
        """The statement as a part of an observation."""
        return SqlStatement(
            at=self.at, role=self.role, instance=self.instance, class_=self.kind, text=self.text,
            parameters=list(self.parameters), severity=self.severity, pid=self.pid, session=self.session,
            application=self.application, committed_at=self.committed_at, contract_text=self.contract_text,
        )  # fmt: skip
