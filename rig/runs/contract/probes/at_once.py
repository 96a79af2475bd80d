"""Races: the same thing twice at once, and things at once that cannot both be."""

import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from functools import partial

from rig.environment.testbed import Testbed
from rig.faults.requirements import libfaketime
from rig.observe.valkey.mirror_keys import parse_heartbeat
from rig.record.observations import races
from rig.runs.contract.probes.instances import instance, patience_s, watch_start
from rig.runs.contract.probes.people import (
    Call,
    offered_chat,
    operator,
    some_customer,
    some_mitra,
    together,
    told,
    while_locked,
)
from rig.runs.contract.probing import probe
from rig.stack.sut.managed import ServerInstance
from rig.traffic import Customer, Mitra
from rig.traffic.actors.exchange import Exchange

MANY = 6
LATE_MS = 150  # a write of a ping is under way for so long, which is less than a server may wait for its answer
PINGS = 5
AHEAD_S = 60
WRONG = "000000"
AUDIT = "SELECT status::text FROM mitra_online_logs WHERE mitra_id::text = %s ORDER BY id"
OFFERS = "SELECT mitra_id::text, count(*) FROM chat_request_notifications WHERE chat_session_id::text = %s GROUP BY 1"
LIVE = "SELECT count(*) FROM auth_sessions WHERE user_id::text = %s AND revoked_at IS NULL"
CHAT = "SELECT status::text, mitra_id::text, extract(epoch FROM ends_at)::float8 FROM chat_sessions WHERE id::text = %s"
LOAD = "SELECT count(*) FROM chat_sessions WHERE mitra_id::text = %s AND status IN ('active', 'pending_payment')"


def twice(testbed: Testbed) -> tuple[str, ...]:
    """The instances in turn, for as many callers as there are."""
    names = tuple(testbed.servers)
    return tuple(names[number % len(names)] for number in range(MANY))


@probe("refresh at once", "races")
def refresh_at_once(testbed: Testbed) -> races.Refreshes:
    """One refresh token, used by six requests at once over all instances."""
    mitra = testbed.fixtures.mitra(name="refresher")
    first = Mitra(testbed.server(), mitra.id, mitra.phone)
    signed_in = first.login()
    token = first.refresh_token
    calls = [first.via(testbed.server(name)) for name in twice(testbed)]
    answers = together([partial(one.refresh, token) for one in calls])
    return races.Refreshes(
        signed_in=signed_in.status,
        answers=told(answers),
        live=testbed.tables.query(LIVE, (mitra.id,)).value,
    )


@probe("verify at once", "races")
def verify_at_once(testbed: Testbed) -> races.Verifications:
    """One code, entered by six requests at once; the phone is unknown, so the customer is signed up by it."""
    phone = testbed.fixtures.free_phone()
    asked = Customer(testbed.server(), phone=phone).request_code()
    calls = [Customer(testbed.server(name), phone=phone) for name in twice(testbed)]
    answers = together([one.verify_code for one in calls])
    rows = testbed.tables.query("SELECT count(*) FROM customers WHERE phone = %s", (phone,)).value
    return races.Verifications(asked=asked.status, answers=told(answers), rows=rows)


@probe("wrong codes at once", "races")
def wrong_codes_at_once(testbed: Testbed) -> races.WrongCodes:
    """Twice as many wrong codes at once as are allowed, then the right one."""
    row = testbed.fixtures.mitra(name="guesser")
    mitra = Mitra(testbed.server(), row.id, row.phone)
    asked = mitra.request_code()
    calls = [Mitra(testbed.server(name), row.id, row.phone) for name in (*twice(testbed), *twice(testbed))]
    answers = together([partial(one.verify_code, WRONG) for one in calls])
    return races.WrongCodes(asked=asked.status, answers=told(answers), right=told([mitra.verify_code()])[0])


@probe("code of one instance at another", "races")
def code_elsewhere(testbed: Testbed) -> races.Answers:
    """A code is asked for at the first instance and entered at the last; then its refresh token is used at the first."""
    row = testbed.fixtures.mitra(name="wanderer")
    here, there = testbed.server(), testbed.server(tuple(testbed.servers)[-1])
    mitra = Mitra(here, row.id, row.phone)
    asked, verified = mitra.request_code(), mitra.via(there)
    signed_in = verified.verify_code()
    refreshed = verified.via(here).refresh(verified.refresh_token)
    return races.Answers(answers=told([asked, signed_in, refreshed]))


