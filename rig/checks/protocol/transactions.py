"""The transactions of the instances, from the statement log: what each locked, read and changed, and how it ended."""

import math
import re
from bisect import bisect_left, bisect_right
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from functools import cache, cached_property

from rig.checks.protocol.calls import ID
from rig.record import Lines
from rig.record.lines.chaos import Statement

SWEEP = 0x6D697272_63757400  # advisory lock: exclusive in a sweep's transaction
SEED = 0x6D697272_73656564  # advisory lock: one seed at a time
SPACES = re.compile(r"\s+")


@cache
def flat(text: str) -> str:
    """The text on one line; the same few texts come by the thousand."""
    return SPACES.sub(" ", text).strip()


@dataclass
class Transaction:
    """The statements of one transaction; one that stands alone is a transaction by itself.

    `committed`: True, False, or None where the record does not tell. `settled` is the time of the session's next
    statement: by then the transaction was over. Infinite if there is none.
    """

    instance: str | None
    statements: list[Statement] = field(default_factory=list)
    committed: bool | None = None
    settled: float = math.inf

    @property
    def begun(self) -> float:
        return self.statements[0].at

    @property
    def ended(self) -> float:
        """When its last statement began: COMMIT, if it was committed."""
        return self.statements[-1].at

    @property
    def ended_at_latest(self) -> float:
        """By then it was over: infinite if nothing shows its end."""
        return self.ended if self.committed else self.settled

    @cached_property
    def texts(self) -> list[str]:
        return [flat(statement.text) for statement in self.statements]

    def place(self, *words: str, after: int = -1) -> int | None:
        """The first statement behind `after` that has all these words."""
        found = (n for n, text in enumerate(self.texts) if n > after and all(word in text for word in words))
        return next(found, None)

    @cached_property
    def drawn(self) -> list[str]:
        """The mitras for whom it drew a version."""
        found = (s for s, text in zip(self.statements, self.texts, strict=True) if is_draw(text))
        return [id for statement in found for id in ids_of(statement)]

    def locks_row(self, id: str, how: str) -> int | None:
        """Where it locks the row of this mitra; `how` is `FOR NO KEY UPDATE` or `FOR SHARE`."""
        pairs = enumerate(zip(self.statements, self.texts, strict=True))
        return next((n for n, (s, text) in pairs if how in text and "mitras" in text and id in ids_of(s)), None)

    def takes(self, function: str, number: int) -> int | None:
        """Where it takes this advisory lock by this function."""
        pairs = enumerate(zip(self.statements, self.texts, strict=True))
        shown = str(number)
        return next(
            (n for n, (s, text) in pairs if f"{function}(" in text and (shown in text or shown in s.parameters)), None
        )


def is_draw(text: str) -> bool:
    return text.startswith("UPDATE mitras") and "nextval('mirror_version')" in text


def ids_of(statement: Statement) -> list[str]:
    """The ids in its first parameter."""
    first = statement.parameters[0] if statement.parameters else None
    return ID.findall(first) if first else []


def change_of(text: str) -> str | None:
    """Which part of a mitra's state it changes: `online`, `offline` or `active`."""
    if text.startswith("UPDATE mitra_online_status") and "is_online = false" in text:
        return "offline"
    if text.startswith("INSERT INTO mitra_online_status") and "is_online" in text:
        return "online"
    return "active" if text.startswith("UPDATE mitras SET is_active") else None


def transactions(lines: Lines) -> list[Transaction]:
    """All transactions of the instances, in the order of their begins."""
    sessions: dict[str, list[Statement]] = defaultdict(list)
    for statement in lines.of(Statement):
        sessions[statement.session].append(statement)
    found = [one for statements in sessions.values() for one in of_session(statements)]
    return sorted(found, key=lambda one: one.begun)


def of_session(statements: Sequence[Statement]) -> Iterator[Transaction]:
    """The transactions of one session."""
    before: Transaction | None = None
    open_one: Transaction | None = None
    for statement in statements:
        verb = statement.text.lstrip()[:8].upper()
        if before is not None:
            before.settled, before = statement.at, None
        if open_one is None:
            open_one = Transaction(statement.instance)
        open_one.statements.append(statement)
        if verb.startswith(("COMMIT", "ROLLBACK", "END")) or (
            open_one.statements[0] is statement and not verb.startswith("BEGIN")
        ):
            open_one.committed = statement.committed_at is not None and not verb.startswith("ROLLBACK")
            yield open_one
            before, open_one = open_one, None
    if before is not None and before.committed:
        before.committed = None  # nothing shows that its COMMIT was carried out
    if open_one is not None:
        open_one.committed = False
        yield open_one


class Log:
    """The transactions of one instance or of all, to be asked by time."""

    def __init__(self, found: Sequence[Transaction]) -> None:
        self.all = found
        self.by_instance: dict[str | None, list[Transaction]] = defaultdict(list)
        self.waits: dict[str | None, list[float]] = defaultdict(list)  # when an instance waited for open sweeps
        self.about: dict[tuple[str | None, str], list[Transaction]] = defaultdict(list)
        for one in found:
            self.by_instance[one.instance].append(one)
            if one.takes("pg_advisory_xact_lock_shared", SWEEP) is not None:
                self.waits[one.instance].append(one.begun)
            for id in {id for statement in one.statements for id in ids_of(statement)}:
                self.about[one.instance, id].append(one)
        self._begins = {instance: [one.begun for one in some] for instance, some in self.by_instance.items()}

    def begun_in(self, instance: str | None, since: float, until: float) -> list[Transaction]:
        """Those of an instance that began in this time."""
        begins = self._begins.get(instance, [])
        return self.by_instance.get(instance, [])[bisect_left(begins, since) : bisect_right(begins, until)]
