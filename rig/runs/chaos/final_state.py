"""What a campaign's servers did to the stores, and what they left there: read once at its end, into the record."""

import itertools
import time
from collections.abc import Sequence

from rig.checks.common.valkey_commands import WRITES, CommandText, contract_keys
from rig.checks.protocol.calls import PROTOCOL_VERSION
from rig.environment.testbed import Testbed
from rig.observe import CannotObserve, Command, NoStatementLog
from rig.observe.valkey.command import SCRIPT_COMMANDS
from rig.record.lines import line_from
from rig.record.lines.chaos import (
    CommandTaken,
    Left,
    OtherCommand,
    ProtocolSeen,
    ScriptTaken,
    Statement,
    Versions,
    Watched,
)
from rig.record.lines.common import Weakness
from rig.record.writer import RecordWriter

# Verbs that change nothing by themselves; what a script does follows as commands of its own.
LOOKS = frozenset({
    "AUTH", "CLIENT", "COMMAND", "CONFIG", "DBSIZE", "ECHO", "EVAL", "EVALSHA", "EXISTS", "GET", "GETRANGE", "HELLO", "INFO", "MGET", "PING",
    "PTTL", "SCAN", "SCARD", "SCRIPT", "SELECT", "SISMEMBER", "SMEMBERS", "SMISMEMBER", "STRLEN", "TIME", "TTL", "TYPE",
})  # fmt: skip
EMPTIES = frozenset({"FLUSHALL", "FLUSHDB", "HSET", "HDEL", "SWAPDB"})
# Of a script. A step of a seed has a thousand ids in one argument; all pings of a batch have one argument each.
ARGUMENT_MAX, SCRIPT_ARGUMENTS_MAX = 100_000, 500
ARGUMENTS_MAX = 12  # a seed adds every mitra by one command; all keys that the contract names are kept

LEFT = {
    "audit": (
        "SELECT id::float8, mitra_id::text, status, extract(epoch FROM created_at)::float8 AS at"
        " FROM mitra_online_logs ORDER BY mitra_online_logs.id"
    ),
    "sign_ins": (
        "SELECT user_id::text, revoked_at IS NULL AND expires_at > clock_timestamp() AS live FROM auth_sessions"
    ),
    "chats": (
        "SELECT id::text, mitra_id::text, status, extract(epoch FROM ends_at)::float8 AS ends_at FROM chat_sessions"
    ),
    "offers": "SELECT chat_session_id::text, mitra_id::text FROM chat_request_notifications",
    "now": "SELECT extract(epoch FROM clock_timestamp())::float8 AS at",
}

# The column belongs to the reference server: a row without it has no version.
VERSIONS = (
    "SELECT id::text, (to_jsonb(m)->>'mirror_version')::bigint AS version FROM mitras m"
    " WHERE to_jsonb(m)->>'mirror_version' IS NOT NULL"
)


def kept(verb: str, args: Sequence[str]) -> list[str]:
    """The first arguments, and of the others those that a check may look for: the contract's keys."""
    rest = contract_keys(CommandText(args[ARGUMENTS_MAX - 1 :]))
    return [verb, *args[1:ARGUMENTS_MAX], *rest]


def write_history(testbed: Testbed, since: float, until: float) -> None:
    """Lines of what the servers did: statements, commands that changed something, scripts, and the rows at the end.

    Without a statement log a weakness is noted instead, and what counts statements is skipped by its checks.
    """
    try:
        testbed.statements.fence(testbed.tables.connection)
        for statement in testbed.statements.window(since, until):
            plain = statement.plain()
            if plain["class"] != "observer":
                testbed.recorder.add(line_from(Statement, {"t": plain["at"], **plain}))
    except NoStatementLog as missing:
        testbed.recorder.add(Weakness(t=time.time(), text=str(missing)))
    testbed.monitor.fence()
    commands = seen_commands(testbed, since, until)
    write_commands(testbed.recorder, commands or [])
    spec = testbed.stack.spec
    here = spec.mode == "embedded" and not spec.postgres and not spec.valkey
    testbed.recorder.add(
        ProtocolSeen(t=time.time(), version=PROTOCOL_VERSION, monitor=commands is not None, one_clock=here)
    )
    blind = [span for span in testbed.monitor.blind if span[0] < until and span[1] > since]
    testbed.recorder.add(Watched(t=time.time(), blind=blind, statements=testbed.statements.available))
    left = {name: testbed.tables.query(query).dicts() for name, query in LEFT.items()}
    info = testbed.mirror.client.info("stats")
    testbed.recorder.add(line_from(Left, {**left, "evicted_keys": int(info["evicted_keys"])}))


def write_versions(testbed: Testbed) -> None:
    """A line with the versions that the mitras' rows have before the traffic."""
    rows = testbed.tables.query(VERSIONS).dicts()
    testbed.recorder.add(Versions(t=time.time(), of={row["id"]: int(row["version"]) for row in rows}))


def write_commands(recorder: RecordWriter, commands: Sequence[Command]) -> None:
    """A line for each command of an instance that changed something, for each script, and for what others changed."""
    for place, command in enumerate(commands):
        if command.verb in SCRIPT_COMMANDS:
            recorder.add(script_line(command, ran_by(commands, place)))
        elif command.verb in LOOKS:
            continue
        elif command.instance is not None:
            args = kept(command.verb, command.args)
            recorder.add(
                CommandTaken(t=command.at, at=command.at, args=args, instance=command.instance, lua=command.lua)
            )
        elif not command.lua and command.verb in WRITES | EMPTIES:
            recorder.add(OtherCommand(t=command.at, args=kept(command.verb, command.args)))


def ran_by(commands: Sequence[Command], place: int) -> list[list[str]]:
    """The commands that the script at this place ran: MONITOR shows them right after its call."""
    inner = itertools.takewhile(lambda command: command.lua, itertools.islice(commands, place + 1, None))
    return [kept(command.verb, command.args) for command in inner]


def script_line(command: Command, ran: list[list[str]]) -> ScriptTaken:
    """EVALSHA has a digest, the number of keys, the keys, and the arguments."""
    number = int(command.args[2]) if len(command.args) > 2 and command.args[2].isdecimal() else 0
    keys, args = command.args[3 : 3 + number], command.args[3 + number :]
    shown = [argument[:ARGUMENT_MAX] for argument in args[:SCRIPT_ARGUMENTS_MAX]]
    cut = len(shown) < len(args) or any(len(argument) > ARGUMENT_MAX for argument in args)
    return ScriptTaken(t=command.at, instance=command.instance, keys=list(keys), args=shown, ran=ran, cut=cut)


def seen_commands(testbed: Testbed, since: float, until: float) -> list[Command] | None:
    """All that Valkey took; None, and a weakness of the run, where MONITOR cannot be had."""
    try:
        return testbed.monitor.window(since, until)
    except CannotObserve as missing:
        testbed.recorder.add(Weakness(t=time.time(), text=str(missing)))
        return None
