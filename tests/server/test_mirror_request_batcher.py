"""Commands that share a round trip: each gets its own reply, and nobody's failure or leaving is another's."""

import asyncio
import functools
from collections.abc import Callable, Coroutine, Sequence
from typing import Any

import pytest

from server.mirror.client import MirrorUnavailable
from server.mirror.request_batcher import BATCH_MAX, RequestBatcher


def looped(test: Callable[[], Coroutine[Any, Any, None]]) -> Callable[[], None]:
    @functools.wraps(test)
    def run() -> None:
        asyncio.run(test())

    return run


class Line:
    """Answers each command with its own last word; `delay` holds a round trip up."""

    def __init__(self) -> None:
        self.trips: list[int] = []
        self.delay = asyncio.Event()
        self.delay.set()
        self.error: Exception | None = None

    async def carry(self, commands: Sequence[Sequence[Any]]) -> list[Any]:
        self.trips.append(len(commands))
        await self.delay.wait()
        if self.error is not None:
            raise self.error
        return [MirrorUnavailable("refused") if command[-1] == "bad" else command[-1] for command in commands]


@looped
async def test_what_is_asked_in_one_turn_goes_in_one_trip_and_each_gets_its_own() -> None:
    line = Line()
    batcher = RequestBatcher(line.carry)
    assert await asyncio.gather(*(batcher.submit(("GET", number)) for number in range(50))) == list(range(50))
    assert await batcher.submit(("GET", "later")) == "later"
    assert line.trips == [50, 1]


@looped
async def test_a_crowd_is_sent_in_several_trips() -> None:
    line = Line()
    batcher = RequestBatcher(line.carry)
    await asyncio.gather(*(batcher.submit(("GET", number)) for number in range(BATCH_MAX + 1)))
    assert line.trips == [BATCH_MAX, 1]


@looped
async def test_a_refused_command_is_nobody_elses() -> None:
    batcher = RequestBatcher(Line().carry)
    good, bad = batcher.submit(("GET", "good")), batcher.submit(("GET", "bad"))
    assert await good == "good"
    with pytest.raises(MirrorUnavailable, match="refused"):
        await bad


@looped
async def test_a_failed_trip_fails_all_of_it_and_the_next_one_is_as_ever() -> None:
    line = Line()
    batcher = RequestBatcher(line.carry)
    line.error = MirrorUnavailable("no answer in time")
    told = await asyncio.gather(*(batcher.submit(("GET", number)) for number in range(3)), return_exceptions=True)
    assert [str(each) for each in told] == ["no answer in time"] * 3
    line.error = None
    assert await batcher.submit(("GET", "again")) == "again"


@looped
async def test_who_is_cancelled_leaves_the_others_theirs() -> None:
    line = Line()
    batcher = RequestBatcher(line.carry)
    line.delay.clear()

    async def ask(number: int) -> int:
        return await batcher.submit(("GET", number))

    asking = [asyncio.create_task(ask(number)) for number in range(3)]
    await asyncio.sleep(0.01)  # until the trip is under way
    asking[1].cancel()
    line.delay.set()
    told = await asyncio.gather(*asking, return_exceptions=True)
    assert (told[0], isinstance(told[1], asyncio.CancelledError), told[2]) == (0, True, 2)


@looped
async def test_a_trip_that_answers_too_few_is_nobodys_answer() -> None:
    async def short(asked: Sequence[Any]) -> list[Any]:
        return list(asked[1:])

    batcher = RequestBatcher(short)
    told = await asyncio.gather(*(batcher.submit(number) for number in range(3)), return_exceptions=True)
    assert [type(each) for each in told] == [ValueError] * 3
