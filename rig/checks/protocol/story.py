"""The events of one mitra around a conviction: what both stores, the instances and the people did, in order."""

from collections.abc import Sequence
from dataclasses import dataclass

from rig.checks.protocol.calls import Apply, Ping, SecondLook, SeedBegin, SeedStep, SeedSwap, call_of
from rig.checks.protocol.context import Conviction
from rig.checks.protocol.transactions import change_of, flat, ids_of
from rig.contract import HEARTBEAT
from rig.record import Lines
from rig.record.lines.base import Line
from rig.record.lines.chaos import FaultEvent, OtherCommand, ScriptTaken, Statement
from rig.record.lines.common import Request

BEFORE_S, BEHIND_S = 10.0, 0.5
BEFORE_MAX, BEHIND_MAX = 12, 3
TOLD_MAX = 140
STATEMENTS = (
    ("nextval('mirror_version')", "draws a version and notifies"),
    ("FOR NO KEY UPDATE", "locks her row"),
    ("FOR SHARE", "locks her row for a ping"),
    ("SELECT mirror_version", "reads the version of her row"),
    ("INSERT INTO mitra_online_logs", "writes the audit row"),
)
SAME_S = 0.0005  # the convicting event itself


@dataclass(frozen=True)
class Event:
    """One event: when (epoch seconds), between whom, and in words."""

    at: float
    lanes: tuple[str, ...]
    told: str
    kind: str = "step"  # or `client`, `fault`


def around(lines: Lines, conviction: Conviction) -> tuple[list[Event], list[Event]]:
    """The events up to the conviction, it included, and some after it."""
    since, until = conviction.at - BEFORE_S, conviction.at + BEHIND_S
    events: list[Event] = []
    locking: set[str] = set()  # sessions whose transaction holds her row
    for line in lines:
        if since <= line.t <= until:
            events += events_of(line, conviction.id)
            events += ends_of(line, conviction.id, locking)
    events.sort(key=lambda event: event.at)
    before = [event for event in events if event.at <= conviction.at + SAME_S]
    behind = [event for event in events if event.at > conviction.at + SAME_S]
    return before[-BEFORE_MAX:], behind[:BEHIND_MAX]


def events_of(line: Line, id: str) -> Sequence[Event]:
    """What this line says of the mitra; with `id` '', of the seeds and the faults."""
    if isinstance(line, Request):
        return requests(line, id)
    if isinstance(line, Statement):
        told = told_statement(line, id)
        return [Event(line.at, (line.instance or "an instance", "postgres"), told)] if told else []
    if isinstance(line, ScriptTaken):
        told = told_script(line, id)
        return [Event(line.t, (line.instance or "an instance", "valkey"), told)] if told else []
    if isinstance(line, OtherCommand):
        return [Event(line.t, ("valkey",), f"the rig: {' '.join(line.args)[:TOLD_MAX]}", "fault")]
    if isinstance(line, FaultEvent):
        return [Event(line.t, tuple(line.hit[:1]) or ("valkey",), f"fault {line.name}: {line.event}", "fault")]
    return []


def ends_of(line: Line, id: str, locking: set[str]) -> list[Event]:
    """COMMIT or ROLLBACK of a transaction that has locked her row."""
    if not isinstance(line, Statement):
        return []
    if "FOR NO KEY UPDATE" in line.text and id in ids_of(line):
        locking.add(line.session)
    word = line.text.strip(" ;").upper()
    if line.session not in locking or word not in ("COMMIT", "ROLLBACK"):
        return []
    locking.discard(line.session)
    return [Event(line.at, (line.instance or "an instance", "postgres"), word)]


def requests(line: Request, id: str) -> list[Event]:
    if not id or id not in (line.subject, line.target):
        return []
    who, instance = ("mitra" if line.subject == id else "operator"), line.instance or "an instance"
    answer = f"answer {line.status} to {line.action}" if line.status is not None else f"no answer to {line.action}"
    online = line.fields.get("is_online")
    answer += "" if online is None else f", is_online: {str(online).lower()}"
    return [
        Event(line.started, (who, instance), f"asks: {line.action or line.method}", "client"),
        Event(line.ended, (instance, who), answer, "client"),
    ]


def told_statement(line: Statement, id: str) -> str:
    """The statement in short; '' if it is not about the mitra."""
    text = flat(line.text)
    if not id:
        return text[:TOLD_MAX] if "advisory_xact_lock" in text or "LEFT JOIN (SELECT mitra_id" in text else ""
    if ids_of(line) != [id]:
        return ""
    failed = "" if line.committed_at is not None else " (not committed)"
    what = change_of(text)
    if what is not None:
        return f"sets {what}{failed}"
    known = next((told for words, told in STATEMENTS if words in text), None)
    return f"{known or text[:TOLD_MAX]}{failed}"


def told_script(line: ScriptTaken, id: str) -> str:
    """The script in words; '' if it is not about the mitra."""
    call = call_of(line)
    refused = " (refused by Valkey)" if call.refused else ""
    if isinstance(call, SeedBegin | SeedSwap):
        return f"seed {call.nonce}: {'begin' if isinstance(call, SeedBegin) else 'swap'}{refused}"
    if isinstance(call, SeedStep) and (not id or any(row[0] == id for row in call.rows)):
        mine = [
            f"version {version}, {'online' if online else 'offline'}"
            for one, online, _, version in call.rows
            if one == id
        ]
        return f"seed {call.nonce}: step {call.number + 1} {''.join(mine)}{refused}"
    if isinstance(call, Apply) and call.id == id:
        wrote = "writes" if call.writes else "writes nothing"
        return f"apply version {call.version}, {'online' if call.row[0] else 'offline'}: {wrote}{refused}"
    if isinstance(call, Ping) and id in call.ids:
        mark = f" with the mark {call.dead_mark}" if call.dead_mark else ""
        return f"ping{mark}: {'writes' if call.wrote('SET', HEARTBEAT + id) else 'writes nothing'}{refused}"
    if isinstance(call, SecondLook) and call.id == id:
        return f"second look, version {call.version}: {f'marks {call.mark}' if call.marked else 'no mark'}{refused}"
    return ""
