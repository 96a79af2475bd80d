"""Defects with stores that are old or unfit, and of the server's own keys."""

import asyncio
from typing import Any

from tests.sabotage.entry import replace_in, sabotage

ENVIRONMENT, RACES = ("--stage", "environment"), ("--stage", "races")


@sabotage("postgres-of-16", "Postgres before version 16 is refused.", "STORE-01", by=ENVIRONMENT)
def postgres_of_16() -> None:
    from server import postgres_fit

    postgres_fit.VERSION_MIN = 16


@sabotage(
    "any-old-store", "Stores of any version are used, and nothing tells that they are old.", "STORE-02", by=ENVIRONMENT
)
def any_old_store() -> None:
    from server import postgres_fit
    from server.mirror import valkey_fit

    postgres_fit.VERSION_MIN = 9
    valkey_fit.REDIS_MIN = (5, 0)


@sabotage(
    "valkey-is-just-away",
    "/readyz tells of no Valkey why it is not used, only that it is not.",
    "STORE-03",
    by=ENVIRONMENT,
)
def valkey_is_just_away() -> None:
    from server.mirror.on import MirrorOn

    MirrorOn.alerts = lambda self: [] if self._valkey.circuit_closed else ["Valkey is not used"]  # type: ignore[method-assign]


@sabotage("own-keys-anywhere", "The server's own keys have no prefix of their own.", "KEY-11", by=ENVIRONMENT)
def own_keys_anywhere() -> None:
    from server.mirror import keys

    keys.VERSIONS, keys.SYNTHETIC = "versions", "synthetic"


@sabotage("late-ping-wins", "A ping whose write is late puts the heartbeat back.", "KEY-12", by=RACES)
def late_ping_wins() -> None:
    from server.mirror import scripts

    replace_in(scripts, "PING", "or before <= ARGV[2]", "or true")


@sabotage("listeners-before-the-seed", "The listeners are bound while the seed still runs.", "START-01", by=ENVIRONMENT)
def listeners_before_the_seed() -> None:
    from server.mirror.on import MirrorOn

    start = MirrorOn.start
    running: set[asyncio.Task[Any]] = set()

    async def in_the_background(self: MirrorOn) -> None:
        running.add(asyncio.create_task(start(self)))

    MirrorOn.start = in_the_background  # type: ignore[method-assign]
