"""Sends requests of the same turn of the event loop in one round trip, as the trip costs more than what it carries."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import Generic, TypeVar

BATCH_MAX = 200  # requests per round trip: with more, the first ones would wait for the last ones

Request = TypeVar("Request")
Answer = TypeVar("Answer")
# Gets the requests of a batch, returns their answers in the same order. An exception in the list is raised to the one who
# submitted that request.
Send = Callable[[Sequence[Request]], Awaitable[Sequence[Answer | Exception]]]


class RequestBatcher(Generic[Request, Answer]):
    """Collects requests and sends them in batches. A caller that is cancelled does not affect the others of its batch."""

    def __init__(self, send: Send[Request, Answer]) -> None:
        self._send = send
        self._submitted: list[tuple[Request, asyncio.Future[Answer]]] = []
        self._in_flight: set[asyncio.Task[None]] = set()

    def submit(self, request: Request) -> asyncio.Future[Answer]:
        """The future answer. It fails with what `send` raises, or with the exception that `send` returns for this request."""
        loop = asyncio.get_running_loop()
        if not self._submitted:
            loop.call_soon(self._flush)
        answer: asyncio.Future[Answer] = loop.create_future()
        self._submitted.append((request, answer))
        return answer

    def _flush(self) -> None:
        submitted, self._submitted = self._submitted, []
        for first in range(0, len(submitted), BATCH_MAX):
            task = asyncio.create_task(self._send_batch(submitted[first : first + BATCH_MAX]))
            self._in_flight.add(task)
            task.add_done_callback(self._in_flight.discard)

    async def _send_batch(self, batch: Sequence[tuple[Request, asyncio.Future[Answer]]]) -> None:
        try:
            answers = await self._send([request for request, _ in batch])
            if len(answers) != len(batch):
                raise ValueError(f"{len(answers)} answers to {len(batch)} requests")
        except asyncio.CancelledError:
            for _, future in batch:
                future.cancel()
            raise
        except Exception as error:
            answers = [error] * len(batch)
        for (_, future), answer in zip(batch, answers, strict=True):
            if future.done():
                continue
            if isinstance(answer, BaseException):
                future.set_exception(answer)
            else:
                future.set_result(answer)
