"""How the boxes of section H are observed: the statement of each mirror cycle, and the column that it fills."""

import time
from collections.abc import Sequence

from pytest_bdd import given, parsers, when

from features.steps.looks import (
    LOOK_EVERY_S,
    SHOWN,
    cadence_of,
    online_rows,
    pinging,
    pings_evidence,
    pings_of,
    sample_of,
    started_in,
    watch,
    writes_to,
)
from features.steps.outages import seen_from_both_ends, skip_lines
from features.steps.people import NOBODY, must
from rig.checks.common.sql_statements import uses_unnest
from rig.checks.framework import LAG_VOID_S
from rig.contract import HEARTBEAT, MIRROR_SKIPPED_LINE, SLACK_S
from rig.environment.step_errors import Broke, Unmet
from rig.record import evidence
from rig.record.observations.parts import SqlStatement, ValkeyCommand
from rig.record.observations.section_h import (
    ColumnsInOutage,
    HeartbeatAges,
    HeartbeatingMitras,
    HeartbeatLag,
    HeartbeatWrite,
    MirrorStatements,
    WrittenHeartbeats,
)
from rig.runs.checklist.observation import Observed, answers
from rig.runs.checklist.world import World

PINGED_S = 2.0  # over the interval in which everyone pings once
STATUS = "mitra_online_status"
CLOCK_S = 1.0  # a toggle may take Postgres' clock for the column and its own for the key
PINGING_S = 5  # as written in the feature
WRITES_A_HEARTBEAT = ("SET", "GETSET", "SETEX", "PSETEX")


def cycle_s(world: World) -> float:
    return cadence_of(world, "heartbeat-mirror")


def mirrored(world: World, since: float) -> list[SqlStatement]:
    """The mirror's statements since then, by any backend."""
    return [statement for statement in writes_to(world, [STATUS], since)[0] if uses_unnest(statement)]


@given(parsers.re(r"(?P<name>[A-Z]\w+) is an online mitra who pings once and then falls silent"))
def pings_once(world: World, name: str) -> None:
    """The ping comes after the toggle, so that the toggle's own write of the column does not cover it."""
    mitra = world.add_mitra(name)
    must(mitra.online(), 200)
    must(mitra.ping(), 200)
    world.notes["silent"] = [name]


@given("somebody puts two ids that are nobody's into mitras:online, one with a heartbeat that is no time")
def nobodies_online(world: World) -> None:
    """One statement carries all heartbeats: one that it can't carry must not cost the others theirs."""
    valkey, ids = world.bench.mirror.client, (NOBODY, NOBODY.replace("9", "8"))
    valkey.sadd("mitras:online", *ids)
    valkey.mset({HEARTBEAT + ids[0]: "2026-01-01T00:00:00.000Z", HEARTBEAT + ids[1]: "yesterday"})


@when(parsers.re(r"(?P<count>\d+) mirror cycles have passed"))
def cycles_have_passed(world: World, count: str) -> None:
    """Cycles lie between statements, so one more of those; after the time of so many and 2 s it is the box's to judge.

    Meanwhile the column is sampled: its lag is least right after a statement, which is when this ends.
    """
    since = time.time()
    deadline = since + (int(count) + 1) * cycle_s(world) + 2
    samples = [sample_of(world)]
    while len(mirrored(world, since)) <= int(count) and time.time() < deadline:
        watch(world, LOOK_EVERY_S)
        samples.append(sample_of(world))
    world.notes["cycles"] = (since, time.time())
    world.notes["samples"] = samples


@when("their heartbeats have been mirrored")
def have_been_mirrored(world: World) -> None:
    """Each has pinged before the statement that is waited for."""
    since = time.time()
    ids = {person.id for person in world.people.values()}
    deadline = since + 2 * cycle_s(world) + 2
    while time.time() < deadline:
        pinged = {ping.id: ping.ended for ping in reversed(pings_of(world)) if ping.status == 200}
        if ids <= set(pinged) and mirrored(world, max(pinged.values())):
            return
        watch(world, LOOK_EVERY_S)
    told = f"no statement mirrored the pings of all within {deadline - since:.0f} s"
    pinged = {ping.id: ping.ended for ping in reversed(pings_of(world)) if ping.status == 200}
    owed = ids <= set(pinged) and max(pinged.values()) <= since + cycle_s(world)
    if owed and world.bench.lag.worst(since, time.time()) <= LAG_VOID_S:
        raise Broke(told, "H-03")
    raise Unmet(told)


@answers("H-01", within_s=lambda world: world.notes["pings every"] + PINGED_S)
def heartbeating(world: World) -> Observed:
    ids, pings = pinging(world), pings_of(world)
    rows, shown = online_rows(world, ids)
    return Observed(
        HeartbeatingMitras(mitras=ids, online=[mitra for mitra, online in rows.items() if online], pings=pings),
        [shown, pings_evidence(world, pings)],
    )


