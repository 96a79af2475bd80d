"""What several sections look at in the same way: a start in an environment, pings so far, rows of the online status."""

import time
from collections.abc import Sequence
from contextlib import suppress

import psutil

from rig.checks.common.sql_statements import names, unknown_roles, writes
from rig.contract import SEED_LINE
from rig.environment.cadence import ENVIRONMENT
from rig.record import evidence
from rig.record.evidence import Evidence
from rig.record.observations.parts import HeartbeatColumns, Ping, ServerStart, SqlStatement, fields_of
from rig.runs.checklist.observation import Observed
from rig.runs.checklist.world import World
from rig.stack import CapabilityMissing, ServerInstance
from rig.traffic import Mitra

LOOK_EVERY_S = 0.05
SHOWN = 10  # of many lines of evidence, so many are shown


def watch(world: World, seconds: float) -> None:
    """Let a time pass that a box says must pass. RuntimeError when a backend ends meanwhile."""
    deadline = time.monotonic() + seconds
    while (left := deadline - time.monotonic()) > 0:
        gone = [name for name, server in world.bench.servers.items() if not server.running]
        if gone:
            raise RuntimeError(f"backend {', '.join(gone)} ended while nothing was asked of it")
        time.sleep(min(LOOK_EVERY_S, left))


def cadence_of(world: World, name: str) -> float:
    """Seconds of the cadence that this scenario's backends run at."""
    return world.notes["cadences"][name]


def started_in(world: World, name: str) -> Observed:
    """The start of backend a in the environment that this scenario asked for, as its process shows it too."""
    server, variable = world.bench.server(), ENVIRONMENT[name]
    if not server.managed:
        raise CapabilityMissing(f"the running server is not ours to start: it has {variable}={server.env[variable]}")
    process = process_variable(server, variable)
    lines = world.log_lines(SEED_LINE, server.started)
    return Observed(
        ServerStart(
            variable=variable,
            wanted=str(int(cadence_of(world, name))),
            given=server.env.get(variable),
            process=process,
            running=server.running,
            seed_lines=[text for _, text in lines],
        ),
        [
            evidence.note(f"pid {server.pid}, started with {variable}={server.env.get(variable)}"),
            evidence.log("backend a, since its start", [text for _, text in lines[:SHOWN]], looked_for=SEED_LINE),
        ],
    )


def process_variable(server: ServerInstance, variable: str) -> str | None:
    """What the backend's process has in its environment; None where it has not, or lets nobody look."""
    if server.pid is not None:
        with suppress(psutil.Error):  # another user's process
            return psutil.Process(server.pid).environ().get(variable)
    return None


def pings_of(world: World, since: float | None = None) -> list[Ping]:
    """The background pings of this scenario so far."""
    found = [exchange for pings in world.notes.get("background pings", []) for exchange in pings.exchanges]
    return [
        Ping(
            id=exchange.subject,
            at=exchange.started,
            ended=exchange.ended,
            status=exchange.status,
            is_online=fields_of(exchange.reply).get("is_online"),
        )
        for exchange in sorted(found, key=lambda exchange: exchange.started)
        if since is None or exchange.started >= since
    ]


def pinging(world: World) -> list[str]:
    """Ids of the mitras who ping in the background, answered or not."""
    return sorted({mitra.id for pings in world.notes.get("background pings", []) for mitra in pings.mitras})


def pings_evidence(world: World, pings: Sequence[Ping]) -> Evidence:
    """A line for each mitra: how many pings, with which answers."""
    lines = []
    for mitra in sorted({ping.id for ping in pings}):
        of_her = [ping for ping in pings if ping.id == mitra]
        answers = sorted({f"{ping.status} is_online={ping.is_online}" for ping in of_her})
        lines.append(f"{world.name_of(mitra)} {len(of_her)} pings: {', '.join(answers)}")
    return evidence.note("; ".join(lines) or "no pings")


def ids_of(world: World, names: Sequence[str]) -> list[str]:
    return [world.mitra(name).id for name in names]


def online_rows(world: World, ids: Sequence[str]) -> tuple[dict[str, bool], Evidence]:
    """`is_online` of each of these mitras, and the query that says so."""
    result = world.bench.tables.query(
        "SELECT mitra_id::text, is_online FROM mitra_online_status WHERE mitra_id::text = ANY(%s) ORDER BY 1",
        (list(ids),),
    )
    return dict(result.rows), result.evidence()


def audit_rows(world: World, ids: Sequence[str]) -> tuple[dict[str, list[str]], Evidence]:
    """The audit of each of these mitras in its order, and the query that says so."""
    result = world.bench.tables.query(
        "SELECT mitra_id::text, status, created_at FROM mitra_online_logs WHERE mitra_id::text = ANY(%s) ORDER BY id",
        (list(ids),),
    )
    audit: dict[str, list[str]] = {mitra: [] for mitra in ids}
    for mitra, status, _ in result.rows:
        audit[mitra].append(status)
    return audit, result.evidence()


def sample_of(world: World) -> HeartbeatColumns:
    """`last_heartbeat_at` of each mitra of the scenario, in epoch seconds, and when the look began."""
    at, ids = time.time(), [person.id for person in world.people.values() if isinstance(person, Mitra)]
    result = world.bench.tables.query(
        "SELECT mitra_id::text, extract(epoch FROM last_heartbeat_at)::float8 FROM mitra_online_status"
        " WHERE mitra_id::text = ANY(%s)",
        (ids,),
    )
    return HeartbeatColumns(at=at, columns=dict(result.rows))


def writes_to(
    world: World, tables: Sequence[str], since: float, until: float | None = None
) -> tuple[list[SqlStatement], Evidence]:
    """The backends' statements that write one of these tables (and any of an unknown role), with a count of all."""
    found = world.statements(since, until)
    kept = [s for s in found if unknown_roles([s]) or any(writes(s, table) for table in tables)]
    counts = {"statements": len(found), "writes": len(kept)}
    for table in tables:
        counts[f"naming {table}"] = sum(1 for s in found if names(s, table))
    return kept, evidence.statements(f"statements that write {', '.join(tables)}", counts, shown(kept))


def shown(statements: Sequence[SqlStatement]) -> list[str]:
    """The first of them as lines for a reader: when, who, what, with which parameters."""
    return [
        f"{s.at:.3f} {s.role} {s.severity} {' '.join(s.text.split())} {s.parameters or ''}".rstrip()
        for s in statements[:SHOWN]
    ]


def stamped(lines: Sequence[tuple[float, str]]) -> list[str]:
    return [f"{at:.3f} {text}" for at, text in lines[:SHOWN]]
