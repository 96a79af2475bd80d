"""What a campaign's servers did to the stores, and what they left there: read once at its end, into the record."""

import time
from collections.abc import Sequence

from rig.checks.common.valkey_commands import CommandText, contract_keys
from rig.environment.testbed import Testbed
from rig.observe import CannotObserve, Command, NoStatementLog
from rig.record.lines import line_from
from rig.record.lines.chaos import CommandTaken, Left, Statement, Watched
from rig.record.lines.common import Weakness

# Verbs that change nothing by themselves; what a script does follows as commands of its own.
LOOKS = frozenset({
    "AUTH", "CLIENT", "COMMAND", "CONFIG", "DBSIZE", "ECHO", "EVAL", "EVALSHA", "EXISTS", "GET", "GETRANGE", "HELLO", "INFO", "MGET", "PING",
    "PTTL", "SCAN", "SCARD", "SCRIPT", "SELECT", "SISMEMBER", "SMEMBERS", "SMISMEMBER", "STRLEN", "TIME", "TTL", "TYPE",
})  # fmt: skip
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


def kept(verb: str, args: Sequence[str]) -> list[str]:
    """The first arguments, and of the others those that a check may look for: the contract's keys."""
    rest = contract_keys(CommandText(args[ARGUMENTS_MAX - 1 :]))
    return [verb, *args[1:ARGUMENTS_MAX], *rest]


def write_history(bench: Testbed, since: float, until: float) -> None:
    """A `statement` line each, a `command` line for each that changed something, and one `left` line of rows.

    Without a statement log a weakness is noted instead, and what counts statements is skipped by its checks.
    """
    try:
        bench.statements.fence(bench.tables.connection)
        for statement in bench.statements.window(since, until):
            plain = statement.plain()
            if plain["class"] != "observer":
                bench.recorder.add(line_from(Statement, {"t": plain["at"], **plain}))
    except NoStatementLog as missing:
        bench.recorder.add(Weakness(t=time.time(), text=str(missing)))
    bench.monitor.fence()
    for command in seen_commands(bench, since, until):
        if command.verb not in LOOKS:
            args = kept(command.verb, command.args)
            bench.recorder.add(
                CommandTaken(t=command.at, at=command.at, args=args, instance=command.instance, lua=command.lua)
            )
    blind = [span for span in bench.monitor.blind if span[0] < until and span[1] > since]
    bench.recorder.add(Watched(t=time.time(), blind=blind, statements=bench.statements.available))
    left = {name: bench.tables.query(query).dicts() for name, query in LEFT.items()}
    info = bench.mirror.client.info("stats")
    bench.recorder.add(line_from(Left, {**left, "evicted_keys": int(info["evicted_keys"])}))


def seen_commands(bench: Testbed, since: float, until: float) -> list[Command]:
    """Those of the instances; none, and a weakness of the run, where MONITOR cannot be had."""
    try:
        return [command for command in bench.monitor.window(since, until) if command.instance is not None]
    except CannotObserve as missing:
        bench.recorder.add(Weakness(t=time.time(), text=str(missing)))
        return []
