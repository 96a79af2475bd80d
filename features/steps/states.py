"""Mitras in the states that a reader has to tell apart, and whom a blast asked: what sections F and J share."""

import time
from datetime import UTC, datetime, timedelta

from features.steps.people import must
from rig.contract import HEARTBEAT, WRITE_THROUGH_S
from rig.record.evidence import Evidence
from rig.record.observations.parts import Reading
from rig.runs.checklist.world import World
from rig.traffic import Mitra

MARGIN_S = 5.0  # between a heartbeat by hand and its turning stale

# Name: (load counted in Postgres, capacity key by hand or None for the load, active).
ONLINE_STATES = {
    "Sari": (0, None, True),
    "Dewi": (2, None, True),  # one below the maximum of 3
    "Rani": (3, None, True),  # full
    "Gita": (0, 3, True),  # full by Valkey alone, which a reader has to believe
    "Hana": (3, 0, True),  # and the other way round
    "Wati": (0, None, False),  # deactivated, and still online
    "Lina": (0, None, True),
    "Maya": (0, None, True),
    "Nita": (0, None, True),
    "Ratna": (0, None, True),
    "Putri": (0, None, True),
}


def come_online(world: World) -> None:
    """All of ONLINE_STATES through the app; sessions and counters that differ from it are put in by hand."""
    customer = world.bench.fixtures.customer("Joko")
    for name, (load, capacity, active) in ONLINE_STATES.items():
        mitra = world.add_mitra(name)
        must(mitra.online(), 200)
        for _ in range(load):
            world.bench.fixtures.session(customer, mitra.id, "active")
        world.bench.mirror.client.set(f"mitra:capacity:{mitra.id}", load if capacity is None else capacity)
        if not active:
            must(world.operator().set_active(mitra.id, False), 200)
    world.add_mitra("Tuti")  # offline, so that no reader may name her
    await_deactivated(world)


def await_deactivated(world: World) -> None:
    """Until Valkey has who is deactivated, or the time for that is up: then the boxes tell that it has not."""
    deadline = time.monotonic() + WRITE_THROUGH_S
    while set(world.truth().deactivated) - world.bench.mirror.deactivated() and time.monotonic() < deadline:
        time.sleep(0.02)  # between two looks


def set_heartbeat(world: World, name: str, age_s: float, zone: str = "Z") -> None:
    """By hand, so many seconds old; `zone` is `Z` or another way to write UTC."""
    at = datetime.fromtimestamp(time.time() - age_s, UTC)
    text = at.isoformat(timespec="milliseconds").removesuffix("+00:00") + zone
    world.bench.mirror.client.set(HEARTBEAT + world.mitra(name).id, text)


def heartbeats_by_hand(world: World, stale_s: float) -> None:
    """A few seconds inside and outside the stale time, none, none that can be read, and one in another spelling."""
    set_heartbeat(world, "Lina", stale_s - MARGIN_S)
    set_heartbeat(world, "Maya", stale_s + MARGIN_S)
    world.bench.mirror.client.delete(HEARTBEAT + world.mitra("Nita").id)
    world.bench.mirror.client.set(HEARTBEAT + world.mitra("Putri").id, "yesterday")
    set_heartbeat(world, "Ratna", 1.0, zone="+00:00")


def come_online_in_postgres(world: World) -> None:
    """Rows by hand that no mirror knows of, for an outage: a fallback can only have them from Postgres."""
    rows, now = world.bench.fixtures, datetime.now(UTC)
    customer = rows.customer("Joko")
    for name, online, active, heard, counted, other in (
        ("Sari", True, True, None, 0, 0),
        ("Dewi", True, True, now - timedelta(hours=1), 0, 2),
        ("Rani", True, True, now - timedelta(days=3), 2, 1),
        ("Kiki", True, True, now, 3, 0),
        ("Wati", True, False, now, 0, 0),
        ("Tuti", False, True, now, 0, 0),
    ):
        mitra = world.add_mitra(name, online=online, active=active)
        rows.update("mitra_online_status", mitra.id, last_heartbeat_at=heard)
        for position in range(counted):
            rows.session(customer, mitra.id, "pending_payment" if position else "active")
        for _ in range(other):
            rows.session(customer, mitra.id, "ended", ends_at=now - timedelta(hours=1))


def mitras_of(world: World) -> dict[str, Mitra]:
    return {name: person for name, person in world.people.items() if isinstance(person, Mitra)}


def names_by_id(world: World) -> dict[str, str]:
    return {mitra.id: name for name, mitra in mitras_of(world).items()}


def available_in_postgres(world: World) -> tuple[list[str], Evidence]:
    """Online, active and with room, as the rig counts it itself: what a fallback must find."""
    found = world.bench.tables.query(
        "SELECT m.id::text FROM mitras m JOIN mitra_online_status o ON o.mitra_id = m.id"
        " WHERE o.is_online AND m.is_active AND (SELECT count(*) FROM chat_sessions s WHERE s.mitra_id = m.id"
        " AND s.status IN ('active', 'pending_payment')) < %s ORDER BY 1",
        (maximum(world),),
    )
    return found.column, found.evidence()


def maximum(world: World) -> int:
    """max_customers_per_mitra as `app_config` has it."""
    return setting(world, "max_customers_per_mitra", 3)


def setting(world: World, key: str, default: int) -> int:
    found = world.bench.tables.query("SELECT value FROM app_config WHERE key = %s", (key,))
    return default if found.value is None else int(found.value)


def offered(world: World, customer: str) -> tuple[list[str], Evidence]:
    """The mitras to whom this customer's chat was offered."""
    found = world.bench.tables.query(
        "SELECT mitra_id::text FROM chat_request_notifications WHERE chat_session_id = %s ORDER BY 1",
        (world.notes[f"{customer} chat"],),
    )
    return found.column, found.evidence()


def reading(world: World) -> Reading:
    """The mirror, with the loads and the deactivated mitras in Postgres, at one moment."""
    mirror, truth = world.mirror_state(), world.truth()
    return Reading(mirror=mirror, loads=truth.loads, deactivated=truth.deactivated, at=time.time())
