"""How the boxes of section D are observed: the capacity counter over the life of a chat."""

import time

from pytest_bdd import parsers, when

from features.steps.people import must, told
from rig.checks.common.sql_statements import writes
from rig.contract import WRITE_THROUGH_S
from rig.environment.step_errors import Broke, Unmet
from rig.record import evidence
from rig.runs.checklist.observation import Observed, answers
from rig.runs.checklist.world import World
from rig.waiting import poll_until

WAIT_S = 10.0  # for a timer of the backend to show, over the time that it is due
COUNTED_TEXT = "SELECT id::text, status, mitra_id::text FROM chat_sessions WHERE mitra_id = %s ORDER BY status, id"


def session_row(world: World, customer: str):
    return world.testbed.tables.query(
        "SELECT status, mitra_id::text, extract(epoch FROM ends_at)::float8 FROM chat_sessions WHERE id = %s",
        (world.notes[f"{customer} chat"],),
    )


def capacity_of(world: World, name: str) -> str | None:
    return world.mirror_state()["capacities"].get(world.mitra(name).id)


@when("Sari ends Budi's chat early")
def ends_early(world: World) -> None:
    world.notes["Budi ended"] = world.mitra("Sari").end(world.notes["Budi chat"])


@when(parsers.re(r"Budi's time runs out and the goodbye comes (?P<goodbye>.+)"))
def runs_out(world: World, goodbye: str) -> None:
    """What is noted before, at and after the end of the time is judged by D-06; a goodbye too early must be refused."""
    budi, chat = world.customer("Budi"), world.notes["Budi chat"]
    ends_at = session_row(world, "Budi").rows[0][2]
    seen = {"way": goodbye, "ends_at": ends_at, "early": budi.goodbye(chat).plain()}
    seen["capacity_before"] = capacity_of(world, "Sari")
    if "extension" in goodbye:
        seen["extended"] = must(budi.extend(chat, 600), 200).plain()
        seen["capacity_extended"] = capacity_of(world, "Sari")
    sleep_until(ends_at + 0.1)
    at_end = session_row(world, "Budi").rows[0][0]
    seen["at_end"] = {"status": at_end, "capacity": capacity_of(world, "Sari"), "seen_at": time.time()}
    if "customer" in goodbye:
        world.notes["goodbye"] = budi.goodbye(chat)
        seen["goodbye"] = world.notes["goodbye"].plain()
    seen["window_s"] = world.cadence.seconds("goodbye", 60)
    world.notes["runs out"] = seen
    left_s = ends_at + seen["window_s"] + WAIT_S - time.time()
    ended = poll_until(lambda: session_row(world, "Budi").rows[0][0] == "ended", left_s)
    seen["ended_seen_at"] = time.time() if ended else None


def sleep_until(at: float) -> None:
    """Sleep until a time in epoch seconds, when the event that the scenario is about is due."""
    time.sleep(max(0.0, at - time.time()))


@when("the operator reroutes Budi's chat from Sari to Dewi")
def reroutes(world: World) -> None:
    """First three that have to be refused and may change nothing: to the same, to one offline, to one unknown."""
    chat, operator = world.notes["Budi chat"], world.operator()
    offline = world.add_mitra("Wati")
    world.notes["refused"] = [
        operator.reroute(chat, world.mitra("Sari").id),
        operator.reroute(chat, offline.id),
        operator.reroute(chat, "00000000-0000-4000-8000-000000000999"),
    ]
    world.notes["before reroute"] = {name: capacity_of(world, name) for name in ("Sari", "Dewi")}
    world.notes["session before"] = session_row(world, "Budi").rows[0][:2]
    world.notes["rerouted"] = operator.reroute(chat, world.mitra("Dewi").id)


@when("Sari's capacity is set to the maximum by hand, and Dewi's to one below it")
def full_by_hand(world: World) -> None:
    config = told(must(world.operator().config(), 200), "config")
    maximum = config.get("max_customers_per_mitra") if isinstance(config, dict) else None
    if not isinstance(maximum, int) or maximum < 1:
        raise Broke(f"max_customers_per_mitra is answered as {maximum!r}, which is no whole number from 1 on")
    if maximum < 2:
        raise Unmet(f"max_customers_per_mitra is {maximum}: no room for one below it")
    world.notes["maximum"] = maximum
    for name, value in (("Sari", maximum), ("Dewi", maximum - 1)):
        world.testbed.mirror.client.set(f"mitra:capacity:{world.mitra(name).id}", value)


def capacity_is(world: World, note: str | None) -> Observed:
    """The counter now, and when it became so: the last write of the key by the backend, against the answer."""
    sari = world.mitra("Sari").id
    found, seen_at = capacity_of(world, "Sari"), time.time()
    rows = world.testbed.tables.query(COUNTED_TEXT, (sari,))
    shown = [world.testbed.mirror.describe(f"mitra:capacity:{sari}"), rows.evidence()]
    seen = {"capacity": found, "answered_at": None, "written_at": None}
    if note:
        exchange = world.notes[note]
        written = world.written_at(f"mitra:capacity:{sari}", ("SET", "INCR", "DECR", "INCRBY"), None, exchange.started)
        seen |= {"answered_at": exchange.ended, "written_at": written or seen_at}
        shown.insert(0, exchange.evidence())
        shown.append(
            evidence.timing("the counter after the answer", max(0.0, seen["written_at"] - exchange.ended), 1.0)
        )
    return Observed(seen, shown, {"within_s": WRITE_THROUGH_S})


