"""Starts on what was left in the stores, with a slow Valkey and without one, and the log lines of a start."""

import time
import uuid
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import msgspec

from rig.contract import (
    BLAST_FALLBACK_LINE,
    CAPACITY,
    DEACTIVATED,
    HEARTBEAT,
    HEARTBEAT_FALLBACK_LINE,
    ONLINE,
    REACHABLE_FALLBACK_LINE,
    RESEED_S,
    SEED_LINE,
    SET_OFFLINE,
    SET_ONLINE,
    WRITE_FAILED,
)
from rig.environment.testbed import Testbed
from rig.observe import ServerLog
from rig.record.observations import environment
from rig.record.observations.races import Answered
from rig.runs.contract.probes.instances import connects, instance, seeds, usual_start_s, watch_start
from rig.runs.contract.probes.people import operator, some_customer, some_mitra, told
from rig.runs.contract.probing import probe
from rig.stack.sut.managed import ServerInstance
from rig.traffic import Mitra, Operator
from rig.traffic.actors.exchange import Exchange
from rig.waiting import poll_until

DELAY_S = 10.0  # that a start without Valkey may take longer
ENDED_S = 2.0
AGAIN_S = 1.5  # in which a periodic seed that must not run would show
FOREIGN = "not-a-uuid"
STARTS_MAX = 3
LATE_S = 5.0  # that a line is waited for, so that a late one is told from one that never comes
SLOW_MS = 50  # that each reply of Valkey is late: less than a server may wait for it, and a seed takes several
LOOK_S = 0.01


@probe("start on what was left", "environment")
def start_on_what_was_left(testbed: Testbed) -> environment.StartOnWhatWasLeft:
    """Keys that are wrong, an unknown id and an old chat; requests to a running instance; then a start of another."""
    testbed.empty_stores()
    here, away, full, idle = (some_mitra(testbed, name) for name in ("here", "away", "full", "idle"))
    customer = testbed.fixtures.customer(name="who left")
    for _ in range(3):
        testbed.fixtures.session(customer, full.id)
    testbed.mirror.run("DEL", CAPACITY + str(full.id), CAPACITY + str(here.id))
    available = operator(testbed).available()
    away.offline()
    ended = datetime.now(UTC) - timedelta(hours=1)
    chat = testbed.fixtures.session(customer, here.id, ends_at=ended)
    unknown = str(uuid.uuid4())
    spoil(testbed, unknown, str(here.id), str(away.id))
    testbed.mirror.run("SET", CAPACITY + str(idle.id), "2")  # she has no chat
    operators = operator(testbed)
    answers = [here.ping(), some_customer(testbed, "asker").beacon(), operators.dashboard(), operators.available()]
    with instance(testbed, "late", {"VALKEY_ONLINE_MIRROR_SWEEP_SECONDS": "0"}) as server:
        start = watch_start(server, DELAY_S + 2 * usual_start_s(testbed))
        poll_until(lambda: status_of(testbed, chat.id) == "ended", ENDED_S)
        status = status_of(testbed, chat.id)
        time.sleep(AGAIN_S)
        truth, _ = testbed.truth()
        mirror = testbed.mirror_state()
        listens = [connects("127.0.0.1", port) for port in (server.seat.public_port, server.seat.internal_port)]
        seen = {
            **start, "answers": told(answers), "available": available.reply, "here": str(here.id), "full": str(full.id),
            "seeds": len(seeds(server)), "chat": status, "listens": listens,
            "other address": [connects("127.0.0.2", port) for port in (server.seat.public_port, server.seat.internal_port)],
            "truth": {"online": truth.online, "deactivated": truth.deactivated, "loads": truth.loads},
            "mirror": {
                "online": mirror.online, "deactivated": mirror.deactivated,
                "capacities": mirror.capacities, "heartbeats": mirror.heartbeats,
            },
            "unknown rows": rows_of_unknown(testbed),
        }  # fmt: skip
        return msgspec.convert(seen, environment.StartOnWhatWasLeft)


def spoil(testbed: Testbed, unknown: str, online: str, offline: str) -> None:
    """Wrong types, a wrong load, a heartbeat of somebody who is offline, and ids that belong to nobody."""
    run = testbed.mirror.run
    run("SADD", ONLINE, unknown, FOREIGN)
    run("DEL", DEACTIVATED)
    run("SET", DEACTIVATED, "wrong type")
    run("DEL", CAPACITY + online)
    run("RPUSH", CAPACITY + online, "wrong type")
    run("SET", HEARTBEAT + offline, "2026-01-01T00:00:00.000Z")
    run("SET", HEARTBEAT + unknown, "2026-01-01T00:00:00.000Z")


