"""SIGTERM: with requests in flight, with Valkey cut."""

import signal
import socket
import time
from concurrent.futures import ThreadPoolExecutor

import msgspec

from rig.environment.testbed import Testbed
from rig.record.observations import environment
from rig.runs.contract.probes.instances import connects, instance, readyz, watch_start
from rig.runs.contract.probes.people import offered_chat, row_locked, some_customer, some_mitra
from rig.runs.contract.probing import probe
from rig.stack.sut.managed import ServerInstance

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
        starts = list(pool.map(lambda one: watch_start(one, START_S), (busy, cut)))
        if busy.ready is None or cut.ready is None:
            return msgspec.convert({"starts": starts, "taken": taken.status}, environment.StopInFlight)
        online = mitra.via(busy).online().status
        testbed.stack.toxiproxy.set_enabled(cut.proxy, False)
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
