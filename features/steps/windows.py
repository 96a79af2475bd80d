"""A window in which everything that Postgres and Valkey were asked is kept: what the counting boxes look at."""

import time
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

import msgspec
import redis

from features.steps.looks import shown
from rig.checks.common.sql_statements import UUID, failed, names
from rig.checks.common.valkey_commands import contract_keys, verb
from rig.observe import NoMonitor
from rig.record import evidence
from rig.record.evidence import Evidence
from rig.record.observations.parts import (
    AnswerCount,
    CountedCommand,
    CountedStatement,
    HttpExchange,
    SqlStatement,
    ValkeyCommand,
)
from rig.runs.checklist.world import World
from rig.traffic import Exchange

SHOWN = 10  # of many exchanges or commands, so many are shown
PARAMETERS_KEPT = 20
COUNTED_TABLES = ("mitras", "mitra_online_status", "auth_sessions")


@dataclass
class Window:
    """Begin and end of a window by our clock and by Valkey's; `until` is None while it is open."""

    since: float
    valkey_since: float
    until: float | None = None
    valkey_until: float | None = None


def valkey_now(world: World) -> float:
    """Valkey's clock, by which MONITOR stamps its lines; ours while Valkey is away."""
    try:
        seconds, microseconds = world.bench.mirror.client.time()
    except redis.RedisError:
        return time.time()
    return float(seconds) + microseconds / 1e6


@contextmanager
def window(world: World, note: str) -> Iterator[Window]:
    """Note the window of what is done inside. MONITOR is up to date before it, so that nothing of it is missed."""
    world.bench.monitor.fence()
    noted = world.notes[note] = Window(time.time(), valkey_now(world))
    yield noted
    noted.until, noted.valkey_until = time.time(), valkey_now(world)
    if isinstance(world.bench.monitor, NoMonitor):
        world.bench.monitor.fence()  # its counters have to be read at both ends


def statements_in(world: World, noted: Window, late_s: float = 0.0) -> list[SqlStatement]:
    """The backends' statements of a window, and `late_s` more for what is done after the answer."""
    return world.statements(noted.since, None if noted.until is None else noted.until + late_s)


def commands_in(world: World, noted: Window, late_s: float = 0.0) -> list[ValkeyCommand]:
    """The backends' commands of a window, by Valkey's clock."""
    until = valkey_now(world) if noted.valkey_until is None else noted.valkey_until + late_s
    return world.commands(noted.valkey_since, until)


def writes_in(world: World, noted: Window, late_s: float = 0.0) -> list[ValkeyCommand]:
    """As `commands_in`, for a check that needs only how often keys were written and availability was computed.

    Without MONITOR, keyspace events and commandstats tell as much, of one backend.
    """
    monitor = world.bench.monitor
    if not isinstance(monitor, NoMonitor) or len(world.bench.servers) > 1:
        return commands_in(world, noted, late_s)
    monitor.fence()
    until = valkey_now(world) if noted.valkey_until is None else noted.valkey_until + late_s
    (backend,) = world.bench.servers
    changes = monitor.changes(backend, noted.valkey_since, until)
    world.weaken(f"writes were told by keyspace events and counted by commandstats: {monitor.why}")
    return [change.seen() for change in changes]


def blind_s(world: World, noted: Window) -> float:
    """For how long of the window MONITOR was not connected."""
    if isinstance(world.bench.monitor, NoMonitor):
        return 0.0  # the second witness says by itself what it has not heard
    until = noted.until or time.time()
    return sum(max(0.0, min(b, until) - max(a, noted.since)) for a, b in world.bench.monitor.blind)


def tally(statements: Iterable[SqlStatement]) -> list[CountedStatement]:
    """Equal statements as one with a `count`: of 500 the record keeps the text once, and some of the parameters."""
    equal: dict[tuple[str, ...], list[SqlStatement]] = {}
    for s in statements:
        equal.setdefault((s.role, s.class_, s.severity, s.text), []).append(s)
    return [
        CountedStatement(**{**msgspec.structs.asdict(same[0]), "parameters": kept_parameters(same)}, count=len(same))
        for same in equal.values()
    ]


