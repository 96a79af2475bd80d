"""Pings and polls in the background keep their pace, and what goes wrong in a thread comes out."""

import itertools
import threading
import time
from collections import Counter

import pytest

from rig.traffic import BackgroundPings, Mitra, poll_rapidly
from rig.traffic.background.periodic import PeriodicThread
from tests.support.answering_server import Asked, Server, server  # noqa: F401

IDS = [f"7b0c5f2e-0000-4000-8000-00000000000{i}" for i in range(3)]


def wait_until(condition: object, within_s: float = 5.0) -> None:
    deadline = time.monotonic() + within_s
    while not condition():  # type: ignore[operator]
        assert time.monotonic() < deadline, "the condition did not come true"
        time.sleep(0.005)


def test_every_mitra_is_pinged_until_the_block_ends(server: Server) -> None:  # noqa: F811
    mitras = [Mitra.from_secret(server, id) for id in IDS]
    with BackgroundPings(mitras, every_s=0.05) as pings:
        wait_until(lambda: len(pings.exchanges) >= 9)
    count = len(server.asked)
    exchanges = pings.exchanges
    assert len(exchanges) == count
    assert {exchange.subject for exchange in exchanges} == set(IDS)
    assert exchanges == sorted(exchanges, key=lambda exchange: exchange.started)
    assert not any(thread.name.startswith("periodic-") for thread in threading.enumerate())


def test_a_hung_ping_does_not_hold_up_the_others(server: Server) -> None:  # noqa: F811
    freed = threading.Event()
    mitras = [Mitra.from_secret(server, id) for id in IDS]
    stuck = f"Bearer {mitras[0].token}"

    def answer(asked: Asked) -> tuple[int, object]:
        if asked.authorization == stuck:
            freed.wait(5)
        return 200, {}

    server.answer = answer
    with BackgroundPings(mitras, every_s=0.02) as pings:
        wait_until(lambda: len(pings.exchanges) >= 10)
        assert IDS[0] not in {exchange.subject for exchange in pings.exchanges}
        freed.set()


def test_polls_come_from_their_own_addresses_at_their_pace(server: Server) -> None:  # noqa: F811
    server.answer = lambda asked: (200, {"available": True, "count": 1})
    sources = ["127.0.0.2", "127.0.0.3", "127.0.0.4"]
    begun = time.monotonic()
    polls = poll_rapidly(server.public_url, sources, per_second=20, seconds=0.5, instance="a")
    assert time.monotonic() - begun < 5
    assert Counter(asked.client[0] for asked in server.asked) == dict.fromkeys(sources, 10)
    assert len(polls) == 30
    assert {poll.status for poll in polls} == {200}
    assert polls[-1].started - polls[0].started >= 0.4
    assert "--interface 127.0.0." in polls[0].curl


def test_what_is_raised_in_a_thread_comes_out_at_its_end() -> None:
    def broken() -> None:
        raise RuntimeError("no such thing")

    thread = PeriodicThread(broken, print, every_s=0.01)  # type: ignore[arg-type]
    thread.start()
    with pytest.raises(RuntimeError, match="no such thing"):
        thread.finish(5)


def test_moments_that_a_slow_call_missed_fall_out() -> None:
    begun: list[float] = []

    def slow() -> object:
        begun.append(time.monotonic())
        time.sleep(0.05)
        return None

    thread = PeriodicThread(slow, lambda _: None, every_s=0.02)  # type: ignore[arg-type]
    thread.start()
    wait_until(lambda: len(begun) >= 4)
    thread.stop()
    thread.finish(5)
    assert all(later - earlier >= 0.05 for earlier, later in itertools.pairwise(begun))
