"""How the boxes of section G are observed: who falls silent, and what a sweep makes of it."""

import time

import msgspec
from pytest_bdd import given, parsers, when

from features.steps.looks import (
    LOOK_EVERY_S,
    audit_rows,
    cadence_of,
    ids_of,
    online_rows,
    pinging,
    pings_evidence,
    pings_of,
    started_in,
    watch,
    writes_to,
)
from features.steps.outages import seen_from_both_ends, skip_lines
from features.steps.people import NAMES, NOBODY, must, split_names
from rig.contract import SLACK_S, SWEEP_SKIPPED_LINE
from rig.record import evidence
from rig.record.observations.parts import LogLine
from rig.record.observations.section_g import (
    DeletedKey,
    MirrorAfterSweep,
    OnePing,
    OnePingEach,
    OnlineThroughOutage,
    SilentMitra,
    SkippedSweeps,
    StaleTime,
    TakenOffline,
    Waited,
)
from rig.runs.checklist.observation import Observed, answers
from rig.runs.checklist.world import World

STALE = "stale_after_seconds"
TABLES = ("mitra_online_status", "mitra_online_logs")
TOLERANCE_S = 1.0  # what it allows the other way


def within_s(world: World) -> float:
    return world.notes["stale"]["wanted"] + cadence_of(world, "auto-offline") + SLACK_S


@given(parsers.re(STALE + r" is set to (?P<seconds>\d+) (?P<where>in the control center|in app_config)"))
@when(parsers.re(STALE + r" is set to (?P<seconds>\d+) (?P<where>in the control center|in app_config)"))
def stale_time_is_set(world: World, seconds: str, where: str) -> None:
    wanted = int(world.cadence.seconds("stale", int(seconds)))
    exchange = None
    if where == "in app_config":
        world.bench.dirty("the scenario before wrote app_config by hand, and a backend may keep what it read")
        world.bench.fixtures.setting(STALE, wanted)
    else:
        world.bench.settings_touched()
        exchange = world.operator().set_config(STALE, wanted)
    world.notes["stale"] = {"wanted": wanted, "where": where, "exchange": exchange}


@when(parsers.re(NAMES + r" go online and send one ping"))
def one_ping(world: World, names: str) -> None:
    silent = split_names(names)
    for name in silent:
        mitra = world.add_mitra(name)
        world.notes[f"{name} online"], world.notes[f"{name} ping"] = mitra.online(), mitra.ping()
    world.notes["silent"] = silent


@when(parsers.re(r"(?P<name>[A-Z]\w+)'s heartbeat key is deleted by hand"))
def heartbeat_is_deleted(world: World, name: str) -> None:
    key = f"mitra:heartbeat:{world.mitra(name).id}"
    world.notes["deleted"] = {"name": name, "key": key, "reply": world.bench.mirror.client.delete(key)}


@when("somebody puts an id that is nobody's into mitras:online")
def nobody_online(world: World) -> None:
    """A sweep that stumbles over it takes nobody else offline either."""
    world.bench.mirror.client.sadd("mitras:online", NOBODY)


@when(
    parsers.re(r"(?P<silent>[A-Z]\w+)'s heartbeat is no time any more, and the operator shuts (?P<shut>[A-Z]\w+) out")
)
def garbled_and_shut_out(world: World, silent: str, shut: str) -> None:
    """What is no time counts as missing; who is deactivated stays online until the sweep finds her stale."""
    world.bench.mirror.client.set(f"mitra:heartbeat:{world.mitra(silent).id}", "yesterday")
    must(world.operator().set_active(world.mitra(shut).id, False), 200)


@when("both have been taken offline, or the stale time and one more sweep have passed")
def taken_offline_or_time_is_up(world: World) -> None:
    """Reading a row may come a little after its commit, so the look goes on a little longer than the bound.

    After the effect comes one more sweep, which must find nobody left to take offline, so nothing to audit.
    """
    silent = ids_of(world, world.notes["silent"])
    last_ping = max(world.notes[f"{name} ping"].ended for name in world.notes["silent"])
    seen_at: dict[str, float] = {}
    while len(seen_at) < len(silent) and time.time() - last_ping < within_s(world) + 0.2:
        watch(world, LOOK_EVERY_S)
        rows, _ = online_rows(world, silent)
        seen_at = {id: seen_at.get(id, time.time()) for id in silent if not rows[id]}
    world.notes["waited"] = Waited(waited_s=time.time() - last_ping, all_offline=len(seen_at) == len(silent))
    world.notes["offline seen at"] = seen_at
    if len(seen_at) == len(silent):
        watch(world, cadence_of(world, "auto-offline"))


@when(parsers.re(r"(?P<count>\d+) more sweeps have passed"))
def more_sweeps(world: World, count: str) -> None:
    """The heartbeats are read first: what the reconnect seed left, before most pings have written over it."""
    world.notes["heartbeats after the seed"] = world.bench.mirror.heartbeats()
    watch(world, int(count) * cadence_of(world, "auto-offline"))


@answers("G-01", within_s=1.0)
def sweep_shortened(world: World) -> Observed:
    return started_in(world, "auto-offline")


@answers("G-02")
def stale_time_set(world: World) -> Observed:
    stale = world.notes["stale"]
    rows = world.bench.tables.query("SELECT value FROM app_config WHERE key = %s", (STALE,))
    exchange = stale["exchange"]
    return Observed(
        StaleTime(
            where=stale["where"],
            wanted=stale["wanted"],
            exchange=exchange.seen() if exchange else None,
            rows=[list(row) for row in rows.rows],
        ),
        [*([exchange.evidence()] if exchange else []), rows.evidence()],
    )