def kept_parameters(statements: Iterable[SqlStatement]) -> list[str | None]:
    """The different parameters of these statements: all that contain an id, as verdicts depend on ids, and some others."""
    kept: list[str | None] = []
    for s in statements:
        new = [value for value in s.parameters if value not in kept]
        with_id = [value for value in new if value and UUID.search(value)]
        others = [value for value in new if value not in with_id]
        room = max(0, PARAMETERS_KEPT - len(kept))
        kept += with_id + others[:room]
    return kept


def statements_evidence(title: str, statements: Sequence[SqlStatement]) -> Evidence:
    """Counted by class and by the tables that matter here, with the first of them."""
    counts = {name: sum(s.class_ == name for s in statements) for name in ("work", "driver", "unknown")}
    counts |= {f"naming {table}": sum(names(s, table) for s in statements) for table in COUNTED_TABLES}
    counts["failed"] = sum(failed(s) for s in statements)
    return evidence.statements(title, counts, shown(statements))


def tally_commands(commands: Iterable[ValkeyCommand]) -> list[CountedCommand]:
    """Commands that name a key of the contract, equal ones as one with a `count`; values are left out."""
    equal: dict[tuple[str | None, ...], list[ValkeyCommand]] = {}
    for command in commands:
        keys = contract_keys(command)
        if keys:
            equal.setdefault((command.instance, verb(command), *keys), []).append(command)
    return [
        CountedCommand(
            at=same[0].at,
            args=[verb(same[0]), *contract_keys(same[0])],
            instance=same[0].instance,
            lua=same[0].lua,
            count=len(same),
        )
        for same in equal.values()
    ]


def commands_evidence(title: str, commands: Sequence[ValkeyCommand]) -> Evidence:
    lines = [f"{c.at:.6f} {c.instance}{' lua' if c.lua else ''} {' '.join(c.args)[:160]}" for c in commands[:SHOWN]]
    if len(commands) > SHOWN:
        lines.append(f"… {len(commands)} in all")
    return evidence.commands(title, lines)


def tally_evidence(title: str, tallied: Sequence[CountedCommand]) -> Evidence:
    return evidence.commands(title, [f"{c.count} × {c.instance} {' '.join(c.args)}" for c in tallied[:SHOWN]])


def answers_of(exchanges: Sequence[Exchange]) -> list[AnswerCount]:
    """Each different answer with how often it was received; without an answer the error stands for the reply."""
    equal: dict[str, list[AnswerCount]] = {}
    for exchange in exchanges:
        reply = exchange.error if exchange.status is None else exchange.reply
        answer = AnswerCount(exchange.status, exchange.code, reply, 1)
        equal.setdefault(repr(answer), []).append(answer)
    return [msgspec.structs.replace(same[0], count=len(same)) for same in equal.values()]


def exchanges_evidence(exchanges: Sequence[Exchange]) -> list[Evidence]:
    """The first exchange, the first of each other answer, and a line on all of them."""
    first: dict[str, Exchange] = {}
    for exchange in exchanges:
        first.setdefault(repr((exchange.status, exchange.code, exchange.reply)), exchange)
    slowest = max((exchange.seconds for exchange in exchanges), default=0.0)
    told = ", ".join(
        f"{answer.count} × {answer.status or answer.reply} {answer.code or ''}".strip()
        for answer in answers_of(exchanges)[:SHOWN]
    )
    summary = f"{len(exchanges)} requests: {told}; slowest {slowest * 1000:.0f} ms"
    return [evidence.note(summary), *(exchange.evidence() for exchange in list(first.values())[:SHOWN])]


def seen_all(exchanges: Sequence[Exchange]) -> list[HttpExchange]:
    return [exchange.seen() for exchange in exchanges]
