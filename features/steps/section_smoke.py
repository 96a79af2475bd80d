"""How the smoke tests are observed: the happy path in one go."""

from rig.contract import SEED_LINE, WRITE_THROUGH_S
from rig.record import evidence
from rig.record.observations.smoke import BeaconPolls, ChatAndCapacity, Membership, SeedLines
from rig.runs.checklist.observation import Observed, answers
from rig.runs.checklist.world import World


@answers("SMOKE-01", within_s=1.0)
def seeded(world: World) -> Observed:
    lines = world.log_lines(SEED_LINE, world.bench.server().started or 0.0)
    return Observed(
        SeedLines(lines=[text for _, text in lines]),
        [evidence.log("backend a", [text for _, text in lines], looked_for=SEED_LINE)],
    )


def membership(world: World, way: str) -> Observed:
    exchange = world.notes[f"Sari {way}"]
    return Observed(
        Membership(exchange=exchange.seen(), member=world.mitra("Sari").id in world.mirror_state().online),
        [exchange.evidence(), world.bench.mirror.describe("mitras:online")],
        {"within_s": WRITE_THROUGH_S},
    )


@answers("SMOKE-02", within_s=WRITE_THROUGH_S)
def appears(world: World) -> Observed:
    return membership(world, "online")


@answers("SMOKE-03")
def button(world: World) -> Observed:
    """The cached answer is taken away by hand between the two polls, as nothing but 10 s would do it."""
    sari, customer, valkey = world.mitra("Sari"), world.customer("Budi"), world.bench.mirror.client
    valkey.delete("availability:snapshot")
    available = customer.beacon()
    sari.offline()
    valkey.delete("availability:snapshot")
    unavailable = customer.beacon()
    sari.online()
    valkey.delete("availability:snapshot")
    again = customer.beacon()
    return Observed(
        BeaconPolls(online=available.seen(), offline=unavailable.seen(), online_again=again.seen()),
        [exchange.evidence() for exchange in (available, unavailable, again)],
    )


def counter(world: World, note: str) -> Observed:
    exchange, sari = world.notes[note], world.mitra("Sari")
    rows = world.bench.tables.query(
        "SELECT status, count(*) FROM chat_sessions WHERE mitra_id = %s GROUP BY 1", (sari.id,)
    )
    return Observed(
        ChatAndCapacity(exchange=exchange.seen(), capacity=world.mirror_state().capacities.get(sari.id)),
        [exchange.evidence(), rows.evidence(), world.bench.mirror.describe(f"mitra:capacity:{sari.id}")],
        {"within_s": WRITE_THROUGH_S},
    )


@answers("SMOKE-04", within_s=WRITE_THROUGH_S)
def counted(world: World) -> Observed:
    return counter(world, "Budi accepted")


@answers("SMOKE-05", within_s=WRITE_THROUGH_S)
def uncounted(world: World) -> Observed:
    return counter(world, "Budi ended")


@answers("SMOKE-06", within_s=WRITE_THROUGH_S)
def disappears(world: World) -> Observed:
    return membership(world, "offline")
