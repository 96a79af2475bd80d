"""Servers that break the protocol and end well by luck: no answer and no key is wrong, but a step that protects is missing."""

from typing import Any

from tests.sabotage.entry import replace_in, sabotage


@sabotage(
    "version-not-looked-at", "A write does not compare versions, and nothing comes late.", "PROTOCOL", by=("emptied",)
)
def version_not_looked_at() -> None:
    from server.mirror import scripts

    replace_in(scripts, "APPLY", "tonumber(redis.call('HGET', KEYS[2], id) or 0)", "0")


@sabotage(
    "mark-not-looked-at", "A ping does not look for the mark of a sweep, and meets none.", "PROTOCOL", by=("emptied",)
)
def mark_not_looked_at() -> None:
    from server.mirror import scripts

    replace_in(scripts, "PING", "local stands = redis.call('GET', mark)", "local stands = false")


@sabotage("seed-does-not-wait", "A seed does not wait for open sweeps, and none is open.", "PROTOCOL", by=("emptied",))
def seed_does_not_wait() -> None:
    from server.mirror import seed
    from server.mirror.coordinator import InstanceCoordinator

    wait = InstanceCoordinator.wait_for_sweeps

    async def hasty(self: InstanceCoordinator, within_s: float) -> bool:
        return within_s == seed.SWEEPS_WITHIN_S or await wait(self, within_s)

    InstanceCoordinator.wait_for_sweeps = hasty  # type: ignore[method-assign]


@sabotage("sweep-without-its-lock", "A sweep takes no lock, and no other one runs.", "PROTOCOL", by=("emptied",))
def sweep_without_its_lock() -> None:
    from server.mirror import sweeps

    replace_in(sweeps, "_ALONE", f"pg_try_advisory_xact_lock({sweeps.SWEEP})", "true")


@sabotage(
    "sweep-asks-no-instance", "A sweep does not read who blocks sweeps, and nobody does.", "PROTOCOL", by=("emptied",)
)
def sweep_asks_no_instance() -> None:
    from server.mirror.coordinator import InstanceCoordinator

    async def none(self: InstanceCoordinator, connection: object) -> str:
        return ""

    InstanceCoordinator.sweep_obstacle = none  # type: ignore[method-assign]


@sabotage("sweep-without-a-mark", "A sweep marks nobody, and no ping comes meanwhile.", "PROTOCOL", by=("emptied",))
def sweep_without_a_mark() -> None:
    from server.mirror import scripts

    replace_in(scripts, "SECOND_LOOK", "redis.call('SET', KEYS[3], ARGV[5], 'PX', ARGV[6])", "")


@sabotage(
    "mark-of-a-second", "The mark of a sweep lives for a second, and each sweep is faster.", "PROTOCOL", by=("emptied",)
)
def mark_of_a_second() -> None:
    from server.mirror import sweeps

    sweeps.MARK_LIFE_MS = 1000


@sabotage(
    "sweep-deletes-its-mark",
    "A sweep deletes its own mark at its end, whoever's it is by then.",
    "PROTOCOL",
    by=("emptied",),
)
def sweep_deletes_its_mark() -> None:
    from server.mirror import keys
    from server.mirror.sweeps import Sweeps

    one_offline = Sweeps._one_offline

    async def tidy(self: Sweeps, mitra_id: str, seen: str) -> bool:
        done = await one_offline(self, mitra_id, seen)
        await self._valkey.call("DEL", keys.leaving(mitra_id))
        return done

    Sweeps._one_offline = tidy  # type: ignore[method-assign]


@sabotage(
    "change-not-notified", "A change is not notified, and its writer always mirrors it.", "PROTOCOL", by=("emptied",)
)
def change_not_notified() -> None:
    from server.mirror import writes

    replace_in(
        writes, "_DRAW", f", pg_notify('{writes.CHANGED}', m.id || ' ' || m.mirror_version || ' ' || $2)", ", $2::text"
    )


@sabotage(
    "mirrored-before-commit",
    "A change is mirrored before its COMMIT, and each COMMIT succeeds.",
    "PROTOCOL",
    by=("emptied",),
)
def mirrored_before_commit() -> None:
    import asyncio
    from collections.abc import AsyncIterator
    from contextlib import asynccontextmanager

    from server.mirror.writes import Writes

    changing = Writes.changing

    @asynccontextmanager
    async def early(self: Writes, what: str, *mitra_ids: str, ping: bool = False) -> AsyncIterator[Any]:
        from server.mirror import writes

        async with changing(self, what, *mitra_ids, ping=ping) as connection:
            yield connection
            found = await connection.fetch(
                f"UPDATE mitras AS m SET mirror_version = greatest(nextval('mirror_version'), m.mirror_version + 1)"
                f" WHERE m.id = ANY($1::uuid[]) RETURNING {writes._ROW}",
                sorted(set(mitra_ids)),
            )
            for row in found:
                await self._mirror(what, row, "")
            await asyncio.sleep(0.01)

    Writes.changing = early  # type: ignore[method-assign]


@sabotage(
    "seed-not-told",
    "A change is not noted for a running seed, and comes before or after it.",
    "PROTOCOL",
    by=("emptied",),
)
def seed_not_told() -> None:
    from server.mirror import scripts

    replace_in(scripts, "APPLY", "local seed = redis.call('GET', KEYS[8])", "local seed = false")


@sabotage(
    "fallback-without-a-block",
    "Pings are answered from Postgres without a block, and nobody sweeps.",
    "PROTOCOL",
    by=("hang",),
)
def fallback_without_a_block() -> None:
    from tests.sabotage.campaigns import without_blocks

    without_blocks()