@probe("accept at once", "races")
def accept_at_once(testbed: Testbed) -> races.Accepts:
    """One chat, six mitras, all at once, while the chat's row is locked."""
    testbed.empty_stores()
    mitras = [some_mitra(testbed, f"racer {number}", via) for number, via in enumerate(twice(testbed))]
    chat = offered_chat(some_customer(testbed, "payer"))
    calls = [partial(one.accept, chat) for one in mitras]
    answers = while_locked(testbed, "chat_sessions", chat, calls)
    _, mitra, _ = testbed.tables.query(CHAT, (chat,)).rows[0]
    winners = [str(one.id) for one, answer in zip(mitras, answers, strict=True) if answer.ok]
    return races.Accepts(answers=told(answers), mitra=mitra, winners=winners)


@probe("accept several at once", "races")
def accept_several_at_once(testbed: Testbed) -> races.Load:
    """Six chats, one mitra with room for three, all at once, while her row is locked."""
    testbed.empty_stores()
    mitra = some_mitra(testbed, "wanted")
    chats = [offered_chat(some_customer(testbed, f"payer {number}")) for number in range(MANY)]
    people = [mitra.via(testbed.server(name)) for name in twice(testbed)]
    calls = [partial(one.accept, chat) for one, chat in zip(people, chats, strict=True)]
    answers = while_locked(testbed, "mitras", str(mitra.id), calls)
    return races.Load(answers=told(answers), load=testbed.tables.query(LOAD, (mitra.id,)).value, maximum=3)


@probe("reroute several at once", "races")
def reroute_several_at_once(testbed: Testbed) -> races.Load:
    """Three chats of one mitra each and three of another, all rerouted to a third who has room for three."""
    testbed.empty_stores()
    target = some_mitra(testbed, "target")
    target.offline()
    chats = []
    for number in range(2):
        mitra = some_mitra(testbed, f"giver {number}")
        for chat_number in range(3):
            chat = offered_chat(some_customer(testbed, f"payer {number} {chat_number}"))
            mitra.accept(chat)
            chats.append(chat)
        mitra.offline()
    target.online()
    operators = [operator(testbed, name) for name in twice(testbed)]
    calls = [partial(one.reroute, chat, str(target.id)) for one, chat in zip(operators, chats, strict=True)]
    answers = while_locked(testbed, "mitras", str(target.id), calls)
    return races.Load(answers=told(answers), load=testbed.tables.query(LOAD, (target.id,)).value, maximum=3)


@probe("toggles at once", "races")
def toggles_at_once(testbed: Testbed) -> races.Toggles:
    """Six times online at once, then six times offline at once."""
    mitra = some_mitra(testbed, "switch", online=False)
    people = [mitra.via(testbed.server(name)) for name in twice(testbed)]
    on = together([one.online for one in people])
    off = together([one.offline for one in people])
    return races.Toggles(answers=told([*on, *off]), audit=testbed.tables.query(AUDIT, (mitra.id,)).column)


@probe("end at once", "races")
def end_at_once(testbed: Testbed) -> races.Ends:
    """Both sides end one chat at once, over all instances, while its row is locked."""
    testbed.empty_stores()
    mitra, customer = some_mitra(testbed, "one side"), some_customer(testbed, "other side")
    chat = offered_chat(customer)
    taken = mitra.accept(chat)
    calls = [partial(mitra.via(testbed.server(name)).end, chat) for name in testbed.servers]
    calls += [partial(customer.via(testbed.server(name)).end, chat) for name in testbed.servers]
    answers = while_locked(testbed, "chat_sessions", chat, calls)
    return races.Ends(taken=taken.status, answers=told(answers), load=testbed.tables.query(LOAD, (mitra.id,)).value)


@probe("extension paid at once", "races")
def extension_paid_at_once(testbed: Testbed) -> races.ExtensionPayments:
    """One extension, paid by four requests at once, while the chat's row is locked."""
    testbed.empty_stores()
    mitra, customer = some_mitra(testbed, "listener"), some_customer(testbed, "payer")
    chat = offered_chat(customer)
    mitra.accept(chat)
    before = testbed.tables.query(CHAT, (chat,)).rows[0][2]
    extended = customer.extend(chat, 600)
    payers = [customer.via(testbed.server(name)) for name in (*testbed.servers, *testbed.servers)]
    answers = while_locked(testbed, "chat_sessions", chat, [partial(one.pay_extension, chat) for one in payers])
    after = testbed.tables.query(CHAT, (chat,)).rows[0][2]
    return races.ExtensionPayments(
        extended=extended.status,
        answers=told(answers),
        moved_s=None if before is None or after is None else after - before,
    )