@answers("H-02", within_s=1.0)
def cycle_shortened(world: World) -> Observed:
    return started_in(world, "heartbeat-mirror")


@answers("H-03", within_s=0.5)
def one_statement_a_cycle(world: World) -> Observed:
    """The COMMIT of the last one may come a moment after its line."""
    since, until = world.notes["cycles"]
    statements, shown = writes_to(world, [STATUS], since, until)
    pings = pings_of(world, since)
    return Observed(
        MirrorStatements(statements=statements, pinging=pinging(world), pings=pings, since=since, until=until),
        [shown, pings_evidence(world, pings)],
        {"cycle_s": cycle_s(world), "late_s": SLACK_S},
    )


@answers("H-04")
def within_the_last_cycle(world: World) -> Observed:
    """Ages by Postgres' own clock, in the query that reads the rows."""
    result = world.bench.tables.query(
        "SELECT mitra_id::text, last_heartbeat_at,"
        " extract(epoch FROM clock_timestamp() - last_heartbeat_at)::float8 AS age_s"
        " FROM mitra_online_status WHERE is_online ORDER BY 1"
    )
    nobody = world.bench.tables.query(
        "SELECT mitra_id::text FROM mitra_online_status AS o"
        " WHERE NOT EXISTS (SELECT FROM mitras AS m WHERE m.id = o.mitra_id)"
    )
    bound, since, read_at = (
        cycle_s(world) + world.cadence.seconds("ping", PINGING_S) + SLACK_S,
        world.notes["cycles"][0],
        time.time(),
    )
    return Observed(
        HeartbeatAges(
            pinging=pinging(world),
            ages={row[0]: row[2] for row in result.rows},
            nobody=nobody.column,
            pings=pings_of(world, since),
            since=since,
            read_at=read_at,
        ),
        [result.evidence(), nobody.evidence()],
        {"within_s": bound, "clock_s": CLOCK_S},
    )


@answers("H-05")
def lags_by_a_cycle(world: World) -> Observed:
    """Every sample of the column against what MONITOR saw written to the keys; the last with a GET after it."""
    people = {name: person.id for name, person in world.people.items()}
    samples = [*world.notes["samples"], sample_of(world)]
    heartbeats = world.bench.mirror.heartbeats()
    commands = world.commands(world.bench.server().started or 0.0)
    mitras = {
        id: WrittenHeartbeats(
            name=name,
            silent=name in world.notes["silent"],
            heartbeat=heartbeats.get(id),
            written=heartbeats_written(commands, id),
        )
        for name, id in people.items()
    }
    lines = [f"{each.name}: {len(each.written)} written, the last {each.written[-1:]}" for each in mitras.values()]
    shown = [world.bench.mirror.describe(f"mitra:heartbeat:{id}") for id in people.values()]
    return Observed(
        HeartbeatLag(mitras=mitras, samples=samples),
        [
            evidence.commands("heartbeats written by the backend", lines[:SHOWN]),
            evidence.note(f"{len(samples)} samples of last_heartbeat_at, the last: {samples[-1]}"),
            *shown,
        ],
        {"stood_s": cycle_s(world) + SLACK_S, "ahead_s": CLOCK_S},
    )


def heartbeats_written(commands: Sequence[ValkeyCommand], id: str) -> list[HeartbeatWrite]:
    """Each write of that mitra's heartbeat key, by Valkey's clock."""
    key = f"mitra:heartbeat:{id}"
    return [
        HeartbeatWrite(command.at, command.args[-1 if command.args[0].upper() in ("SETEX", "PSETEX") else 2])
        for command in commands
        if command.args[0].upper() in WRITES_A_HEARTBEAT and command.args[1] == key
    ]


@answers("H-06")
def stopped(world: World) -> Observed:
    return seen_from_both_ends(world)


@answers("H-07", within_s=1.0)
def skipped_with_a_line(world: World) -> Observed:
    return skip_lines(world, MIRROR_SKIPPED_LINE, cycle_s(world))


@answers("H-08")
def stands_still(world: World) -> Observed:
    readings = world.notes["readings in the outage"]
    statements, shown = writes_to(world, [STATUS], readings[0].at, readings[-1].at)
    pings = pings_of(world, readings[0].at)
    return Observed(
        ColumnsInOutage(
            valkey=world.notes["valkey from both ends"],
            mitras=pinging(world),
            readings=readings,
            statements=statements,
            pings=pings,
        ),
        [
            shown,
            *(evidence.note(f"last_heartbeat_at at {reading.at:.3f}: {reading.columns}") for reading in readings),
            pings_evidence(world, pings),
        ],
        {"cycle_s": cycle_s(world)},
    )
