"""The kinds of evidence that stand under a verdict. Plain dictionaries, so that they go to JSON as they are."""

from collections.abc import Iterable, Mapping, Sequence
from typing import NotRequired, TypedDict


class PathStep(TypedDict):
    """A step of a path: who (or when), what, and between whom; `kind` is `step`, `client`, `fault` or `heal`."""

    who: str
    text: str
    kind: str
    lanes: list[str]


class Evidence(TypedDict):
    """One piece of evidence. `kind` decides which of the other fields it has: see the function of that name below."""

    kind: str
    statement: NotRequired[str]
    columns: NotRequired[list[str]]
    rows: NotRequired[list[list[object]]]
    at: NotRequired[float]
    command: NotRequired[str]
    value: NotRequired[object]
    type: NotRequired[str | None]
    ttl_ms: NotRequired[int | None]
    title: NotRequired[str]
    lines: NotRequired[list[str]]
    source: NotRequired[str]
    looked_for: NotRequired[str | None]
    actor: NotRequired[str]
    method: NotRequired[str]
    url: NotRequired[str]
    body: NotRequired[object]
    status: NotRequired[int | None]
    reply: NotRequired[object]
    error: NotRequired[str | None]
    started: NotRequired[float]
    ended: NotRequired[float]
    curl: NotRequired[str]
    counts: NotRequired[dict[str, int]]
    what: NotRequired[str]
    measured_s: NotRequired[float | None]
    bound_s: NotRequired[float]
    text: NotRequired[str]
    lanes: NotRequired[list[str]]
    steps: NotRequired[list[PathStep]]


def sql(
    statement: str, columns: Sequence[str], rows: Iterable[Sequence[object]], *, at: float | None = None
) -> Evidence:
    """A query that the rig ran and the rows it got; `at` is when, in epoch seconds, where that matters."""
    found: Evidence = {
        "kind": "sql",
        "statement": statement,
        "columns": list(columns),
        "rows": [list(row) for row in rows],
    }
    if at is not None:
        found["at"] = at
    return found


def moment(piece: Evidence) -> float | None:
    """When what it shows was seen, in epoch seconds; None for one that does not say."""
    return piece.get("started") or piece.get("at")


def valkey(command: str, value: object, *, type: str | None = None, ttl_ms: int | None = None) -> Evidence:
    """A Valkey command that the rig ran: its reply, and the key's type and TTL in ms (-1 none, -2 no key)."""
    return {"kind": "valkey", "command": command, "value": value, "type": type, "ttl_ms": ttl_ms}


def commands(title: str, lines: Sequence[str]) -> Evidence:
    """Commands that Valkey took, as its MONITOR printed them."""
    return {"kind": "commands", "title": title, "lines": list(lines)}


def log(source: str, lines: Sequence[str], *, looked_for: str | None = None) -> Evidence:
    """Lines of a server's output; `looked_for` is the text sought, so that no line at all is evidence too."""
    return {"kind": "log", "source": source, "lines": list(lines), "looked_for": looked_for}


def http(
    *,
    actor: str,
    method: str,
    url: str,
    body: object,
    status: int | None,
    reply: object,
    error: str | None,
    started: float,
    ended: float,
    curl: str,
) -> Evidence:
    """One exchange: `status` is None and `error` says why when no answer came; times are epoch seconds."""
    return {
        "kind": "http", "actor": actor, "method": method, "url": url, "body": body, "status": status,
        "reply": reply, "error": error, "started": started, "ended": ended, "curl": curl,
    }  # fmt: skip


def statements(title: str, counts: dict[str, int], lines: Sequence[str]) -> Evidence:
    """Statements that Postgres logged in a window, counted by class, with (some of) their texts."""
    return {"kind": "statements", "title": title, "counts": counts, "lines": list(lines)}


def timing(what: str, measured_s: float | None, bound_s: float) -> Evidence:
    """A measured time against its bound, both in seconds; None when the event never came."""
    return {"kind": "timing", "what": what, "measured_s": measured_s, "bound_s": bound_s}


def note(text: str) -> Evidence:
    return {"kind": "note", "text": text}


def path(title: str, lanes: Sequence[str], steps: Sequence[PathStep], broken: str) -> Evidence:
    """Steps between people, instances and stores, drawn as a sequence diagram; `broken`: what is wrong with the last one."""
    return {"kind": "path", "title": title, "lanes": list(lanes), "steps": list(steps), "text": broken}


def counts(title: str, numbers: Mapping[str, int]) -> Evidence:
    """How often each of several things was seen, 0 included."""
    return {"kind": "counts", "title": title, "counts": dict(numbers)}
