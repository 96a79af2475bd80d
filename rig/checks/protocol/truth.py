"""Which commit of a mitra a version in Valkey stands for: the set of commits that explain all that was seen of her.

A version is drawn under the lock of her row, so her versions have the order of her commits. The statement log does not show
their numbers. Each script that names one narrows the set of commits that it can stand for. An empty set means that
no course of the protocol leads to that script.
"""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from rig.checks.protocol.transactions import Transaction, change_of, ids_of

Row = tuple[bool, bool]  # online and active
ANY_ROW: frozenset[Row] = frozenset({(True, True), (True, False), (False, True), (False, False)})
BEFORE = -1  # all commits before the record began
LOG_S = 0.002  # the statement log has whole milliseconds
KEPT = 12  # versions of a mitra whose sets are kept


@dataclass(frozen=True)
class Draw:
    """A transaction that drew a version for a mitra, with the rows that it may have left."""

    transaction: Transaction
    rows: frozenset[Row]


@dataclass
class Course:
    """The commits of one mitra, and what her versions can stand for."""

    first: int = BEFORE  # the version of her row when the record began
    draws: list[Draw] = field(default_factory=list)
    sets: dict[int, frozenset[int]] = field(default_factory=dict)

    def explain(self, version: int, row: Row, at: float) -> bool:
        """Narrow the set of this version; False if no commit that had begun by `at` explains it."""
        known = self.sets.get(version)
        lowest = max((min(places) for v, places in self.sets.items() if v < version), default=BEFORE)
        highest = min((max(places) for v, places in self.sets.items() if v > version), default=len(self.draws))
        if version <= self.first:
            found = {BEFORE}
        else:
            found = {
                place
                for place, draw in enumerate(self.draws)
                if lowest < place < highest and draw.transaction.ended <= at + LOG_S and row in draw.rows
            }
        if known is not None:
            found &= known
        if not found:
            return False
        self.sets[version] = frozenset(found)
        while len(self.sets) > KEPT:
            del self.sets[min(self.sets)]
        return True


def courses(found: Sequence[Transaction], first: Mapping[str, int]) -> dict[str, Course]:
    """The course of each mitra, by id. `first`: the versions of their rows when the record began."""
    courses = {id: Course(version) for id, version in first.items()}
    rows: dict[str, frozenset[Row]] = defaultdict(lambda: ANY_ROW)
    for one in sorted((one for one in found if one.drawn and one.committed is not False), key=lambda one: one.ended):
        for id in one.drawn:
            if id not in courses:
                continue
            after = changed(one, id, rows[id])
            courses[id].draws.append(Draw(one, after))
            rows[id] = after if one.committed else rows[id] | after
    return courses


def changed(one: Transaction, id: str, rows: frozenset[Row]) -> frozenset[Row]:
    """What the transaction may have made of the rows that a mitra may have had."""
    for statement, text in zip(one.statements, one.texts, strict=True):
        what = change_of(text)
        if what is None or id not in ids_of(statement):
            continue
        if what == "active":
            active = len(statement.parameters) > 1 and statement.parameters[1] in ("t", "true")
            rows = frozenset((online, active) for online, _ in rows)
        else:
            rows = frozenset((what == "online", active) for _, active in rows)
    return rows
