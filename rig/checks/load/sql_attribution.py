"""Finds the cause of each statement that the servers of a load ran in Postgres."""

import re
from bisect import bisect_left
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache

from rig.checks.common.sql_statements import (
    STATUS,
    SqlText,
    is_availability_query,
    keeps_house,
    names,
    reads,
    uses_unnest,
    writes,
)
from rig.contract import SEED_LINE
from rig.record import Lines
from rig.record.lines.common import ServerLog
from rig.record.lines.load import ArmUp, Cause, StatementRow, Statements, Template

PING_TABLES = ("mitras", STATUS, "auth_sessions")
# A periodic seed reads Postgres before it logs its line: so long at least, and longer for a large fleet.
SEED_S, SEED_MITRAS_PER_S = 1.0, 20_000
AFTER_S = 2.0  # after a request the server may still write what it owes to the mirror
NEAR_S = 1.0
STAMP_S = 0.002  # the statement log's times are cut to the millisecond
FALLS_BACK = re.compile(r"valkey (check failed|unavailable)", re.IGNORECASE)

MIRROR, SEED, FALLBACK = "heartbeat mirror", "seed", "a fallback that was logged"
AVAILABILITY, COUNT, OTHER, UNEXPLAINED = "availability query", "dashboard's count", "other", "nobody's"
CHATS, TOGGLES = "chats", "toggles"
CAUSES = {"online": TOGGLES, "offline": TOGGLES, "create": CHATS, "pay": CHATS, "accept": CHATS, "end": CHATS}


@dataclass(frozen=True)
class Spent:
    """One statement with its cause; the other fields are those of `StatementRow`."""

    at: float
    instance: str
    text: str
    unit: int
    failed: bool
    ids: tuple[str, ...]
    carried: int
    fleet: int
    strangers: int
    cause: str

    def names(self, table: str) -> bool:
        return names(SqlText(self.text), table)

    @property
    def pings_tables(self) -> bool:
        return any(self.names(table) for table in PING_TABLES)


@lru_cache(maxsize=8)  # each claim asks for the same ones again
def spent(lines: Lines, arm: str, since: float | None = None, until: float | None = None) -> Sequence[Spent]:
    """The statements of an arm's servers in their order, from `since` to `until` (epoch seconds) or all of them."""
    texts = {line.number: line.text for line in lines.of(Template) if line.arm == arm}
    rows = [row for line in lines.of(Statements) if line.arm == arm for row in line.rows]
    causes = _by_unit(rows, texts, lines, arm)
    found = []
    for row in rows:
        if (since is None or row.at >= since) and (until is None or row.at <= until):
            found.append(
                Spent(
                    at=row.at,
                    instance=row.instance,
                    text=texts[row.shape],
                    unit=row.unit,
                    failed=row.severity != "LOG",
                    ids=tuple(row.ids),
                    carried=row.carried,
                    fleet=row.fleet,
                    strangers=row.strangers,
                    cause=causes[row.unit].get(row.shape, OTHER),
                )
            )
    return found


def unknown_roles(lines: Lines, arm: str) -> list[str]:
    """Roles whose statements belong to no instance. If there are any, statements cannot be counted."""
    return sorted({role for line in lines.of(Statements) if line.arm == arm for role in line.strangers})


def _by_unit(
    rows: Sequence[StatementRow], texts: Mapping[int, str], lines: Lines, arm: str
) -> dict[int, dict[int, str]]:
    """The cause of each statement by transaction and shape. If one statement belongs to a request, its transaction does."""
    requests = _requests(lines, arm)
    seeds = _logged(lines, arm, lambda text: SEED_LINE in text)
    online = next((line.online for line in lines.of(ArmUp) if line.arm == arm), 0)
    seed_s = SEED_S + online / SEED_MITRAS_PER_S
    fallbacks = _logged(lines, arm, lambda text: FALLS_BACK.search(text) is not None)
    units: dict[int, list[StatementRow]] = defaultdict(list)
    for row in rows:
        units[row.unit].append(row)
    found: dict[int, dict[int, str]] = {}
    for unit, own in units.items():
        about = next((cause for row in own for id in row.ids if (cause := _request_cause(requests, id, row.at))), None)
        found[unit] = {
            row.shape: about or _background_cause(texts[row.shape], row, seeds, seed_s, fallbacks) for row in own
        }
    return found


def _background_cause(
    text: str,
    row: StatementRow,
    seeds: Mapping[str, list[float]],
    seed_s: float,
    fallbacks: Mapping[str, list[float]],
) -> str:
    """The cause of a statement that belongs to no request which may cause SQL. Removes the fallback that it uses up."""
    shape = _shape(text)
    if shape in (MIRROR, OTHER):
        return shape
    reading = not any(writes(SqlText(text), table) for table in PING_TABLES)
    if reading and _within(seeds.get(row.instance, ()), row.at, seed_s):
        return SEED
    near = fallbacks.get(row.instance)
    if reading and near:  # one logged line explains one statement, not a second one
        place = bisect_left(near, row.at - NEAR_S)
        if place < len(near) and near[place] <= row.at + NEAR_S:
            near.pop(place)
            return FALLBACK
    return shape


@lru_cache(maxsize=4096)
def _shape(text: str) -> str:
    statement = SqlText(text)
    if uses_unnest(statement) and writes(statement, STATUS):
        return MIRROR
    if reads(statement, STATUS) and re.search(r"\bselect\s+count\s*\(", text, re.IGNORECASE) and not names(
        statement, "chat_sessions"
    ):  # fmt: skip
        return COUNT
    if is_availability_query(statement):
        return AVAILABILITY
    if keeps_house(statement):
        return OTHER
    return UNEXPLAINED if any(names(statement, table) for table in PING_TABLES) else OTHER


def _requests(lines: Lines, arm: str) -> dict[str, list[tuple[float, float, str]]]:
    """By id, the requests that may cause SQL about it: begin, end, and the name of the cause."""
    found: dict[str, list[tuple[float, float, str]]] = defaultdict(list)
    for line in lines.of(Cause):
        if line.arm == arm:
            for id in line.ids:
                found[id].append((line.since, line.until, CAUSES.get(line.action, line.action)))
    return found


def _request_cause(by_id: Mapping[str, Sequence[tuple[float, float, str]]], id: str, at: float) -> str | None:
    own = by_id.get(id, ())
    return next((cause for begin, end, cause in own if begin - STAMP_S <= at <= end + AFTER_S), None)


def _logged(lines: Lines, arm: str, wanted: Callable[[str], bool]) -> dict[str, list[float]]:
    """When each instance logged a line that is wanted."""
    found: dict[str, list[float]] = defaultdict(list)
    for log in lines.of(ServerLog):
        if log.arm in ("", arm):
            found[log.instance] += [at for at, text in log.lines if wanted(text)]
    return found


def _within(moments: Sequence[float], at: float, span_s: float) -> bool:
    return any(at <= moment <= at + span_s for moment in moments)
