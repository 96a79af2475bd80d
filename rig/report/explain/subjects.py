"""Finds what a verdict is about in its evidence: the rows, keys, lines and answers that its message names."""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from rig.contract import HEARTBEAT, ONLINE
from rig.record.evidence import Evidence
from rig.report import text, trim
from rig.report.explain.people import UUID, People

KEY = re.compile(r"\b(?:mitras?|availability|config|mirror):[\w:.-]*\w")
QUOTED = re.compile(r"'([^']{4,})'|\"([^\"]{4,})\"|`([^`]{4,})`")
REQUEST = re.compile(r"\b(GET|POST|PUT|PATCH|DELETE) (\S+)")
COMMAND = re.compile(r"\b[A-Z]{4,}\b")
FRAGMENT_MIN = 24  # characters of a statement that a message quotes
STAMP = re.compile(r"\b\d{10}\.\d{3}")
PARTS_MAX = 6  # where all parts of a piece are named and there are more, the piece itself is marked
# Where a message names no row, key or line: a word of it, the kind of evidence that it is about, and what stands there.
PLACES = (
    ("beacon", "http", "/bestie-availability"),
    ("counts", "http", "/bestie-availability"),
    ("dashboard", "http", "/internal/dashboard"),
    ("providers", "http", "/auth-providers"),
    ("profile", "http", "/profile"),
    ("offered", "http", "/pay"),
    ("ping", "http", "/heartbeat"),
    ("is_online", "http", "/status/online"),
    ("is_online", "http", "/status/offline"),
    ("capacit", "valkey", "mitra:capacity:"),
    ("heartbeat", "valkey", HEARTBEAT),
    ("Valkey online", "valkey", ONLINE),
    ("capacit", "sql", "chat_sessions"),
    ("blast", "sql", "chat_request_notifications"),
    ("audit", "sql", "mitra_online_logs"),
    ("sign-in", "sql", "auth_sessions"),
    ("ends_at", "sql", "ends_at"),
    ("snapshot", "commands", "snapshot"),
    ("heartbeats were written", "commands", "contract's keys"),
    ("statement", "statements", ""),
    (" log ", "log", ""),
)


@dataclass(frozen=True)
class Marks:
    """Which parts of a piece of evidence the verdict names, by their number; `whole`: the piece itself."""

    parts: frozenset[int] = frozenset()
    whole: bool = False

    def __bool__(self) -> bool:
        return self.whole or bool(self.parts)


NOTHING = Marks()


@dataclass(frozen=True)
class Subjects:
    """What a message names."""

    message: str
    ids: frozenset[str]
    keys: tuple[str, ...]
    quotes: tuple[str, ...]
    requests: frozenset[tuple[str, str]]

    @property
    def exact(self) -> bool:
        """Whether it names a key of somebody, or a request: then no other one is meant."""
        return bool(self.requests) or any(UUID.search(key) for key in self.keys)

    def of_key(self, command: str) -> bool:
        """Whether a Valkey command is on a key that the message names, or on one that begins with it."""
        return any(word == key or word.startswith(key + ":") for word in command.split() for key in self.keys)

    def in_line(self, line: str) -> bool:
        flat = " ".join(line.split())
        if any(id in flat for id in self.ids) or any(quote in flat for quote in self.quotes):
            return True
        return len(flat) >= FRAGMENT_MIN and any(part in flat for part in fragments(self.message))


def subjects_of(message: str, differences: Iterable[Mapping[str, Any]], known: People) -> Subjects:
    """What the message and its differences name. A name stands for the id of the person."""
    told = " ".join([text.clean(message), *(text.clean(one["what"]) for one in differences)])
    names = [id for id, person in known.items() if re.search(rf"\b{re.escape(person.name)}\b", told)]
    return Subjects(
        message=told,
        ids=frozenset([*UUID.findall(told), *names]),
        keys=tuple(key.removesuffix(".") for key in KEY.findall(told)),
        quotes=(*quoted(told), *STAMP.findall(told)),
        requests=frozenset((method, url.rstrip(".,:;")) for method, url in REQUEST.findall(told)),
    )


def quoted(message: str) -> list[str]:
    """What stands in quotation marks, each on one line."""
    return [" ".join(found.split()) for groups in QUOTED.findall(message) for found in groups if found]


def fragments(message: str) -> list[str]:
    """Statements that a message quotes without quotation marks: what stands behind a colon, if it is long enough."""
    behind = [" ".join(part.split()) for part in re.split(r": |; ", message)]
    return [part[:80] for part in behind if len(part) >= FRAGMENT_MIN and re.match(r"[A-Z]{4,} ", part)]


