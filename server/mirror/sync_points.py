"""Named points between the steps of the protocol, where a test can pause the server to arrange a race.

Each point stands before one step that changes a store, takes a lock or reads what another step may change. The
specifications of the protocol name the same points. Outside tests, a point costs a check of an empty list.
"""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

# Called with a point's name and the facts of the step (instance, mitras).
Hook = Callable[[str, dict[str, Any]], Awaitable[None]]

POINTS = {
    "change locks": "lock the rows of the mitras that a change is about",
    "change commits": "COMMIT a change that has drawn its versions",
    "change applies": "carry a committed change to Valkey",
    "debt reads": "read anew from Postgres what Valkey is owed",
    "debt applies": "carry what was owed to Valkey",
    "seed announces": "write into Postgres which Valkey this instance is about to rely on",
    "seed begins": "tell Valkey that a seed begins",
    "seed waits": "wait until no sweep's transaction is open",
    "seed reads": "read the whole truth from Postgres",
    "seed steps": "carry some of the mitras to Valkey",
    "seed swaps": "put the new sets in place and write the epoch",
    "seed clears": "remove keys of mitras who are not online",
    "seed ends": "allow the next seed",
    "sweep looks": "read who is stale in Valkey",
    "sweep takes the lock": "take the lock that one sweep has at a time",
    "sweep reads instances": "read whether an instance blocks sweeps or relies on another Valkey",
    "sweep marks": "look again, and mark the mitra who is about to be taken offline",
    "sweep updates": "set the mitra offline in the open transaction",
    "ping": "the ping's script in Valkey",
    "ping waits": "wait for the row of a mitra who is marked",
    "ping clears": "delete a mark that is over, and write the heartbeat",
    "fallback blocks": "write into Postgres that nobody may sweep",
    "fallback waits": "wait until no sweep is open that began before the block",
    "fallback reads": "read the mitra's state from Postgres",
    "block ends": "allow sweeps again, as nothing is owed any more",
}

_hooks: list[Hook] = []


async def sync_point(name: str, **facts: Any) -> None:
    """Return at once, or when the hooks of a test return."""
    for hook in tuple(_hooks):
        await hook(name, facts)


class Hooked:
    """Calls `hook` at every point while its `with` block lasts."""

    def __init__(self, hook: Hook) -> None:
        self._hook = hook

    def __enter__(self) -> "Hooked":
        _hooks.append(self._hook)
        return self

    def __exit__(self, *_: object) -> None:
        _hooks.remove(self._hook)


class Paused(Hooked):
    """Pauses every task that comes to one point, while its `with` block lasts.

    `reached` is set once a task has stopped there; `open()` lets it and all later ones continue. With facts given
    (`instance="b"`), only steps with these facts are stopped.
    """

    def __init__(self, name: str, **facts: Any) -> None:
        if name not in POINTS:
            raise ValueError(f"no sync point is named {name!r}")
        super().__init__(self._pause)
        self.name = name
        self._facts = facts
        self.reached = asyncio.Event()
        self._opened = asyncio.Event()
        self._others_pass = False

    def let_others_pass(self) -> None:
        """Tasks that have stopped stay; later ones continue."""
        self._others_pass = True

    def open(self) -> None:
        self._opened.set()

    async def _pause(self, name: str, facts: dict[str, Any]) -> None:
        if name == self.name and self._facts.items() <= facts.items() and not self._others_pass:
            self.reached.set()
            await self._opened.wait()

    def __exit__(self, *_: object) -> None:
        super().__exit__()
        self.open()
