"""How the boxes of section I are observed: Valkey is corrupted, and the next full seed puts it right."""

import time
from collections.abc import Callable

import redis
from pytest_bdd import parsers, when

from features.steps.looks import cadence_of, stamped, started_in, watch, watch_until
from features.steps.people import NOBODY
from rig.checks.common.mirror_diff import differences
from rig.contract import RESEED_S, SEED_LINE, SLACK_S, WRITE_THROUGH_S
from rig.environment.step_errors import Unmet
from rig.record import evidence
from rig.record.observations.parts import BothStores, LogLine
from rig.record.observations.section_i import (
    CommandReply,
    Corruption,
    RefusedWrite,
    SeedAfterDrift,
    SeedsWithoutSweep,
    StoresAfterDrift,
)
from rig.runs.checklist.observation import Observed, answers
from rig.runs.checklist.world import World
from rig.stores.valkey import OURS, setting

READING_S = 0.5  # a look at the whole mirror comes a little after what it sees
CLOCK_S = 1.0


class Undo:
    """Runs once, at the latest when the scenario ends, as every note with a `stop`."""

    def __init__(self, undo: Callable[[], object]) -> None:
        self._undo: Callable[[], object] | None = undo

    def stop(self) -> None:
        undo, self._undo = self._undo, None
        if undo is not None:
            undo()


def agreed_stores(world: World) -> BothStores:
    """Both stores once they agree, or as they are when the last write's time to be mirrored is up."""

    def stores() -> BothStores:
        return BothStores(truth=world.truth(), mirror=world.mirror_state())

    return watch_until(
        world, stores, time.time() + WRITE_THROUGH_S, until=lambda stores: not differences(stores), every_s=0.02
    )


def cycle_s(world: World) -> float:
    return cadence_of(world, "reconcile")


@when("mitras:online, mitras:deactivated, capacities and heartbeats are corrupted by hand")
def corrupt(world: World) -> None:
    """The source's three, then the same to the other structures, keys that belong to nobody and keys of a wrong type.

    All in one transaction, so that no seed comes in between.
    """
    people = ("Sari", "Dewi", "Rani", "Tuti", "Gita", "Wati")
    sari, dewi, rani, tuti, gita, wati = (world.mitra(name).id for name in people)
    commands: list[tuple[str, ...]] = [
        ("SADD", "mitras:online", NOBODY),
        ("SREM", "mitras:online", sari),
        ("SET", f"mitra:capacity:{dewi}", "99"),
        ("SADD", "mitras:deactivated", rani),
        ("SREM", "mitras:deactivated", wati),
        ("SET", f"mitra:capacity:{NOBODY}", "7"),
        ("SET", f"mitra:heartbeat:{NOBODY}", "2020-01-01T00:00:00.000Z"),
        ("DEL", f"mitra:capacity:{rani}"),
        ("DEL", f"mitra:heartbeat:{tuti}"),
        ("DEL", f"mitra:heartbeat:{gita}"),
        ("HSET", f"mitra:heartbeat:{gita}", "at", "2020-01-01T00:00:00.000Z"),
        ("DEL", f"mitra:capacity:{gita}"),
        ("RPUSH", f"mitra:capacity:{gita}", "0"),
    ]
    stores = agreed_stores(world)
    before = stores.mirror.heartbeats
    pipeline = world.testbed.mirror.client.pipeline(transaction=True)
    for command in commands:
        pipeline.execute_command(*command)
    world.notes["drift"] = {
        "replies": [
            CommandReply(" ".join(command), reply) for command, reply in zip(commands, pipeline.execute(), strict=True)
        ],
        "since": time.time(),
        "kept": {id: before.get(id) for id in (sari, dewi, rani)},
        "missing": [tuti, gita],
        "refused": None,
        "before": stores,
    }


@when(
    parsers.re(
        r"Valkey has no memory left for a whole cycle of (?P<seconds>\d+) seconds, and (?P<name>[A-Z]\w+) goes online meanwhile"
    )
)
def no_memory(world: World, seconds: str, name: str) -> None:
    """Writes are refused and no connection is lost; a sweep falls into that time too and must outlive it.

    When writes are taken again, a set is made a string: the seed that heals the one heals the other.
    """
    valkey = world.testbed.stack.valkey
    valkey.facts_for_faults.require("CONFIG GET", "CONFIG SET")
    client, settings = world.testbed.mirror.client, valkey.for_faults(f"{OURS}fault")
    limit = setting(settings, "maxmemory")
    world.notes["memory"] = memory = Undo(lambda: settings.config_set("maxmemory", limit))
    world.testbed.dirty("Valkey refused writes in the scenario before")
    settings.config_set("maxmemory", 1)
    rig_too = refuses_the_rig(client)
    if not rig_too:
        raise Unmet("Valkey still takes writes, though its memory is limited to a byte")
    mitra = world.mitra(name)
    exchange = mitra.online()
    watch(world, world.cadence.seconds("reconcile", int(seconds)) + READING_S)
    rig_too = refuses_the_rig(client)
    memory.stop()
    pipeline = client.pipeline(transaction=True)
    pipeline.delete("mitras:deactivated")
    pipeline.set("mitras:deactivated", "not a set")
    pipeline.execute()
    lines = world.log_lines(f"[valkey-mirror] setOnline {mitra.id} failed:", exchange.started)
    world.notes["drift"] = {
        "since": time.time(),
        "kept": {},  # a server may take such a time for an outage, and end it with a seed that writes every heartbeat
        "missing": [],
        "refused": RefusedWrite(status=exchange.status, lines=[text for _, text in lines], rig_too=rig_too),
        "evidence": [exchange.evidence(), evidence.log("backend a", stamped(lines), looked_for="setOnline")],
    }