def status_of(testbed: Testbed, chat: str) -> str:
    found = testbed.tables.query("SELECT status::text FROM chat_sessions WHERE id::text = %s", (chat,))
    return str(found.value)


def rows_of_unknown(testbed: Testbed) -> int:
    """Rows of ids that `mitras` does not have."""
    tables = ("mitra_online_status", "mitra_online_logs", "chat_request_notifications")
    query = "SELECT count(*) FROM {} t WHERE NOT EXISTS (SELECT 1 FROM mitras m WHERE m.id::text = t.mitra_id::text)"
    return sum(int(testbed.tables.query(query.format(table)).value) for table in tables)


@probe("start with nobody online", "environment")
def start_with_nobody_online(testbed: Testbed) -> environment.StartWithNobodyOnline:
    """`mitras:online` still holds a mitra who is offline and an id that is unknown."""
    testbed.empty_stores()
    row = testbed.fixtures.mitra(name="long gone")
    testbed.mirror.run("SADD", ONLINE, row.id, str(uuid.uuid4()))
    with instance(testbed, "late") as server:
        start = watch_start(server, DELAY_S + 2 * usual_start_s(testbed))
        seen = {**start, "seeds": len(seeds(server)), "online": sorted(testbed.mirror.online())}
        return msgspec.convert(seen, environment.StartWithNobodyOnline)


@probe("start without Valkey", "environment")
def start_without_valkey(testbed: Testbed) -> environment.StartsWithoutValkey:
    """Two instances start at the same time, one whose Valkey is refused, one whose Valkey hangs; then it answers."""
    testbed.empty_stores()
    mitra = some_mitra(testbed, "patient")
    usual_s = usual_start_s(testbed)
    toxiproxy = testbed.stack.toxiproxy
    with instance(testbed, "refused") as refused, instance(testbed, "hung") as hung:
        toxiproxy.set_enabled(refused.proxy, False)
        toxiproxy.add_toxic(hung.proxy, "silence", "timeout", "downstream", {"timeout": 0})
        try:
            with ThreadPoolExecutor(2) as pool:
                starts = list(pool.map(lambda one: watch_start(one, 2 * usual_s + DELAY_S + 5), (refused, hung)))
            served = [asked(one, mitra) for one in (refused, hung)]
            testbed.mirror.run("SADD", ONLINE, unknown := str(uuid.uuid4()))
        finally:
            toxiproxy.set_enabled(refused.proxy, True)
            toxiproxy.remove_toxic(hung.proxy, "silence")
        poll_until(lambda: all(seeds(one) for one in (refused, hung)), RESEED_S + 1.0)
        gone = poll_until(lambda: unknown not in testbed.mirror.online(), 0.2)
        found = [[len(seeds(one)), one.running] for one in (refused, hung)]
    seen = {
        "usual_s": usual_s, "starts": dict(zip(("refused", "hung"), starts, strict=True)),
        "served": dict(zip(("refused", "hung"), served, strict=True)),
        "seeds": dict(zip(("refused", "hung"), found, strict=True)), "unknown gone": bool(gone),
    }  # fmt: skip
    return msgspec.convert(seen, environment.StartsWithoutValkey)


def asked(server: ServerInstance, mitra: Mitra) -> list[Answered]:
    """What this instance answers a mitra who is online; nothing where it never came up."""
    if server.ready is None:
        return []
    here = mitra.via(server)
    return told([here.ping(), here.status(), here.online()])


@probe("start with a slow Valkey", "environment")
def start_with_slow_valkey(testbed: Testbed) -> environment.SlowStart:
    """The seed takes long, as each reply of Valkey is late; whether a port takes connections before it is done.

    On a busy machine a seed may fail, and a start then goes on without it: so up to three starts are looked at.
    """
    starts = []
    for _ in range(STARTS_MAX):
        starts.append(slow_start(testbed))
        if all(one.seeded for one in starts[-1].values()):
            break
    return environment.SlowStart(starts=starts)


