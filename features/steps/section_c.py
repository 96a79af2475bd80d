"""How the boxes of section C are observed: what a ping costs, what it leaves, and who is refused."""

import time
from datetime import UTC, datetime, timedelta

import msgspec
from pytest_bdd import given, parsers, when

from features.steps.looks import SHOWN, cadence_of, stamped, watch
from features.steps.outages import seen_from_both_ends
from features.steps.people import NAMES, split_names
from features.steps.windows import (
    answers_of,
    blind_s,
    commands_evidence,
    exchanges_evidence,
    seen_all,
    statements_evidence,
    statements_in,
    tally,
    tally_commands,
    tally_evidence,
    window,
    writes_in,
)
from features.steps.witness import without_postgres
from rig.checks.common.sql_statements import writes
from rig.checks.common.valkey_commands import sets_key
from rig.contract import ANSWER_S, HEARTBEAT, HEARTBEAT_FALLBACK_LINE, LOG_FLUSH_S, WRITE_THROUGH_S
from rig.record import evidence
from rig.record.evidence import Evidence
from rig.record.observations.section_c import (
    CountedPings,
    DeactivatedMembership,
    Deactivation,
    HeartbeatInPostgres,
    PingsAfterOutage,
    PingsWithoutValkey,
    PingTime,
    PingTimes,
    RefusedPing,
    SpacedPings,
)
from rig.runs.checklist.observation import Observed, answers
from rig.runs.checklist.world import World
from rig.traffic import Exchange

SPACED_PINGS = 4  # three cycles between them
CLOCK_S = 0.1  # two clocks of one machine, or of two that keep time
LATE_S = 0.3  # what a server does after its answer comes within this, in a window that nothing else follows at once


@when(parsers.re(r"(?P<name>[A-Z]\w+) pings every (?P<seconds>\d+) seconds for a few cycles"))
def spaced_pings(world: World, name: str, seconds: str) -> None:
    """The value is read after each ping; what Postgres is asked meanwhile is the measure for the many pings later."""
    mitra, every_s = world.mitra(name), world.cadence.seconds("ping", int(seconds))
    noted: list[tuple[Exchange, str | None]] = []
    with window(world, "spaced"):
        for position in range(SPACED_PINGS):
            if position:
                watch(world, every_s)
            exchange = mitra.ping()
            noted.append((exchange, world.bench.mirror.heartbeat(mitra.id)))
    world.notes["spaced pings"] = noted
    world.notes["ping every"] = every_s


@when(parsers.re(r"Sari pings (?P<count>\d+) times in a row, and Tuti, who is offline, (?P<few>\d+) times"))
def many_pings(world: World, count: str, few: str) -> None:
    sari, tuti = world.mitra("Sari"), world.mitra("Tuti")
    # A server that hears of what was changed before looks at Postgres within that time: it is no ping's doing.
    watch(world, max(0.0, world.notes["spaced"].since + WRITE_THROUGH_S + LATE_S - time.time()))
    with window(world, "pinged"):
        world.notes["pings"] = [sari.ping() for _ in range(int(count))]
        world.notes["offline pings"] = [tuti.ping() for _ in range(int(few))]


@when(parsers.re(r"Sari pings (?P<count>\d+) times in a row, and is refused each time"))
def refused_pings(world: World, count: str) -> None:
    with window(world, "pinged"):
        world.notes["pings"] = [world.mitra("Sari").ping() for _ in range(int(count))]


@given("Sari's last_heartbeat_at in Postgres is an hour old")
def old_heartbeat(world: World) -> None:
    before = datetime.now(UTC) - timedelta(hours=1)
    world.bench.fixtures.update("mitra_online_status", world.mitra("Sari").id, last_heartbeat_at=before)
    world.notes["before"] = before.timestamp()


@when(parsers.re(NAMES + r" ping (?P<count>\d+) times each"))
def pings_in_the_outage(world: World, names: str, count: str) -> None:
    with window(world, "outage pings"):
        world.notes["pings"] = {
            name: [world.mitra(name).ping() for _ in range(int(count))] for name in split_names(names)
        }