@probe("pay at once", "races")
def pay_at_once(testbed: Testbed) -> races.Payments:
    """One chat, paid by four requests at once, while its row is locked."""
    testbed.empty_stores()
    mitras = [some_mitra(testbed, f"offered {number}") for number in range(3)]
    customer = some_customer(testbed, "eager")
    chat = customer.create().reply["id"]
    payers = [customer.via(testbed.server(name)) for name in (*testbed.servers, *testbed.servers)]
    answers = while_locked(testbed, "chat_sessions", chat, [partial(one.pay, chat) for one in payers])
    offers = {row[0]: row[1] for row in testbed.tables.query(OFFERS, (chat,)).rows}
    return races.Payments(
        answers=told(answers),
        offers=[offers.get(mitra.id, 0) for mitra in mitras],
        others=len(offers) - 3,
    )


@probe("two settings at once", "races")
def two_settings_at_once(testbed: Testbed) -> races.Settings:
    """Two operators at two instances change two settings at once, five times."""
    first, last = operator(testbed), operator(testbed, tuple(testbed.servers)[-1])
    wanted, rows = [], []
    for number in range(5):
        values = {"max_customers_per_mitra": 4 + number, "stale_after_seconds": 100 + number}
        together([
            partial(first.set_config, "max_customers_per_mitra", values["max_customers_per_mitra"]),
            partial(last.set_config, "stale_after_seconds", values["stale_after_seconds"]),
        ])  # fmt: skip
        wanted.append(values)
        rows.append(dict(testbed.tables.query("SELECT key::text, value::text::int FROM app_config").rows))
    testbed.settings_touched()
    testbed.restore_settings()
    return races.Settings(wanted=wanted, rows=rows)


@probe("refresh beside a deactivation", "races")
def refresh_beside_deactivation(testbed: Testbed) -> races.Deactivation:
    """Refreshes at all instances and a deactivation at once, while the mitra's row is locked."""
    row = testbed.fixtures.mitra(name="leaver")
    people = []
    for name in twice(testbed):
        mitra = Mitra(testbed.server(name), row.id, row.phone)
        mitra.login()
        people.append(mitra)
    calls: list[Call] = [one.refresh for one in people]
    calls.insert(len(calls) // 2, lambda: operator(testbed).set_active(row.id, False))
    answers = while_locked(testbed, "mitras", row.id, calls)
    return races.Deactivation(answers=told(answers), live=testbed.tables.query(LIVE, (row.id,)).value)


@probe("pings out of order", "races")
def pings_out_of_order(testbed: Testbed) -> races.PingsOutOfOrder:
    """A ping's write is late at one instance, and a later ping at another is faster; then a ping by a clock that is ahead."""
    testbed.empty_stores()
    mitra = some_mitra(testbed, "pings everywhere")
    pings: list[Exchange] = []
    beats = [beat(testbed, mitra)]
    with late_writes(testbed, tuple(testbed.servers)[-1]) as slow, ThreadPoolExecutor(1) as pool:
        for _ in range(PINGS):
            late = pool.submit(mitra.via(slow).ping)
            time.sleep(LATE_MS / 3000)
            pings.append(mitra.ping())
            beats.append(beat(testbed, mitra))
            pings.append(late.result())
            beats.append(beat(testbed, mitra))
    library = libfaketime()
    if library is not None:
        clock = {"LD_PRELOAD": library, "FAKETIME": f"+{AHEAD_S}s", "FAKETIME_DONT_FAKE_MONOTONIC": "1"}
        with instance(testbed, "ahead", clock) as server:
            watch_start(server, patience_s(testbed))
            if server.ready is not None:
                for ping in (mitra.via(server).ping, mitra.ping):
                    pings.append(ping())
                    beats.append(beat(testbed, mitra))
    return races.PingsOutOfOrder(pings=told(pings), beats=beats)


def beat(testbed: Testbed, mitra: Mitra) -> races.Beat:
    text = testbed.mirror.heartbeat(str(mitra.id))
    return races.Beat(text, parse_heartbeat(text), time.time())


@contextmanager
def late_writes(testbed: Testbed, name: str) -> Iterator[ServerInstance]:
    """This instance; whatever it asks Valkey arrives late."""
    server = testbed.server(name)
    toxiproxy = testbed.stack.toxiproxy
    proxy = str(server.proxy)
    toxiproxy.add_toxic(proxy, "late", "latency", "upstream", {"latency": LATE_MS})
    try:
        yield server
    finally:
        toxiproxy.remove_toxic(proxy, "late")
