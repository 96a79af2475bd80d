"""How the boxes of section D are observed: the capacity counter over the life of a chat."""

import time

import msgspec
from pytest_bdd import parsers, when

from features.steps.people import must, told
from rig.checks.common.sql_statements import writes
from rig.contract import WRITE_THROUGH_S
from rig.environment.step_errors import Broke, Unmet
from rig.observe.postgres.queries import Result
from rig.record import evidence
from rig.record.observations.section_d import (
    CapacityByHand,
    CapacityValue,
    ChatAtEnd,
    ChatRow,
    CountersOfReroute,
    EndedChat,
    NaturalEnd,
    OffersOfPayment,
    Reroute,
    StartedChat,
)
from rig.runs.checklist.observation import Observed, answers
from rig.runs.checklist.world import World

WAIT_S = 10.0  # for a timer of the backend to show, over the time that it is due
COUNTED_TEXT = "SELECT id::text, status, mitra_id::text FROM chat_sessions WHERE mitra_id = %s ORDER BY status, id"


def session_row(world: World, customer: str) -> Result:
    return world.bench.tables.query(
        "SELECT status, mitra_id::text, extract(epoch FROM ends_at)::float8 FROM chat_sessions WHERE id = %s",
        (world.notes[f"{customer} chat"],),
    )


def capacity_of(world: World, name: str) -> str | None:
    return world.mirror_state().capacities.get(world.mitra(name).id)


@when("Sari ends Budi's chat early")
def ends_early(world: World) -> None:
    world.notes["Budi ended"] = world.mitra("Sari").end(world.notes["Budi chat"])


@when(parsers.re(r"Budi's time runs out and the goodbye comes (?P<goodbye>.+)"))
def runs_out(world: World, goodbye: str) -> None:
    """What is noted before, at and after the end of the time is judged by D-06; a goodbye too early must be refused."""
    budi, chat = world.customer("Budi"), world.notes["Budi chat"]
    ends_at, window_s = session_row(world, "Budi").rows[0][2], world.cadence.seconds("goodbye", 60)
    early, capacity_before = budi.goodbye(chat).seen(), capacity_of(world, "Sari")
    extended = must(budi.extend(chat, 600), 200).seen() if "extension" in goodbye else None
    capacity_extended = capacity_of(world, "Sari") if extended else None
    wait_until(ends_at + 0.1)
    status = session_row(world, "Budi").rows[0][0]
    at_end = ChatAtEnd(status=status, capacity=capacity_of(world, "Sari"), seen_at=time.time())
    said = budi.goodbye(chat) if "customer" in goodbye else None
    while (status := session_row(world, "Budi").rows[0][0]) != "ended" and time.time() < ends_at + window_s + WAIT_S:
        time.sleep(0.02)
    world.notes["goodbye"] = said
    world.notes["runs out"] = NaturalEnd(
        way=goodbye,
        ends_at=ends_at,
        early=early,
        capacity_before=capacity_before,
        extended=extended,
        capacity_extended=capacity_extended,
        at_end=at_end,
        goodbye=None if said is None else said.seen(),
        window_s=window_s,
        ended_seen_at=time.time() if status == "ended" else None,
        status=status,
    )


def wait_until(at: float) -> None:
    """Until a time of the wall clock: the event that is due then is what the scenario is about."""
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
    world.notes["session before"] = session_row(world, "Budi").rows[0]
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
        world.bench.mirror.client.set(f"mitra:capacity:{world.mitra(name).id}", value)


def capacity_is(world: World, note: str | None) -> Observed:
    """The counter now, and when it became so: the last write of the key by the backend, against the answer."""
    sari = world.mitra("Sari").id
    capacity, seen_at = capacity_of(world, "Sari"), time.time()
    rows = world.bench.tables.query(COUNTED_TEXT, (sari,))
    shown = [world.bench.mirror.describe(f"mitra:capacity:{sari}"), rows.evidence()]
    answered_at = written_at = None
    if note:
        exchange = world.notes[note]
        answered_at, written_at = exchange.ended, counter_written_at(world, sari, exchange.started) or seen_at
        shown.insert(0, exchange.evidence())
        shown.append(evidence.timing("the counter after the answer", max(0.0, written_at - answered_at), 1.0))
    seen = CapacityValue(capacity=capacity, answered_at=answered_at, written_at=written_at)
    return Observed(seen, shown, {"within_s": WRITE_THROUGH_S})