@when(parsers.re(r"Sari pings (?P<count>\d+) times, and Dewi once"))
def pings_after_the_outage(world: World, count: str) -> None:
    with window(world, "healed pings"):
        world.notes["healed"] = [world.mitra("Sari").ping() for _ in range(int(count))]
        world.notes["healed, refused"] = world.mitra("Dewi").ping()


@answers("C-01")
def one_cycle(world: World) -> Observed:
    pings = [exchange for exchange, _ in world.notes["spaced pings"]]
    return Observed(
        SpacedPings(pings=seen_all(pings)),
        exchanges_evidence(pings),
        {"cycle_s": world.notes["ping every"]},
    )


def pings_of_window(world: World) -> tuple[CountedPings, list[Evidence]]:
    """Sari's pings of a window: their answers, every statement, every command on a key of the contract."""
    noted, exchanges = world.notes["pinged"], world.notes["pings"]
    watch(world, max(0.0, noted.until + LATE_S - time.time()))
    statements, commands = statements_in(world, noted, LATE_S), writes_in(world, noted, LATE_S)
    tallied = tally_commands(commands)
    seen = CountedPings(
        mitra=world.mitra("Sari").id,
        answers=answers_of(exchanges),
        statements=tally(statements),
        commands=tallied,
        blind_s=blind_s(world, noted),
        seconds=noted.until - noted.since,
    )
    return seen, [
        *exchanges_evidence(exchanges),
        statements_evidence("the backend's statements while they were sent", statements),
        tally_evidence("the backend's commands on the contract's keys while they were sent", tallied),
    ]


@answers("C-02")
def nothing_in_postgres(world: World) -> Observed:
    if "hot" in world.notes:
        return without_postgres(world, "active")
    seen, shown = pings_of_window(world)
    spaced, offline = world.notes["spaced"], world.notes["offline pings"]
    seen = msgspec.structs.replace(
        seen,
        offline=answers_of(offline),
        idle=tally(statements_in(world, spaced)),
        idle_seconds=spaced.until - spaced.since,
    )
    return Observed(seen, [*shown, *exchanges_evidence(offline)])


@answers("C-03")
def moves_on(world: World) -> Observed:
    noted = world.notes["spaced pings"]
    times = [PingTime(exchange.started, exchange.ended, value) for exchange, value in noted]
    lines = [f"ping {ping.began:.3f} – {ping.ended:.3f}: {ping.heartbeat}" for ping in times]
    return Observed(
        PingTimes(pings=times, answers=answers_of([exchange for exchange, _ in noted])),
        [evidence.note("; ".join(lines)), world.bench.mirror.describe(HEARTBEAT + world.mitra("Sari").id)],
        {"clock_s": CLOCK_S},
    )


def cycle_s(world: World) -> float:
    return cadence_of(world, "heartbeat-mirror") + 1


@answers("C-04", within_s=lambda world: cycle_s(world) + 0.5)
def reaches_postgres(world: World) -> Observed:
    """By the COMMIT of the last statement that wrote the table before the look, or the look itself."""
    sari, ping = world.mitra("Sari").id, world.notes["Sari ping"]
    row = world.bench.tables.query(
        "SELECT last_heartbeat_at, extract(epoch FROM last_heartbeat_at)::float8 FROM mitra_online_status WHERE mitra_id = %s",
        (sari,),
    )
    looked_at = time.time()
    written = [s for s in world.statements(ping.ended) if writes(s, "mitra_online_status") and s.committed_at]
    commits = [s.committed_at for s in written if s.committed_at <= looked_at]
    # The second look of the mirror: Sari pinged once, so this is the ping's own value.
    value = world.bench.mirror.heartbeat(sari)
    return Observed(
        HeartbeatInPostgres(
            ping=ping.seen(),
            value=value,
            before=world.notes["before"],
            column=row.rows[0][1],
            seen_at=max(commits, default=looked_at),
        ),
        [
            ping.evidence(),
            world.bench.mirror.describe(HEARTBEAT + sari),
            row.evidence(),
            statements_evidence("statements that wrote mitra_online_status after the ping", written),
        ],
        {"within_s": cycle_s(world)},
    )


