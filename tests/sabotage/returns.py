"""Defects of an outage's end, and of what a toggle in the middle of it leaves behind."""

from typing import Any

from tests.sabotage.entry import sabotage


def without_grace() -> None:
    """No seed writes a heartbeat where there is one, nor does it spare anybody from the next sweep."""
    from server.mirror.seed import Seeder
    from server.mirror.watchdog import Watchdog

    swap, seed = Seeder._swap, Watchdog._seed

    async def strict(self: Seeder, nonce: str, rows: Any, prefix: str, grace: bool) -> Any:
        return await swap(self, nonce, rows, prefix, False)

    async def sparing_nobody(self: Watchdog, *, grace: bool) -> bool:
        before = self.recovered_at
        try:
            return await seed(self, grace=grace)
        finally:
            self.recovered_at = before

    Seeder._swap = strict  # type: ignore[method-assign]
    Watchdog._seed = sparing_nobody  # type: ignore[method-assign]


@sabotage("toggle-fails-unsaid", "A toggle that cannot be mirrored leaves no line.", "B-07", "J-05")
def toggle_fails_unsaid() -> None:
    from server.mirror import writes

    log = writes.log
    writes.log = lambda text: None if "setOnline" in text else log(text)


@sabotage("no-grace", "The seed of a reconnect leaves the heartbeats that are there, however old.", "J-06")
def no_grace() -> None:
    without_grace()