def refuses_the_rig(client: redis.Redis) -> bool:
    """Whether Valkey refuses a write for lack of memory; one that it takes leaves nothing behind."""
    try:
        client.set("rig:probe", "", px=1)
    except redis.OutOfMemoryError:
        return True
    return False


@when(parsers.re(r"(?P<seconds>\d+) seconds have passed"))
def time_passes(world: World, seconds: str) -> None:
    """Counted from the start, as that is what the box speaks of."""
    wanted = world.cadence.seconds("watch", int(seconds))
    started = world.testbed.server().ready or time.time()
    watch(world, started + wanted - time.time())
    world.notes["watched"] = wanted
    if wanted < int(seconds):
        world.weaken(
            f"I-06 watched the log for {wanted:g} s, so it would miss a sweep that reads 0 as its default of 300 s:"
            " `--cadence written` watches 310 s"
        )


@answers("I-01", within_s=1.0)
def cycle_shortened(world: World) -> Observed:
    return started_in(world, "reconcile")


@answers("I-02")
def corrupted(world: World) -> Observed:
    drift = world.notes["drift"]
    return Observed(
        Corruption(replies=drift["replies"], before=drift["before"]),
        [evidence.valkey(each.command, each.reply) for each in drift["replies"]],
    )


@answers("I-03", within_s=lambda world: cycle_s(world) + SLACK_S)
def seeds_again(world: World) -> Observed:
    drift = world.notes["drift"]
    lines, truth = world.log_lines(SEED_LINE, drift["since"]), world.truth()
    return Observed(
        SeedAfterDrift(
            since=drift["since"],
            refused=drift["refused"],
            seeded_at=lines[0][0] if lines else None,
            line=lines[0][1] if lines else None,
            online=len(truth.online),
            deactivated=len(truth.deactivated),
            with_sessions=sum(load > 0 for load in truth.loads.values()),
        ),
        [
            *drift.get("evidence", []),
            *world.truth_evidence(),
            evidence.log(f"backend a, from {drift['since']:.3f} on", stamped(lines), looked_for=SEED_LINE),
        ],
        {"within_s": cycle_s(world) + SLACK_S},
    )


def until_healed_s(world: World) -> float:
    return max(0.0, world.notes["drift"]["since"] + cycle_s(world) + SLACK_S + READING_S - time.time())


@answers("I-04", within_s=until_healed_s)
def matches_again(world: World) -> Observed:
    drift = world.notes["drift"]
    truth, state, read_at = world.truth(), world.mirror_state(), time.time()
    return Observed(
        StoresAfterDrift(
            since=drift["since"],
            refused=drift["refused"],
            read_at=read_at,
            truth=truth,
            mirror=state,
            kept=drift["kept"],
            missing=drift["missing"],
        ),
        [*world.truth_evidence(), *world.mirror_evidence()],
        {"within_s": cycle_s(world) + SLACK_S + READING_S, "clock_s": CLOCK_S},
    )


@answers("I-05", within_s=1.0)
def turned_off(world: World) -> Observed:
    return started_in(world, "reconcile")


@answers("I-06", within_s=RESEED_S + 1)
def no_periodic_seed(world: World) -> Observed:
    started, flushed = world.testbed.server().started or 0.0, world.notes["flushed at"]
    startup = world.log_lines(SEED_LINE, started, flushed)
    after = world.log_lines(SEED_LINE, flushed)
    return Observed(
        SeedsWithoutSweep(
            started_at=started,
            flushed_at=flushed,
            startup=[LogLine(*line) for line in startup],
            seeded_at=after[0][0] if after else None,
        ),
        [
            evidence.log("backend a, from its start to the FLUSHDB", stamped(startup), looked_for=SEED_LINE),
            evidence.log("backend a, after the FLUSHDB", stamped(after), looked_for=SEED_LINE),
        ],
        {"within_s": RESEED_S, "watch_s": world.notes["watched"]},
    )