@answers("C-05")
def deactivated(world: World) -> Observed:
    exchange = world.notes["Sari deactivates"]
    return Observed(Deactivation(exchange=exchange.seen(), mitra=world.mitra("Sari").id), [exchange.evidence()])


@answers("C-06", within_s=WRITE_THROUGH_S)
def in_the_set(world: World) -> Observed:
    sari, exchange, now = world.mitra("Sari").id, world.notes["Sari deactivates"], time.time()
    member = bool(world.bench.mirror.client.sismember("mitras:deactivated", sari))
    written = world.written_at("mitras:deactivated", ("SADD",), sari, exchange.started)
    at = written or now
    return Observed(
        DeactivatedMembership(member=member, answered_at=exchange.ended, visible_at=at if member else None),
        [
            exchange.evidence(),
            evidence.valkey(f"SISMEMBER mitras:deactivated {sari}", int(member)),
            evidence.timing("in mitras:deactivated after the answer", max(0.0, at - exchange.ended), WRITE_THROUGH_S),
        ],
        {"within_s": WRITE_THROUGH_S},
    )


@answers("C-07")
def refused(world: World) -> Observed:
    exchange, control = world.notes["Sari ping"], world.mitra("Dewi").ping()
    return Observed(
        RefusedPing(exchange=exchange.seen(), control=control.seen()), [exchange.evidence(), control.evidence()]
    )


@answers("C-08")
def guard_is_valkeys(world: World) -> Observed:
    if "hot" in world.notes:
        return without_postgres(world, "deactivated")
    return Observed(*pings_of_window(world))


@answers("C-09")
def stopped(world: World) -> Observed:
    return seen_from_both_ends(world)


@answers("C-10", within_s=LOG_FLUSH_S)
def checked_in_postgres(world: World) -> Observed:
    """A log line may come up to 1 s after its event, so the look is repeated so long."""
    pings, noted = world.notes["pings"], world.notes["outage pings"]
    lines = world.log_lines(HEARTBEAT_FALLBACK_LINE, noted.since)
    statements = statements_in(world, noted, LATE_S)
    wrote = [s for s in statements if any(writes(s, table) for table in ("mitra_online_status", "mitra_online_logs"))]
    every = [exchange for exchanges in pings.values() for exchange in exchanges]
    return Observed(
        PingsWithoutValkey(
            valkey=world.notes["valkey from both ends"],
            pings={name: seen_all(exchanges) for name, exchanges in pings.items()},
            lines=len(lines),
            wrote=wrote[:SHOWN],
            unknown=tally([s for s in statements if s.class_ == "unknown"]),
        ),
        [
            *(exchanges[0].evidence() for exchanges in pings.values()),
            *exchanges_evidence(every)[:1],
            evidence.log("backend a, in the outage", stamped(lines), looked_for=HEARTBEAT_FALLBACK_LINE),
            statements_evidence("the backend's statements while they were sent", statements),
        ],
        {"answer_s": ANSWER_S},
    )


@answers("C-11")
def back_on_valkey(world: World) -> Observed:
    """Judged on the whole log from the seed line to the exit."""
    sari, noted = world.mitra("Sari").id, world.notes["healed pings"]
    commands = [c for c in writes_in(world, noted) if sets_key(c, HEARTBEAT + sari)]
    lines = world.log_lines(HEARTBEAT_FALLBACK_LINE, world.notes["seeded at"])
    healed, dewi = world.notes["healed"], world.notes["healed, refused"]
    return Observed(
        PingsAfterOutage(
            exit_code=world.notes["exit code"],
            answers=answers_of(healed),
            refused=dewi.seen(),
            sets=len(commands),
            lines=[text for _, text in lines],
            blind_s=blind_s(world, noted),
        ),
        [
            *exchanges_evidence(healed),
            dewi.evidence(),
            commands_evidence("Sari's heartbeats in Valkey", commands),
            evidence.log(
                "backend a, from the seed line to its exit", stamped(lines), looked_for=HEARTBEAT_FALLBACK_LINE
            ),
        ],
    )
