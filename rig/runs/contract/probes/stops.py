"""SIGTERM: with requests in flight, with Valkey cut, and while a store, the resolver or the reader of the log hangs."""

import signal
import socket
import time
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from urllib.parse import urlsplit

import msgspec

from rig.environment.testbed import Testbed
from rig.faults.requirements import no_resolver
from rig.faults.servers.output import fill
from rig.record.observations import environment
from rig.record.observations.races import Answered
from rig.runs.contract.probes.instances import connects, instance, patience_s, readyz, watch_start
from rig.runs.contract.probes.people import offered_chat, row_locked, some_customer, some_mitra
from rig.runs.contract.probing import probe
from rig.stack.processes.ports import PORTS
from rig.stack.stack import at_address
from rig.stack.sut.managed import ServerInstance
from rig.stack.sut.resolver import Resolver
from rig.traffic import Customer
from rig.waiting import poll_until

START_S = 20.0
STOP_S = 10.0
BEFORE_S = 0.4  # from the last byte of the request to SIGTERM, twice what the contract asks for
HELD_S = 0.6  # that the row stays locked after SIGTERM
HALF = b"POST /api/client/auth/otp/request HTTP/1.1\r\nHost: x\r\nContent-Length: 40\r\n\r\n{"


@probe("stop with requests in flight", "environment")
def stop_in_flight(testbed: Testbed) -> environment.StopInFlight:
    """A request that waits for a locked row, half a request, and a second instance whose Valkey is refused."""
    testbed.empty_stores()
    mitra, customer = some_mitra(testbed, "stays online"), some_customer(testbed, "waits")
    chat = offered_chat(customer)
    taken = mitra.accept(chat)
    with instance(testbed, "stopped") as busy, instance(testbed, "cut") as cut, ThreadPoolExecutor(3) as pool:
        starts = list(pool.map(lambda one: watch_start(one, patience_s(testbed)), (busy, cut)))
        if busy.ready is None or cut.ready is None:
            return msgspec.convert({"starts": starts, "taken": taken.status}, environment.StopInFlight)
        online = mitra.via(busy).online().status
        testbed.stack.toxiproxy.set_enabled(cut.proxy, False)
        mitra.via(cut).ping()  # so that this instance has noticed the outage when SIGTERM comes
        try:
            with socket.create_connection(("127.0.0.1", busy.seat.public_port)) as half:
                half.sendall(HALF)
                with row_locked(testbed, "chat_sessions", chat):
                    waiting = pool.submit(customer.via(busy).end, chat)
                    time.sleep(BEFORE_S)
                    ends = [pool.submit(ended, one) for one in (busy, cut)]
                    time.sleep(HELD_S)
                    stopping = readyz(busy)
                answer = waiting.result()
                exits = [one.result() for one in ends]
        finally:
            testbed.stack.toxiproxy.set_enabled(cut.proxy, True)
        ports = [busy.seat.public_port, busy.seat.internal_port]
        truth, _ = testbed.truth()
        seen = {
            "starts": starts, "taken": taken.status, "online": online, "in flight": [answer.status, answer.code or answer.error],
            "readyz": stopping, "exits": dict(zip(("with requests in flight", "with Valkey refused"), exits, strict=True)),
            "still open": [port for port in ports if connects("127.0.0.1", port)],
            "still online": mitra.id in truth.online, "key": mitra.id in testbed.mirror.online(),
        }  # fmt: skip
        return msgspec.convert(seen, environment.StopInFlight)


def ended(server: ServerInstance) -> environment.Ended:
    """SIGTERM; seconds to its end and exit code, both None where it runs on."""
    assert server.process is not None
    began = time.time()
    server.process.signal(signal.SIGTERM)
    try:
        code = server.process.wait(STOP_S + 1)
    except TimeoutError:
        return environment.Ended(None, None)
    return environment.Ended(round((server.process.exited or time.time()) - began, 3), code)


VALKEY, POSTGRES, LOG, RESOLVER = (
    "with Valkey hung", "with Postgres hung", "while nobody reads its log", "with a resolver that hangs",
)  # fmt: skip
NAMES = {VALKEY: "silent", POSTGRES: "truthless", LOG: "unread", RESOLVER: "unnamed"}
TOXIC, POSTGRES_PROXY = "silence", "postgres-of-a-probe"
ASKED_S = 3.0  # in which a server that has lost its connection asks the resolver


