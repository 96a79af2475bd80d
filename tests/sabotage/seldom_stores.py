"""Defects while a store is away, and of numbers, that break one sentence of the contract each, none of which another file has."""

import asyncio
import time
from typing import Any

from tests.sabotage.entry import sabotage

ENVIRONMENT, EDGES = ("--stage", "environment"), ("--stage", "edges")
OUTAGES, NUMBERS = ("--stage", "outages"), ("--stage", "numbers")


def with_postgres(owner: Any, method: str) -> None:
    """This method of a handler asks Postgres first."""
    whole = getattr(owner, method)

    async def asking(self: Any, call: Any) -> Any:
        await self._db.fetchval("SELECT 1")
        return await whole(self, call)

    asking.__annotations__ = whole.__annotations__
    setattr(owner, method, asking)


@sabotage("ping-asks-postgres", "A ping is 503 while Postgres is stopped.", "OUTAGE-08", by=ENVIRONMENT)
def ping_asks_postgres() -> None:
    from server.routes_public import PublicRoutes

    with_postgres(PublicRoutes, "heartbeat")


@sabotage(
    "providers-ask-postgres", "The list of providers is 503 while Postgres is stopped.", "HTTP-19", by=ENVIRONMENT
)
def providers_ask_postgres() -> None:
    from server.routes_public import PublicRoutes

    with_postgres(PublicRoutes, "providers")


@sabotage(
    "status-is-offline-without-postgres",
    "While Postgres is stopped a mitra's status is answered as offline.",
    "OUTAGE-09",
    by=ENVIRONMENT,
)
def status_is_offline_without_postgres() -> None:
    from server import mitras
    from server.errors import ServiceUnavailable

    status = mitras.status

    async def guessed(db: Any, mitra_id: str) -> Any:
        try:
            return await status(db, mitra_id)
        except ServiceUnavailable:
            return mitras.MitraStatus(is_online=False, last_heartbeat_at=None)

    mitras.status = guessed


@sabotage(
    "readers-wait-after-a-seed",
    "After a seed that ends an outage the beacon is answered from Postgres for half a minute.",
    "OUTAGE-05",
    by=OUTAGES,
)
def readers_wait_after_a_seed() -> None:
    from server.mirror.reads import Reads
    from server.mirror.watchdog import Watchdog

    beacon, seed = Reads.beacon, Watchdog._seed
    seeded: list[float] = []

    async def noted(self: Watchdog, *, grace: bool) -> bool:
        done = await seed(self, grace=grace)
        if done and grace and self._task is not None:
            seeded.append(time.monotonic())
        return done

    async def careful(self: Reads) -> Any:
        if seeded and time.monotonic() < seeded[-1] + 30:
            return await self._once("join", self._join)
        return await beacon(self)

    Watchdog._seed, Reads.beacon = noted, careful  # type: ignore[method-assign]


@sabotage("seed-line-counts-a-step", "The seed's line counts a thousand mitras at most.", "SEED-02", by=NUMBERS)
def seed_line_counts_a_step() -> None:
    import re

    from server.mirror import seed

    log = seed.log

    def capped(text: str) -> None:
        log(re.sub(r"seed: (\d+) online", lambda found: f"seed: {min(int(found[1]), 1000)} online", text))

    seed.log = capped


@sabotage("start-leaves-no-heartbeat", "A seed at a start writes no heartbeat.", "SEED-03", by=NUMBERS)
def start_leaves_no_heartbeat() -> None:
    from server.mirror import scripts
    from tests.sabotage.entry import replace_in

    replace_in(scripts, "SEED", "if #graced > 0 then redis.call('MSET', unpack(graced)) end", "")


@sabotage(
    "snapshot-of-the-first-instance",
    "A snapshot that this instance did not write is not answered.",
    "BEACON-01",
    by=EDGES,
)
def snapshot_of_the_first_instance() -> None:
    from server.mirror.reads import Reads

    async def none(self: Reads) -> None:
        await asyncio.sleep(0)

    Reads._look = none  # type: ignore[method-assign]
