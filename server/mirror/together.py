"""What is asked in one turn of the event loop goes in one round trip, for the trip costs more than what it carries."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import Generic, TypeVar

TOGETHER_MAX = 200  # of one round trip: more would make the first of them wait for the last

Question = TypeVar("Question")
Answer = TypeVar("Answer")
# Takes what was asked, gives the answers in that order; an exception among them is the answer of that one alone.
Carry = Callable[[Sequence[Question]], Awaitable[Sequence[Answer | Exception]]]


class Together(Generic[Question, Answer]):
    """Each gets its own answer, or what `carry` raised; who is cancelled leaves the others theirs."""

    def __init__(self, carry: Carry[Question, Answer]) -> None:
        self._carry = carry
        self._asked: list[tuple[Question, asyncio.Future[Answer]]] = []
        self._under_way: set[asyncio.Task[None]] = set()

    def ask(self, question: Question) -> asyncio.Future[Answer]:
        """The answer, or the exception that `carry` raised or gave in its place."""
        loop = asyncio.get_running_loop()
        if not self._asked:
            loop.call_soon(self._go)
        answer: asyncio.Future[Answer] = loop.create_future()
        self._asked.append((question, answer))
        return answer

    def _go(self) -> None:
        batch, self._asked = self._asked, []
        for first in range(0, len(batch), TOGETHER_MAX):
            task = asyncio.create_task(self._send(batch[first : first + TOGETHER_MAX]))
            self._under_way.add(task)
            task.add_done_callback(self._under_way.discard)

    async def _send(self, batch: Sequence[tuple[Question, asyncio.Future[Answer]]]) -> None:
        try:
            answers = await self._carry([question for question, _ in batch])
            if len(answers) != len(batch):
                raise ValueError(f"{len(answers)} answers to {len(batch)} questions")
        except asyncio.CancelledError:
            for _, waiting in batch:
                waiting.cancel()
            raise
        except Exception as error:
            answers = [error] * len(batch)
        for (_, waiting), answer in zip(batch, answers, strict=True):
            if waiting.done():
                continue
            if isinstance(answer, BaseException):
                waiting.set_exception(answer)
            else:
                waiting.set_result(answer)