def marks(pieces: Sequence[Evidence], subjects: Subjects) -> list[Marks]:
    """For each piece what is marked. Where nothing is named exactly, the answers that the message speaks of are."""
    found = [_gathered(piece, RULES.get(piece.get("kind", ""), _nothing)(piece, subjects)) for piece in pieces]
    if any(found) or subjects.exact:
        return found
    return [Marks(whole=_spoken_of(piece, pieces, subjects)) for piece in pieces]


def _gathered(piece: Evidence, own: Marks) -> Marks:
    lists = (part for part in (piece.get("rows"), piece.get("lines"), piece.get("value")) if isinstance(part, list))
    parts = next(lists, [])
    return Marks(whole=True) if len(own.parts) == len(parts) > PARTS_MAX else own


def _nothing(piece: Evidence, subjects: Subjects) -> Marks:
    return NOTHING


def _sql(piece: Evidence, subjects: Subjects) -> Marks:
    rows = piece.get("rows") or []
    parts = frozenset(n for n, row in enumerate(rows) if any(id in str(cell) for cell in row for id in subjects.ids))
    if parts or not any(id in str(piece.get("statement")) for id in subjects.ids):
        return Marks(parts)
    return Marks(frozenset(range(len(rows))), whole=not rows)


def _valkey(piece: Evidence, subjects: Subjects) -> Marks:
    command, value = str(piece.get("command", "")), piece.get("value")
    named = subjects.of_key(command) or any(id in command for id in subjects.ids if not subjects.keys)
    if isinstance(value, list | tuple):
        about = named or not subjects.keys
        parts = frozenset(n for n, member in enumerate(value) if about and str(member) in subjects.ids)
        return Marks(parts, whole=named and not parts)
    return Marks(whole=named)


def _log(piece: Evidence, subjects: Subjects) -> Marks:
    lines = [text.clean(str(line)) for line in piece.get("lines") or []]
    parts = {n for n, line in enumerate(lines) if subjects.in_line(line)}
    pattern = trim.needle(piece.get("looked_for"))
    if pattern and " line" in subjects.message:
        hits = {n for n, line in enumerate(lines) if pattern.search(line)}
        return Marks(frozenset(parts | hits), whole=not (parts or hits))
    return Marks(frozenset(parts))


def _lines(piece: Evidence, subjects: Subjects) -> Marks:
    lines = [text.clean(str(line)) for line in piece.get("lines") or []]
    return Marks(frozenset(n for n, line in enumerate(lines) if subjects.in_line(line)))


def _commands(piece: Evidence, subjects: Subjects) -> Marks:
    lines = [text.clean(str(line)) for line in piece.get("lines") or []]
    words = set(COMMAND.findall(subjects.message))
    named = {n for n, line in enumerate(lines) if words & set(COMMAND.findall(line))}
    return Marks(frozenset(named) | _lines(piece, subjects).parts)


def _http(piece: Evidence, subjects: Subjects) -> Marks:
    asked = (str(piece.get("method")), str(piece.get("url")))
    if re.search(rf"\b{re.escape(str(piece.get('actor')))} got {piece.get('status')}\b", subjects.message):
        return Marks(whole=True)
    if asked not in subjects.requests:
        return NOTHING
    # The same request may have been sent again and answered well.
    found = re.search(rf"{re.escape(' '.join(asked))} answered (\S+)", subjects.message)
    return Marks(whole=found is None or piece.get("status") is None or found[1] == str(piece["status"]))


def _timing(piece: Evidence, subjects: Subjects) -> Marks:
    measured, bound = piece.get("measured_s"), piece.get("bound_s") or 0
    return Marks(whole=measured is None or measured > bound)


def _note(piece: Evidence, subjects: Subjects) -> Marks:
    told = str(piece.get("text"))
    return Marks(whole=told not in subjects.message and any(id in told for id in subjects.ids))


def _spoken_of(piece: Evidence, pieces: Sequence[Evidence], subjects: Subjects) -> bool:
    """A piece that the message names by a word, as "the beacon"; the only answer, if it speaks of an answer."""
    kind, told = piece.get("kind"), _told(piece)
    if any(kind == of and word in subjects.message and place in told for word, of, place in PLACES):
        return True
    return kind == "http" and "answer" in subjects.message and sum(one.get("kind") == "http" for one in pieces) == 1


def _told(piece: Evidence) -> str:
    """What a piece was asked, or is headed."""
    return " ".join(str(piece.get(name) or "") for name in ("url", "command", "statement", "title", "source"))


RULES = {
    "sql": _sql,
    "valkey": _valkey,
    "log": _log,
    "statements": _lines,
    "commands": _commands,
    "http": _http,
    "timing": _timing,
    "note": _note,
}
