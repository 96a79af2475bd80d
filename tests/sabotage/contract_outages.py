"""Defects around outages, hangs and seeds that a contract run finds by states that it forces."""

from typing import Any

from tests.sabotage.entry import replace_in, sabotage

ENVIRONMENT, RACES, OUTAGES = ("--stage", "environment"), ("--stage", "races"), ("--stage", "outages")


@sabotage(
    "offers-need-valkey", "While Valkey is away, a mitra cannot list her offers.", "OUTAGE-01", by=("--stage", "pairs")
)
def offers_need_valkey() -> None:
    from server.blast import Blast
    from server.errors import ServiceUnavailable

    offers = Blast.offers

    async def strict(self: Any, mitra_id: str) -> Any:
        if not self._mirror._valkey.circuit_closed:
            raise ServiceUnavailable("no mirror")
        return await offers(self, mitra_id)

    Blast.offers = strict  # type: ignore[method-assign]


@sabotage(
    "impatient-fallback",
    "While Valkey is away, a ping waits for a locked row for a second, and is 503 then.",
    "PING-07",
    by=ENVIRONMENT,
)
def impatient_fallback() -> None:
    from server.errors import ServiceUnavailable
    from server.mirror import heartbeat
    from server.mirror.heartbeat import Heartbeat

    in_postgres = Heartbeat.in_postgres

    async def impatient(self: Heartbeat, mitra_id: str, began: float | None = None) -> bool:
        async with self._db.transaction() as connection:
            try:
                await connection.execute(heartbeat._SHARE, mitra_id, timeout=1.0)
            except TimeoutError:
                raise ServiceUnavailable("the row is locked") from None
        return await in_postgres(self, mitra_id, began)

    Heartbeat.in_postgres = impatient  # type: ignore[method-assign]


@sabotage(
    "fallback-pings-all",
    "While Valkey is away, a ping does not look whether the mitra is deactivated.",
    "DEACT-07",
    by=ENVIRONMENT,
)
def fallback_pings_all() -> None:
    from server.mirror import heartbeat

    replace_in(heartbeat, "_CHECK", "SELECT m.is_active,", "SELECT true AS is_active,")


@sabotage(
    "hang-ends-without-seed",
    "After a hang the mirror is used as it was before, as long as Valkey still has its epoch.",
    "OUTAGE-10",
    by=ENVIRONMENT,
)
def hang_ends_without_seed() -> None:
    from server.mirror.client import MirrorUnavailable
    from server.mirror.watchdog import Watchdog

    look = Watchdog._look

    async def trusting(self: Watchdog) -> None:
        if not self._valkey.circuit_closed and self._seeder.identity:
            try:
                run_id, epoch = await self._ask()
            except MirrorUnavailable:
                return
            if epoch.startswith(f"{run_id}|{self._seeder.identity}|"):
                self._valkey.circuit_closed = True
                return
        await look(self)

    Watchdog._look = trusting  # type: ignore[method-assign]


@sabotage(
    "guard-of-the-first", "Of pings that come in one batch the guard looks at the first alone.", "PING-04", by=RACES
)
def guard_of_the_first() -> None:
    from server.mirror import scripts

    replace_in(
        scripts, "PING", "if redis.call('SISMEMBER', KEYS[2], id) == 1 then",
        "if id == ARGV[5] and redis.call('SISMEMBER', KEYS[2], id) == 1 then",
    )  # fmt: skip


@sabotage("seed-empties-first", "A seed empties mitras:online before it writes the new members.", "SEED-05", by=RACES)
def seed_empties_first() -> None:
    from server.mirror.seed import Seeder

    swap = Seeder._swap

    async def emptying(self: Seeder, *arguments: Any) -> Any:
        await self._valkey.redis.delete("mitras:online")
        return await swap(self, *arguments)

    Seeder._swap = emptying  # type: ignore[method-assign]


@sabotage("seed-overwrites", "A seed writes who was online when it began, whatever changed since.", "SEED-06", by=RACES)
def seed_overwrites() -> None:
    from server.mirror.seed import Seeder

    swap = Seeder._swap

    async def as_it_began(self: Seeder, nonce: str, rows: Any, *more: Any) -> Any:
        done = await swap(self, nonce, rows, *more)
        async with self._valkey.redis.pipeline(transaction=False) as pipeline:
            for row in rows:
                (pipeline.sadd if row["is_online"] else pipeline.srem)("mitras:online", str(row["id"]))
            await pipeline.execute()
        return done

    Seeder._swap = as_it_began  # type: ignore[method-assign]


@sabotage(
    "start-keeps-the-mirror",
    "A start takes a mirror that holds somebody as it is, and logs a seed.",
    "OUTAGE-11",
    by=OUTAGES,
)
def start_keeps_the_mirror() -> None:
    from server.mirror.seed import Seeder

    swap = Seeder._swap

    async def keeping(self: Seeder, nonce: str, rows: Any, *more: Any) -> Any:
        redis = self._valkey.redis
        left, shut = await redis.smembers("mitras:online"), await redis.smembers("mitras:deactivated")
        done = await swap(self, nonce, rows, *more)
        if left:
            await redis.delete("mitras:online", "mitras:deactivated")
            await redis.sadd("mitras:online", *left)
            if shut:
                await redis.sadd("mitras:deactivated", *shut)
        return done

    async def none(self: Seeder, prefix: str, nonce: str) -> None:
        from server.mirror import keys, scripts

        await self._run(scripts.SEED_END, (keys.SEED,), nonce)

    Seeder._swap, Seeder._clear_strays = keeping, none  # type: ignore[method-assign]


@sabotage("restore-unnoticed", "A running server does not notice that Postgres was restored.", "OUTAGE-12", by=OUTAGES)
def restore_unnoticed() -> None:
    from server.mirror.coordinator import InstanceCoordinator

    async def trusting(self: InstanceCoordinator, *arguments: Any) -> bool:
        return True

    def silent(self: InstanceCoordinator, why: str) -> None:
        pass

    InstanceCoordinator.check_history = trusting  # type: ignore[method-assign]
    InstanceCoordinator.report_restore = silent  # type: ignore[method-assign]


@sabotage(
    "gives-up-after-20-seconds", "After 20 s without Valkey the server never uses it again.", "OUTAGE-03", by=OUTAGES
)
def gives_up_after_20_seconds() -> None:
    import time

    from server.mirror.watchdog import Watchdog

    look = Watchdog._look

    async def for_a_while(self: Watchdog) -> None:
        if self._valkey.circuit_closed:
            self.lost_at = None  # type: ignore[attr-defined]
        else:
            self.lost_at = getattr(self, "lost_at", None) or time.monotonic()  # type: ignore[attr-defined]
            if time.monotonic() - self.lost_at > 20:
                return
        await look(self)

    Watchdog._look = for_a_while  # type: ignore[method-assign]


@sabotage("three-recoveries", "After its third outage the server never uses Valkey again.", "OUTAGE-03", by=OUTAGES)
def three_recoveries() -> None:
    from server.mirror.watchdog import Watchdog

    look = Watchdog._look

    async def three_times(self: Watchdog) -> None:
        if self._valkey.circuit_closed or self._valkey.counts["outages"] < 3:
            await look(self)

    Watchdog._look = three_times  # type: ignore[method-assign]