@answers("D-01", within_s=WRITE_THROUGH_S)
def zero(world: World) -> Observed:
    return capacity_is(world, None)


def chat_started(world: World, customer: str) -> Observed:
    paid, accepted, row = (
        world.notes[f"{customer} paid"],
        world.notes[f"{customer} accepted"],
        session_row(world, customer),
    )
    return Observed(
        {
            "paid": paid.plain(),
            "accepted": accepted.plain(),
            "row": row.rows[0],
            "mitra": world.mitra("Sari").id,
        },
        [paid.evidence(), accepted.evidence(), row.evidence()],
    )


@answers("D-02")
def first_started(world: World) -> Observed:
    return chat_started(world, "Budi")


@answers("D-03", within_s=WRITE_THROUGH_S)
def one(world: World) -> Observed:
    return capacity_is(world, "Budi accepted")


@answers("D-04")
def second_started(world: World) -> Observed:
    return chat_started(world, "Tono")


@answers("D-05", within_s=WRITE_THROUGH_S)
def two(world: World) -> Observed:
    return capacity_is(world, "Tono accepted")


@answers("D-06")
def ended_by_goodbye(world: World) -> Observed:
    seen, row = world.notes["runs out"], session_row(world, "Budi")
    shown = [row.evidence(), evidence.note(f"the time was up at {seen['ends_at']:.3f}, looked at {seen['at_end']}")]
    if "goodbye" in world.notes:
        shown.insert(0, world.notes["goodbye"].evidence())
    return Observed({**seen, "status": row.rows[0][0]}, shown, {"timer_s": 2.0})


@answers("D-07", within_s=WRITE_THROUGH_S)
def one_left(world: World) -> Observed:
    """Against the COMMIT of the ending, or the goodbye's answer where there is one."""
    seen = capacity_is(world, "goodbye" if "goodbye" in world.notes else None)
    if "goodbye" not in world.notes:
        sari, since = world.mitra("Sari").id, world.notes["runs out"]["ends_at"]
        ended = [s for s in world.statements(since) if writes(s, "chat_sessions") and s["committed_at"]]
        written = world.written_at(f"mitra:capacity:{sari}", ("SET", "INCR", "DECR", "INCRBY"), None, since)
        at = ended[-1]["committed_at"] if ended else None
        seen.seen |= {"answered_at": at, "written_at": written}
        seen.evidence.append(
            evidence.statements("endings", {"UPDATE chat_sessions": len(ended)}, [s["text"] for s in ended])
        )
    return seen


@answers("D-08")
def second_ended(world: World) -> Observed:
    exchange, row = world.notes["Tono ended"], session_row(world, "Tono")
    return Observed({"exchange": exchange.plain(), "row": row.rows[0]}, [exchange.evidence(), row.evidence()])


@answers("D-09", within_s=WRITE_THROUGH_S)
def none_left(world: World) -> Observed:
    return capacity_is(world, "Tono ended")


@answers("D-10")
def moved(world: World) -> Observed:
    exchange, row = world.notes["rerouted"], session_row(world, "Budi")
    return Observed(
        {"exchange": exchange.plain(), "mitra": world.mitra("Dewi").id}, [exchange.evidence(), row.evidence()]
    )


@answers("D-11", within_s=WRITE_THROUGH_S)
def both_counters(world: World) -> Observed:
    exchange, row, now = world.notes["rerouted"], session_row(world, "Budi"), time.time()
    keys = {name: f"mitra:capacity:{world.mitra(name).id}" for name in ("Sari", "Dewi")}
    stamps = [world.written_at(key, ("SET", "INCR", "DECR", "INCRBY"), None, exchange.started) for key in keys.values()]
    return Observed(
        {
            "before": world.notes["before reroute"],
            "after": {name: capacity_of(world, name) for name in keys},
            "session_before": list(world.notes["session before"]),
            "session_after": list(row.rows[0][:2]),
            "from": world.mitra("Sari").id,
            "to": world.mitra("Dewi").id,
            "refused": [one.plain() for one in world.notes["refused"]],
            "answered_at": exchange.ended,
            "written_at": max((at for at in stamps if at), default=now) if all(stamps) else now,
        },
        [
            *(one.evidence() for one in world.notes["refused"]),
            exchange.evidence(),
            row.evidence(),
            *(world.testbed.mirror.describe(key) for key in keys.values()),
        ],
        {"within_s": WRITE_THROUGH_S},
    )


@answers("D-12")
def set_by_hand(world: World) -> Observed:
    found = {name: capacity_of(world, name) for name in ("Sari", "Dewi")}
    shown = [world.testbed.mirror.describe(f"mitra:capacity:{world.mitra(name).id}") for name in found]
    return Observed({"found": found, "maximum": world.notes["maximum"]}, shown)


@answers("D-13")
def left_out(world: World) -> Observed:
    paid = world.notes["Budi paid"]
    rows = world.testbed.tables.query(
        "SELECT mitra_id::text FROM chat_request_notifications WHERE chat_session_id = %s ORDER BY 1",
        (world.notes["Budi chat"],),
    )
    return Observed(
        {"paid": paid.plain(), "offered": sorted(world.name_of(row[0]) for row in rows.rows)},
        [paid.evidence(), rows.evidence(), *world.mirror_evidence()],
    )
