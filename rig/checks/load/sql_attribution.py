"""What the servers of a load ran in Postgres, statement by statement, each with its cause."""

import re
from bisect import bisect_left
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from rig.checks.common.sql_statements import (
    STATUS,
    is_availability_query,
    keeps_house,
    names,
    reads,
    uses_unnest,
    writes,
)
from rig.checks.framework import Lines
from rig.contract import SEED_LINE

PING_TABLES = ("mitras", STATUS, "auth_sessions")
SEED_S, SEED_MITRAS_A_SECOND = (
    1.0,
    20_000,
)  # before its line: a periodic seed's own look at the truth, as far as it took
AFTER_S = 2.0  # of a request: what it owes to the mirror is read and written once more
NEAR_S = 1.0
FALLS_BACK = re.compile(r"valkey (check failed|unavailable)", re.IGNORECASE)

MIRROR, SEED, FALLBACK = "heartbeat mirror", "seed", "a fallback that was logged"
AVAILABILITY, COUNT, OTHER, UNEXPLAINED = "availability query", "dashboard's count", "other", "nobody's"
CHATS, TOGGLES = "chats", "toggles"
CAUSES = {"online": TOGGLES, "offline": TOGGLES, "create": CHATS, "pay": CHATS, "accept": CHATS, "end": CHATS}


@dataclass(frozen=True)
class Spent:
    """One statement. `ids`: those it carries, where they are few; `carried`, `fleet`, `strangers`: how many of all."""

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
        return _names(self.text, table)

    @property
    def pings_tables(self) -> bool:
        return any(self.names(table) for table in PING_TABLES)


def spent(lines: Lines, arm: str, since: float | None = None, until: float | None = None) -> list[Spent]:
    """The statements of an arm's servers, in their order, in a span of epoch seconds or all that were kept."""
    texts = {line["number"]: line["text"] for line in lines.get("template", ()) if line["arm"] == arm}
    rows = [row for line in lines.get("statements", ()) if line["arm"] == arm for row in line["rows"]]
    causes = _by_unit(rows, texts, lines, arm)
    found = []
    for row in rows:
        at, instance, number, unit, severity, ids, carried, fleet, strangers = row
        if (since is None or at >= since) and (until is None or at <= until):
            cause = causes[unit].get(number, OTHER)
            found.append(
                Spent(
                    at, instance, texts[number], unit, severity != "LOG", tuple(ids), carried, fleet, strangers, cause
                )
            )
    return found


def strangers(lines: Lines, arm: str) -> list[str]:
    """Roles whose statements belong to no instance: a count that meets one cannot be trusted."""
    return sorted({role for line in lines.get("statements", ()) if line["arm"] == arm for role in line["strangers"]})


def _by_unit(rows: Sequence[Any], texts: Mapping[int, str], lines: Lines, arm: str) -> dict[int, dict[int, str]]:
    """The cause of each statement by transaction and shape: a transaction that is about a chat is about it in all its parts."""
    doers = _doers(lines, arm)
    seeds = _logged(lines, arm, lambda text: SEED_LINE in text)
    online = next((line["online"] for line in lines.get("arm", ()) if line["arm"] == arm), 0)
    seed_s = SEED_S + online / SEED_MITRAS_A_SECOND
    fallbacks = _logged(lines, arm, lambda text: FALLS_BACK.search(text) is not None)
    units: dict[int, list[Any]] = defaultdict(list)
    for row in rows:
        units[row[3]].append(row)
    found: dict[int, dict[int, str]] = {}
    for unit, own in units.items():
        about = next((cause for row in own for id in row[5] if (cause := _doing(doers, id, row[0]))), None)
        found[unit] = {row[2]: about or _alone(texts[row[2]], row, seeds, seed_s, fallbacks) for row in own}
    return found


def _alone(
    text: str, row: Any, seeds: Mapping[str, list[float]], seed_s: float, fallbacks: Mapping[str, list[float]]
) -> str:
    """Of a statement that no request of those who may cause SQL explains."""
    shape = _shape(text)
    if shape in (MIRROR, OTHER):
        return shape
    at, instance = row[0], row[1]
    reading = not any(_writes(text, table) for table in PING_TABLES)
    if reading and _within(seeds.get(instance, ()), at, seed_s):
        return SEED
    near = fallbacks.get(instance)
    if reading and near:  # one a line: it accounts for no second statement
        place = bisect_left(near, at - NEAR_S)
        if place < len(near) and near[place] <= at + NEAR_S:
            near.pop(place)
            return FALLBACK
    return shape


@lru_cache(maxsize=4096)
def _shape(text: str) -> str:
    statement = {"text": text}
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
    return UNEXPLAINED if any(_names(text, table) for table in PING_TABLES) else OTHER


@lru_cache(maxsize=16384)
def _names(text: str, table: str) -> bool:
    return names({"text": text}, table)


@lru_cache(maxsize=16384)
def _writes(text: str, table: str) -> bool:
    return writes({"text": text}, table)


def _doers(lines: Lines, arm: str) -> dict[str, list[tuple[float, float, str]]]:
    """By id, the requests that may cause SQL about it: from, to, what they are called."""
    found: dict[str, list[tuple[float, float, str]]] = defaultdict(list)
    for line in lines.get("cause", ()):
        if line["arm"] == arm:
            for id in line["ids"]:
                action: str = line["action"]
                found[id].append((line["from"], line["to"], CAUSES.get(action, action)))
    return found


def _doing(doers: Mapping[str, Sequence[tuple[float, float, str]]], id: str, at: float) -> str | None:
    # A logged time is cut to the millisecond.
    return next((cause for begin, end, cause in doers.get(id, ()) if begin - 0.002 <= at <= end + AFTER_S), None)


def _logged(lines: Lines, arm: str, wanted: Any) -> dict[str, list[float]]:
    found: dict[str, list[float]] = defaultdict(list)
    for log in lines.get("log", ()):
        if log.get("arm", arm) == arm:
            found[log["instance"]] += [at for at, text in log["lines"] if wanted(text)]
    return found


def _within(moments: Sequence[float], at: float, span_s: float) -> bool:
    return any(at <= moment <= at + span_s for moment in moments)
