"""Requests at planned moments: each counted once, late answers measured from the plan, and lost ones told."""

import asyncio
import time

from rig.runs.benchmark.outage import first_after, p99_ms
from rig.runs.benchmark.table import Figure
from rig.traffic.load.open_loop import Shot, fire

ANSWER = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"


async def storm(stands_s: float = 0.0, closes_at: int | None = None) -> tuple[list[Shot], float, int]:
    """300 GETs in 0.6 s at a server that once stands still for so long, or closes instead of that answer."""
    turns, connections, goes = 0, 0, asyncio.Event()
    goes.set()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal turns, connections
        connections += 1
        try:
            while await reader.readuntil(b"\r\n\r\n"):
                turns += 1
                if stands_s and turns == 100:
                    goes.clear()
                    asyncio.get_running_loop().call_later(stands_s, goes.set)
                await goes.wait()
                if turns == closes_at:
                    break
                writer.write(ANSWER)
        except asyncio.IncompleteReadError:
            pass
        writer.close()

    async with await asyncio.start_server(serve, "127.0.0.1", 0) as server:
        port = server.sockets[0].getsockname()[1]
        begin = time.monotonic() + 0.1
        shots = await fire(f"http://127.0.0.1:{port}/x", [begin + turn * 0.002 for turn in range(300)])
        await asyncio.sleep(0.05)  # those that serve see the end of their connections
    return shots, begin, connections


def test_every_request_is_answered_and_in_the_plans_order() -> None:
    shots, begin, connections = asyncio.run(storm())
    assert [round(shot.planned - begin, 3) for shot in shots] == [round(turn * 0.002, 3) for turn in range(300)]
    assert {shot.status for shot in shots} == {200}
    assert connections < 100  # they are kept alive


def test_a_server_that_stands_still_shows_in_all_that_was_planned_meanwhile() -> None:
    shots, _, _ = asyncio.run(storm(stands_s=0.3))
    late = [shot for shot in shots if shot.seconds > 0.05]
    assert len(late) > 60  # not only those that happened to be under way
    assert max(shot.seconds for shot in shots) > 0.25


def test_a_connection_that_ends_instead_of_an_answer_is_one_lost_request() -> None:
    shots, _, _ = asyncio.run(storm(closes_at=50))
    assert [shot.status for shot in shots].count(0) == 1


def test_a_figure_that_never_came_does_not_reach_its_goal() -> None:
    assert Figure("x", None, "s", 5.0).reached is False
    assert Figure("x", 5.0, "s", 5.0).reached is True
    assert Figure("x", 1.0, "s").reached is None
    assert p99_ms([Shot(0.0, number / 1000, 200) for number in range(1, 101)]) == 100.0
    assert (first_after([1.0, 4.0], 2.0), first_after([1.0], 2.0)) == (2.0, None)
