"""Named pause points: a test arms one and so scripts a race instead of hoping for it. Unarmed they cost a look-up."""

import asyncio
from collections.abc import Awaitable, Callable

_armed: dict[str, Callable[[], Awaitable[None]]] = {}


async def gate(name: str) -> None:
    """Pass, or wait for what the test that armed this point does."""
    if name in _armed:
        await _armed[name]()


class Gate:
    """Armed while its `with` block lasts: `reached` is set when somebody waits, `open()` lets them pass."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.reached = asyncio.Event()
        self._opened = asyncio.Event()

    def open(self) -> None:
        self._opened.set()

    async def _wait(self) -> None:
        self.reached.set()
        await self._opened.wait()

    def __enter__(self) -> "Gate":
        _armed[self.name] = self._wait
        return self

    def __exit__(self, *_: object) -> None:
        _armed.pop(self.name, None)
        self.open()
