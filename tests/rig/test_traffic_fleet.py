"""A fleet of pinging mitras: every planned ping accounted for, evenly spread, and lateness counted from the plan."""

import asyncio
import statistics

import pytest

from rig.traffic.fleet import Fleet, Tally, quantile

OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"
BAD = b"HTTP/1.1 503 Service Unavailable\r\nContent-Length: 0\r\n\r\n"


class Server:
    """Answers pings and keeps their moments; `stands_s`: it stands still for so long at its 200th; `refuses`: every nth."""

    def __init__(self, stands_s: float = 0.0, refuses: int = 0, silent: bool = False) -> None:
        self.stands_s, self.refuses, self.silent = stands_s, refuses, silent
        self.moments: list[float] = []
        self.tokens: list[bytes] = []
        self.goes = asyncio.Event()
        self.goes.set()

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        loop = asyncio.get_running_loop()
        try:
            while request := await reader.readuntil(b"\r\n\r\n"):
                self.moments.append(loop.time())
                self.tokens.append(request.split(b"Bearer ")[1].strip())
                if self.stands_s and len(self.moments) == 200:
                    self.goes.clear()
                    loop.call_later(self.stands_s, self.goes.set)
                await self.goes.wait()
                if not self.silent:
                    writer.write(BAD if self.refuses and len(self.moments) % self.refuses == 0 else OK)
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        writer.close()


def sail(
    server: Server, mitras: int = 300, every_s: float = 1.0, seconds: float = 2.0, drain_s: float = 5.0, **given: int
) -> Tally:
    async def run() -> Tally:
        async with await asyncio.start_server(server.serve, "127.0.0.1", 0) as listening:
            port = listening.sockets[0].getsockname()[1]
            tokens = [f"token-{number}" for number in range(mitras)]
            tally = await Fleet(f"http://127.0.0.1:{port}", tokens, every_s, 7, **given).run(seconds, drain_s)
            await asyncio.sleep(0.05)  # those that serve see the end of their connections
        return tally

    return asyncio.run(run())


def test_every_mitra_pings_once_a_span_and_the_pings_are_spread_evenly() -> None:
    server = Server()
    tally = sail(server)
    assert (tally.planned, tally.completed, tally.adds_up) == (600, 600, True)
    assert (
        sorted(server.tokens[:300]) == sorted(server.tokens[300:]) == sorted(f"token-{n}".encode() for n in range(300))
    )
    first = server.moments[0]
    counts = [sum(first + tenth / 5 <= at < first + (tenth + 1) / 5 for at in server.moments) for tenth in range(9)]
    assert max(counts) <= 1.2 * statistics.mean(counts) or max(tally.off) > 0.05  # unless the machine stood still


def test_a_stall_shows_in_all_that_was_planned_in_it_and_not_in_those_alone_that_were_sent() -> None:
    tally = sail(Server(stands_s=0.5), connections_max=4)
    assert tally.completed == tally.planned == 600
    late = sum(value > 0.05 for value in tally.corrected)
    assert late > 100  # what was planned in half a second, less its end
    assert sum(value > 0.05 for value in tally.raw) <= 4  # a connection each


def test_what_is_refused_has_failed() -> None:
    tally = sail(Server(refuses=10))
    assert (tally.failed, tally.completed, tally.adds_up) == (60, 540, True)


def test_what_was_never_sent_is_missed_and_what_was_not_answered_is_in_flight() -> None:
    tally = sail(Server(silent=True), seconds=0.5, drain_s=0.2, connections_max=4)
    assert (tally.in_flight, tally.missed, tally.completed) == (4, tally.planned - 4, 0)
    assert tally.adds_up


def test_without_a_server_every_ping_has_failed_or_is_missed(unused_port: int) -> None:
    tokens = ["token"] * 50
    tally = asyncio.run(Fleet(f"http://127.0.0.1:{unused_port}", tokens, 1.0, 7).run(0.5, 0.5))
    assert tally.planned == 25
    assert tally.failed == 25
    assert tally.adds_up


@pytest.fixture
def unused_port() -> int:
    import socket

    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        return taken.getsockname()[1]


def test_a_quantile_of_nothing_is_none() -> None:
    assert quantile([], 0.99) is None
    assert quantile([3.0, 1.0, 2.0], 0.5) == 2.0