def counter_written_at(world: World, mitra: str, since: float) -> float | None:
    return world.written_at(f"mitra:capacity:{mitra}", ("SET", "INCR", "DECR", "INCRBY"), None, since)


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
        StartedChat(
            paid=paid.seen(),
            accepted=accepted.seen(),
            row=ChatRow(*row.rows[0]),
            mitra=world.mitra("Sari").id,
        ),
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
    seen, row, goodbye = world.notes["runs out"], session_row(world, "Budi"), world.notes["goodbye"]
    text = f"the time was up at {seen.ends_at:.3f}, looked at {seen.at_end.seen_at:.3f}: {seen.at_end}"
    shown = [*([goodbye.evidence()] if goodbye else []), row.evidence(), evidence.note(text)]
    return Observed(msgspec.structs.replace(seen, status=row.rows[0][0]), shown, {"timer_s": 2.0})


@answers("D-07", within_s=WRITE_THROUGH_S)
def one_left(world: World) -> Observed:
    """Against the goodbye's answer, or without a goodbye against the COMMIT of the ending."""
    if world.notes["goodbye"] is not None:
        return capacity_is(world, "goodbye")
    observed, since = capacity_is(world, None), world.notes["runs out"].ends_at
    ended = [s for s in world.statements(since) if writes(s, "chat_sessions") and s.committed_at]
    seen = msgspec.structs.replace(
        observed.seen,
        answered_at=ended[-1].committed_at if ended else None,
        written_at=counter_written_at(world, world.mitra("Sari").id, since),
    )
    shown = evidence.statements("endings", {"UPDATE chat_sessions": len(ended)}, [s.text for s in ended])
    return Observed(seen, [*observed.evidence, shown], observed.bounds)


@answers("D-08")
def second_ended(world: World) -> Observed:
    exchange, row = world.notes["Tono ended"], session_row(world, "Tono")
    return Observed(
        EndedChat(exchange=exchange.seen(), row=ChatRow(*row.rows[0])), [exchange.evidence(), row.evidence()]
    )


@answers("D-09", within_s=WRITE_THROUGH_S)
def none_left(world: World) -> Observed:
    return capacity_is(world, "Tono ended")


@answers("D-10")
def moved(world: World) -> Observed:
    exchange, row = world.notes["rerouted"], session_row(world, "Budi")
    return Observed(
        Reroute(exchange=exchange.seen(), mitra=world.mitra("Dewi").id), [exchange.evidence(), row.evidence()]
    )


@answers("D-11", within_s=WRITE_THROUGH_S)
def both_counters(world: World) -> Observed:
    exchange, row, now = world.notes["rerouted"], session_row(world, "Budi"), time.time()
    keys = {name: f"mitra:capacity:{world.mitra(name).id}" for name in ("Sari", "Dewi")}
    stamps = [counter_written_at(world, world.mitra(name).id, exchange.started) for name in keys]
    return Observed(
        CountersOfReroute(
            before=world.notes["before reroute"],
            after={name: capacity_of(world, name) for name in keys},
            session_before=ChatRow(*world.notes["session before"]),
            session_after=ChatRow(*row.rows[0]),
            from_id=world.mitra("Sari").id,
            to_id=world.mitra("Dewi").id,
            refused=[one.seen() for one in world.notes["refused"]],
            answered_at=exchange.ended,
            written_at=max((at for at in stamps if at), default=now) if all(stamps) else now,
        ),
        [
            *(one.evidence() for one in world.notes["refused"]),
            exchange.evidence(),
            row.evidence(),
            *(world.bench.mirror.describe(key) for key in keys.values()),
        ],
        {"within_s": WRITE_THROUGH_S},
    )


@answers("D-12")
def set_by_hand(world: World) -> Observed:
    found = {name: capacity_of(world, name) for name in ("Sari", "Dewi")}
    shown = [world.bench.mirror.describe(f"mitra:capacity:{world.mitra(name).id}") for name in found]
    return Observed(CapacityByHand(found=found, maximum=world.notes["maximum"]), shown)


@answers("D-13")
def left_out(world: World) -> Observed:
    paid = world.notes["Budi paid"]
    rows = world.bench.tables.query(
        "SELECT mitra_id::text FROM chat_request_notifications WHERE chat_session_id = %s ORDER BY 1",
        (world.notes["Budi chat"],),
    )
    return Observed(
        OffersOfPayment(paid=paid.seen(), offered=sorted(world.name_of(row[0]) for row in rows.rows)),
        [paid.evidence(), rows.evidence(), *world.mirror_evidence()],
    )