@probe("stop while something hangs", "environment")
def stop_while_hung(testbed: Testbed) -> environment.StopWhileHung:
    """Four instances get SIGTERM: with Valkey, Postgres or the resolver hung, and while nobody reads the log."""
    testbed.empty_stores()
    customer = some_customer(testbed, "asks while Postgres hangs")
    with ExitStack() as ends, ThreadPoolExecutor(len(NAMES) + 1) as pool:
        resolver, left_out = ends.enter_context(own_resolver(testbed)), dict[str, str]()
        url = ends.enter_context(way_to_postgres(testbed))
        servers = {
            VALKEY: instance(testbed, NAMES[VALKEY]), LOG: instance(testbed, NAMES[LOG]),
            POSTGRES: instance(testbed, NAMES[POSTGRES], {"DATABASE_URL": url}),
        }  # fmt: skip
        if resolver is None:
            left_out[RESOLVER] = str(no_resolver())
        else:
            servers[RESOLVER] = instance(testbed, NAMES[RESOLVER], resolver=resolver)
        opened = {how: ends.enter_context(one) for how, one in servers.items()}
        starts = dict(
            zip(opened, pool.map(lambda one: watch_start(one, patience_s(testbed)), opened.values()), strict=True)
        )
        up = {how: server for how, server in opened.items() if server.ready is not None}
        if RESOLVER in up and resolver is not None and not resolver_hung(testbed, up[RESOLVER], resolver):
            left_out[RESOLVER] = "the server does not ask the resolver when it connects again"
        if LOG in up and (why := ends.enter_context(unread(up[LOG]))):
            left_out[LOG] = why
        if VALKEY in up:
            ends.enter_context(hung(testbed, str(up[VALKEY].proxy)))
        asked: Future[Answered] | None = None
        if POSTGRES in up:
            there = customer.via(up[POSTGRES])
            there.create()  # so that its connections are open
            ends.enter_context(hung(testbed, POSTGRES_PROXY))
            asked = pool.submit(created, there)  # the last, so that it is still under way when SIGTERM comes
        time.sleep(BEFORE_S)
        stopped = [how for how in up if how not in left_out]
        exits = dict(zip(stopped, pool.map(lambda how: ended(up[how]), stopped), strict=True))
        return msgspec.convert(
            {"starts": starts, "asked": asked and asked.result(), "exits": exits, "left out": left_out},
            environment.StopWhileHung,
        )


def created(customer: Customer) -> Answered:
    """The answer to a new chat, which needs Postgres."""
    exchange = customer.create()
    return Answered(exchange.status, exchange.code or exchange.error)


@contextmanager
def way_to_postgres(testbed: Testbed) -> Iterator[str]:
    """The URL of a proxy before Postgres that one instance alone has."""
    port = PORTS.take()
    right = testbed.stack.server(NAMES[POSTGRES]).seat.database_url
    behind = urlsplit(right)
    toxiproxy = testbed.stack.toxiproxy
    address = toxiproxy.create_proxy(POSTGRES_PROXY, port, f"{behind.hostname}:{behind.port or 5432}")
    try:
        yield at_address(right, address)
    finally:
        toxiproxy.set_enabled(POSTGRES_PROXY, False)
        PORTS.give_back(port)


@contextmanager
def hung(testbed: Testbed, proxy: str) -> Iterator[None]:
    """Nothing passes through this proxy in either direction, and no connection ends."""
    toxiproxy = testbed.stack.toxiproxy
    for stream in ("upstream", "downstream"):
        toxiproxy.add_toxic(proxy, f"{TOXIC}-{stream}", "timeout", stream, {"timeout": 0})
    try:
        yield
    finally:
        for stream in ("upstream", "downstream"):
            toxiproxy.remove_toxic(proxy, f"{TOXIC}-{stream}")


@contextmanager
def own_resolver(testbed: Testbed) -> Iterator[Resolver | None]:
    """A resolver for one instance; None on a machine where an instance can have none of its own."""
    if no_resolver() is not None:
        yield None
        return
    resolver = Resolver(testbed.stack.supervisor.temporary_directory("probe-resolver"))
    try:
        yield resolver
    finally:
        resolver.close()


def resolver_hung(testbed: Testbed, server: ServerInstance, resolver: Resolver) -> bool:
    """Silence the resolver and cut the connections to Valkey; whether the server then asks in vain."""
    resolver.silent.set()
    for enabled in (False, True):
        testbed.stack.toxiproxy.set_enabled(str(server.proxy), enabled)
    return bool(poll_until(lambda: resolver.in_vain, ASKED_S))


@contextmanager
def unread(server: ServerInstance) -> Iterator[str]:
    """The pipe of its output is full, and nobody reads it; else why that cannot be had."""
    assert server.process is not None
    server.process.read_output(False)
    why = ""
    try:
        fill(server.pid or 0)
    except OSError as error:
        why = f"its output cannot be filled: {error}"
    try:
        yield why
    finally:
        server.process.read_output(True)
