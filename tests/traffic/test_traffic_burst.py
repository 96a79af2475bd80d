"""A burst arrives together, each request is answered and recorded, and a lost answer is no exception."""

import threading

from rig.traffic import Customer, Outcome, burst
from tests.support.answering_server import Asked, Server, server  # noqa: F401

URL_PATH = "/public/bestie-availability"


def crowd(server: Server, count: int) -> list:  # noqa: F811
    return [Customer(server, name=f"in the crowd {i}").client for i in range(count)]


def test_all_are_there_before_one_is_answered(server: Server) -> None:  # noqa: F811
    together, sent = threading.Barrier(8), threading.Event()

    def answer(asked: Asked) -> tuple[int, object]:
        together.wait(20)  # breaks, and answers 500, unless all eight have arrived
        sent.wait(20)  # else a sender that waits for the processor would count answers that are not early
        return 200, {"available": True, "count": 2}

    server.answer = answer
    came = burst(crowd(server, 8), "beacon", server.public_url + URL_PATH, when_sent=sent.set)
    assert [(e.status, e.reply) for e in came.exchanges] == [(200, {"available": True, "count": 2})] * 8
    assert came.early == 0
    assert {asked.path for asked in server.asked} == {URL_PATH}
    assert len({asked.client for asked in server.asked}) == 8
    assert came.exchanges[3].actor == "customer in the crowd 3"
    assert came.exchanges[3].curl == f"curl -sS -i {server.public_url}{URL_PATH}"


def test_a_connection_that_is_hung_up_is_an_unknown_outcome(server: Server) -> None:  # noqa: F811
    lost = threading.Lock()

    def answer(asked: Asked) -> tuple[int, object] | None:
        return None if lost.acquire(blocking=False) else (200, {})

    server.answer = answer
    came = burst(crowd(server, 3), "beacon", server.public_url + URL_PATH)
    outcomes = sorted(str(e.outcome) for e in came.exchanges)
    assert outcomes == ["answered", "answered", "unknown"]
    [unknown] = [e for e in came.exchanges if e.outcome is Outcome.UNKNOWN]
    assert unknown.status is None
    assert "RemoteProtocolError" in unknown.error
