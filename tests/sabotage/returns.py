"""Defects of an outage's end, and of what a toggle in the middle of it leaves behind."""

from tests.sabotage.entry import sabotage


@sabotage("toggle-fails-unsaid", "A toggle that cannot be mirrored leaves no line.", "B-07", "J-05")
def toggle_fails_unsaid() -> None:
    from server.mirror import writes

    log = writes.log
    writes.log = lambda text: None if "setOnline" in text else log(text)


@sabotage("no-grace", "The seed of a reconnect leaves the heartbeats that are there, however old.", "J-06")
def no_grace() -> None:
    from server.mirror.watchdog import Watchdog

    seed = Watchdog._seed

    async def strict(self: Watchdog, *, grace: bool) -> bool:
        return await seed(self, grace=False)

    Watchdog._seed = strict  # type: ignore[method-assign]
