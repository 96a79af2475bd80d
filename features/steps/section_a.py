"""How the boxes of section A are observed: seed and startup."""

from datetime import UTC, datetime, timedelta

from pytest_bdd import given

from rig.contract import RESEED_S, SEED_LINE
from rig.record import evidence
from rig.record.observations.parts import BothStores
from rig.record.observations.section_a import (
    SeedAfterFlush,
    SeedCounts,
    SeededCapacities,
    SeededHeartbeats,
    SeedLinesOfStart,
    SetMembers,
)
from rig.runs.checklist.observation import Observed, answers
from rig.runs.checklist.world import World


@given("Postgres holds mitras in every state, written by hand")
def every_state(world: World) -> None:
    """Idle, busy, offline with sessions, deactivated: while online, offline, before any toggle; loads are drawn."""
    rows = world.bench.fixtures
    customer = world.add_customer("Budi")
    ends_at = datetime.now(UTC) + timedelta(hours=2)
    for name, online, active in (
        ("Sari", True, True), ("Dewi", True, True), ("Rani", True, True), ("Tuti", False, True),
        ("Wati", False, False), ("Yuni", True, False), ("Lina", False, True),
    ):  # fmt: skip
        world.add_mitra(name, online=online, active=active)
    world.add_mitra("Nita", active=False, online=None)
    loads = {"Dewi": world.rng.randint(1, 3), "Rani": world.rng.randint(1, 2), "Tuti": 1, "Yuni": 1}
    for name, load in loads.items():
        for _ in range(load):
            rows.session(customer, world.mitra(name), "active", 600, ends_at)
    rows.session(customer, world.mitra("Rani"), "pending_payment", 600, ends_at)
    rows.session(customer, world.mitra("Sari"), "ended", 600, datetime.now(UTC) - timedelta(hours=1))
    rows.session(customer, None, "searching", 600, None)


@given("Valkey holds what a seed has to clear away")
def stale_mirror(world: World) -> None:
    """Wrong members, counters, orphans and a key of the wrong type, under ids that exist and ids that don't."""
    valkey = world.bench.mirror.client
    bogus = "00000000-0000-0000-0000-000000000999"
    valkey.sadd("mitras:online", bogus, world.mitra("Tuti").id)
    valkey.delete("mitras:deactivated")
    valkey.set("mitras:deactivated", "not a set")
    valkey.set(f"mitra:capacity:{world.mitra('Dewi').id}", "99")
    valkey.set(f"mitra:capacity:{bogus}", "7")
    valkey.set(f"mitra:heartbeat:{bogus}", "2020-01-01T00:00:00.000Z")
    valkey.set(f"mitra:heartbeat:{world.mitra('Lina').id}", "2020-01-01T00:00:00.000Z")


@answers("A-01")
def one_seed_line(world: World) -> Observed:
    """Judged on the whole log of that start, which the exit has completed."""
    since = world.notes["restarted at"]
    lines = world.log_lines(SEED_LINE, since)
    return Observed(
        SeedLinesOfStart(lines=[text for _, text in lines], exit_code=world.notes["exit code"]),
        [evidence.log("backend a, from its start to its exit", [t for _, t in lines], looked_for=SEED_LINE)],
    )


def seed_lines_since(world: World, since: float) -> list[tuple[float, str]]:
    return world.log_lines(SEED_LINE, since)


@answers("A-02", within_s=2.0)
def counts(world: World) -> Observed:
    lines = seed_lines_since(world, world.notes["restarted at"])
    truth = world.truth()
    loaded = world.bench.tables.query(
        "SELECT count(DISTINCT mitra_id) FROM chat_sessions"
        " WHERE mitra_id IS NOT NULL AND status IN ('active', 'pending_payment')"
    )
    return Observed(
        SeedCounts(
            line=lines[-1][1] if lines else None,
            online=len(truth.online),
            deactivated=len(truth.deactivated),
            with_sessions=loaded.rows[0][0],
        ),
        [
            evidence.log("backend a", [t for _, t in lines], looked_for=SEED_LINE),
            *world.truth_evidence(),
            loaded.evidence(),
        ],
    )


@answers("A-03", within_s=1.0)
def online_set(world: World) -> Observed:
    return Observed(
        SetMembers(postgres=world.truth().online, valkey=world.mirror_state().online),
        [*world.truth_evidence(), world.bench.mirror.describe("mitras:online")],
    )


@answers("A-04", within_s=1.0)
def heartbeats(world: World) -> Observed:
    since = world.notes["restarted at"]
    seeded = seed_lines_since(world, since)
    state = world.mirror_state()
    return Observed(
        SeededHeartbeats(
            online=world.truth().online,
            heartbeats=state.heartbeats,
            since=since,
            until=seeded[-1][0] if seeded else None,
        ),
        [world.bench.mirror.describe(f"mitra:heartbeat:{id}") for id in sorted(state.heartbeats)],
        {"margin_s": 1.0},
    )


@answers("A-05", within_s=1.0)
def capacities(world: World) -> Observed:
    truth, state = world.truth(), world.mirror_state()
    return Observed(
        SeededCapacities(online=truth.online, loads=truth.loads, capacities=state.capacities),
        [*world.truth_evidence(), *(world.bench.mirror.describe(f"mitra:capacity:{id}") for id in truth.online)],
    )


@answers("A-06", within_s=1.0)
def deactivated_set(world: World) -> Observed:
    return Observed(
        SetMembers(postgres=world.truth().deactivated, valkey=world.mirror_state().deactivated),
        [*world.truth_evidence(), world.bench.mirror.describe("mitras:deactivated")],
    )


@answers("A-07", within_s=RESEED_S + 1)
def second_seed(world: World) -> Observed:
    """The seed line's stamp against the FLUSHDB's; no request is sent meanwhile."""
    flushed = world.notes["flushed at"]
    lines = seed_lines_since(world, flushed)
    return Observed(
        SeedAfterFlush(flushed_at=flushed, seeded_at=lines[0][0] if lines else None),
        [evidence.log("backend a, after FLUSHDB", [t for _, t in lines], looked_for=SEED_LINE)],
        {"within_s": RESEED_S},
    )


@answers("A-08", within_s=lambda world: 1.0 if world.bench.has_log else RESEED_S + 1)
def all_rebuilt(world: World) -> Observed:
    return Observed(
        BothStores(truth=world.truth(), mirror=world.mirror_state()),
        [*world.truth_evidence(), *world.mirror_evidence()],
    )