def slow_start(testbed: Testbed) -> dict[str, environment.Listens]:
    """When each listener of a new instance takes its first connection, and what Valkey holds right after it."""
    testbed.empty_stores()
    row = testbed.fixtures.mitra(name="to be seeded", online=True)
    listens: dict[str, environment.Listens] = {}
    toxiproxy = testbed.stack.toxiproxy
    with instance(testbed, "slow") as server:
        toxiproxy.add_toxic(str(server.proxy), "late", "latency", "downstream", {"latency": SLOW_MS})
        try:
            server.spawn()
            ports = {"public": server.seat.public_port, "internal": server.seat.internal_port}

            def all_listen() -> bool:
                for name, port in ports.items():
                    if name not in listens and connects("127.0.0.1", port):
                        seeded = bool(testbed.mirror.run("SISMEMBER", ONLINE, row.id))  # asked after the connection
                        listens[name] = environment.Listens(round(time.time() - (server.started or 0.0), 3), seeded)
                return len(listens) == len(ports) or not server.running

            poll_until(all_listen, DELAY_S + 2 * usual_start_s(testbed), every_s=LOOK_S)
        finally:
            toxiproxy.remove_toxic(str(server.proxy), "late")
    return listens


@dataclass(frozen=True)
class Awaited:
    """A line as the report names it, the words of it that are looked for, and when its event began and was answered."""

    line: str
    words: str
    began: float
    ended: float

    def times(self, log: ServerLog) -> list[float]:
        """When such a line came since the event began."""
        return [at for at, _ in log.lines(since=self.began, containing=self.words)]


def writes(
    server: ServerInstance, mitra: Mitra, busy: Mitra, barred: Mitra, chat: str
) -> list[tuple[str, Mitra, Callable[[], Exchange]]]:
    """Each kind of write-through: its words before the mitra's id ("" for any), the mitra, and the request.

    Where any words will do, no other write is of the same mitra: its line would be taken for this one.
    """
    return [
        (f"{SET_OFFLINE} ", mitra, mitra.via(server).offline),
        (f"{SET_ONLINE} ", mitra, mitra.via(server).online),
        ("", busy, lambda: busy.via(server).accept(chat)),
        ("", barred, lambda: Operator(server).set_active(str(barred.id), False)),
    ]


def failed_write(words: str, mitra: Mitra, write: Callable[[], Exchange]) -> Awaited:
    """Make this write; the line that must come of its failure."""
    exchange = write()
    line = f"{words}<id> {WRITE_FAILED} after {exchange.action}"
    return Awaited(line, f"{words}{mitra.id} {WRITE_FAILED}", exchange.started, exchange.ended)


@probe("lines of a start and an outage", "environment")
def lines_of_an_outage(testbed: Testbed) -> environment.LinesAtEvents:
    """The seed line of a start; then without Valkey the lines of the readers, and one of each kind of write that fails."""
    testbed.empty_stores()
    mitra, customer = some_mitra(testbed, "pings in the outage"), some_customer(testbed, "pays in the outage")
    busy, barred = some_mitra(testbed, "accepts in the outage"), some_mitra(testbed, "is deactivated in the outage")
    with instance(testbed, "talks") as server:
        watch_start(server, DELAY_S + 2 * usual_start_s(testbed))
        if server.ready is None or server.started is None:
            return environment.LinesAtEvents(ready=False)
        chat = str(customer.via(server).create().reply["id"])
        events = [Awaited(SEED_LINE, SEED_LINE, server.started, server.ready)]
        toxiproxy = testbed.stack.toxiproxy
        toxiproxy.set_enabled(str(server.proxy), False)
        try:
            for line, exchange in (
                (HEARTBEAT_FALLBACK_LINE, mitra.via(server).ping()),
                (BLAST_FALLBACK_LINE, customer.via(server).pay(chat)),
                (REACHABLE_FALLBACK_LINE, Operator(server).reachable(str(mitra.id))),
            ):
                events.append(Awaited(line, line, exchange.started, exchange.ended))
            events += [failed_write(*one) for one in writes(server, mitra, busy, barred, chat)]
            log = ServerLog(server.log)
            poll_until(lambda: all(one.times(log) for one in events), LATE_S)
        finally:
            toxiproxy.set_enabled(str(server.proxy), True)
        server.stop()  # what was held back is printed at the end, if ever
        found = [(one.line, one.times(log), one.ended) for one in events]
        return environment.LinesAtEvents(
            ready=True,
            lines=[
                environment.LineAtEvent(line, round(times[0] - ended, 3) if times else None)
                for line, times, ended in found
            ],
        )