@answers("G-03")
def pinged_once(world: World) -> Observed:
    mitras: dict[str, OnePing] = {}
    shown = []
    for name in world.notes["silent"]:
        toggle, ping, id = world.notes[f"{name} online"], world.notes[f"{name} ping"], world.mitra(name).id
        heartbeat = world.bench.mirror.heartbeat(id)
        mitras[id] = OnePing(toggle=toggle.seen(), ping=ping.seen(), heartbeat=heartbeat)
        shown += [toggle.evidence(), ping.evidence(), world.bench.mirror.describe(f"mitra:heartbeat:{id}")]
    return Observed(OnePingEach(mitras=mitras), shown)


@answers("G-04")
def key_deleted(world: World) -> Observed:
    deleted = world.notes["deleted"]
    value = world.bench.mirror.client.get(deleted["key"])
    return Observed(
        DeletedKey(key=deleted["key"], deleted=deleted["reply"], value=value),
        [evidence.valkey(f"DEL {deleted['key']}", deleted["reply"]), world.bench.mirror.describe(deleted["key"])],
    )


@answers("G-05")
def waited(world: World) -> Observed:
    noted = world.notes["waited"]
    timing = evidence.timing("from the last ping until both are offline", noted.waited_s, within_s(world))
    return Observed(noted, [timing], {"within_s": within_s(world)})


@answers("G-06")
def taken_offline(world: World) -> Observed:
    silent, control = ids_of(world, world.notes["silent"]), pinging(world)
    rows, rows_shown = online_rows(world, [*silent, *control, NOBODY])
    audit, audit_shown = audit_rows(world, [*silent, *control, NOBODY])
    begun = min(world.notes[f"{name} ping"].started for name in world.notes["silent"])
    pings, read_at = pings_of(world, begun), time.time()
    statements, statements_shown = writes_to(world, TABLES, begun, read_at)
    return Observed(
        TakenOffline(
            silent={id: silent_mitra(world, id) for id in silent},
            control=control,
            nobody=NOBODY,
            rows=rows,
            audit=audit,
            statements=statements,
            pings=pings,
            since=begun,
            read_at=read_at,
        ),
        [rows_shown, audit_shown, statements_shown, pings_evidence(world, pings)],
        {"within_s": within_s(world), "stale_s": world.notes["stale"]["wanted"], "tolerance_s": TOLERANCE_S},
    )


def silent_mitra(world: World, id: str) -> SilentMitra:
    name = world.name_of(id)
    ping = world.notes[f"{name} ping"]
    return SilentMitra(
        name=name,
        ping_begun=ping.started,
        ping_answered=ping.ended,
        offline_seen_at=world.notes["offline seen at"].get(id),
        key_taken=name == world.notes["deleted"]["name"],
    )


@answers("G-07", within_s=1.0)
def gone_from_the_mirror(world: World) -> Observed:
    silent, control, state = ids_of(world, world.notes["silent"]), pinging(world), world.mirror_state()
    return Observed(
        MirrorAfterSweep(
            silent=silent,
            control=control,
            online=state.online,
            heartbeats=state.heartbeats,
            expiring=state.expiring,
        ),
        [
            world.bench.mirror.describe("mitras:online"),
            *(world.bench.mirror.describe(f"mitra:heartbeat:{id}") for id in silent),
        ],
    )


@answers("G-08")
def stopped(world: World) -> Observed:
    return seen_from_both_ends(world)


@answers("G-09", within_s=1.0)
def skipped_with_a_line(world: World) -> Observed:
    observed = skip_lines(world, SWEEP_SKIPPED_LINE, cadence_of(world, "auto-offline"))
    seeded_at = world.notes["seeded at"]
    after = [LogLine(*line) for line in world.log_lines(SWEEP_SKIPPED_LINE, seeded_at)]
    seen = SkippedSweeps(**msgspec.structs.asdict(observed.seen), seeded_at=seeded_at, after=after)
    return Observed(seen, observed.evidence, observed.bounds)


@answers("G-10")
def nobody_offline(world: World) -> Observed:
    stopped, back = world.notes["valkey stopped at"], world.notes["valkey back from"]
    mitras = pinging(world)
    rows, rows_shown = online_rows(world, mitras)
    audit, audit_shown = audit_rows(world, mitras)
    read_at = time.time()
    statements, statements_shown = writes_to(world, TABLES, stopped, back)
    pings, heartbeats = pings_of(world, stopped), world.notes["heartbeats after the seed"]
    return Observed(
        OnlineThroughOutage(
            valkey=world.notes["valkey from both ends"],
            stopped_at=stopped,
            back_at=back,
            seeded_at=world.notes["seeded at"],
            read_at=read_at,
            mitras=mitras,
            statements=statements,
            rows=rows,
            audit=audit,
            heartbeats=heartbeats,
            pings=pings,
        ),
        [
            statements_shown,
            rows_shown,
            audit_shown,
            evidence.note(f"heartbeats right after the reconnect seed: {heartbeats}"),
            pings_evidence(world, pings),
        ],
        {"stale_s": world.notes["stale"]["wanted"], "tolerance_s": TOLERANCE_S},
    )
