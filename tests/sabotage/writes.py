"""Defects of seed, toggle, capacity and deactivation: what is written is not quite the truth."""

import server.log as server_log
from tests.sabotage.entry import replace_in, sabotage


@sabotage("pending-not-counted", "The seed counts active sessions only.", "A-05", "A-08")
def pending_not_counted() -> None:
    from server.mirror import seed

    replace_in(seed, "_TRUTH", "status IN ('active', 'pending_payment')", "status IN ('active')")


@sabotage(
    "deactivated-not-online",
    "The seed leaves deactivated mitras out of the online set.",
    "A-02",
    "A-03",
    "A-04",
    "A-05",
    "A-08",
)
def deactivated_not_online() -> None:
    from server.mirror import seed

    replace_in(
        seed,
        "_TRUTH",
        "coalesce(o.is_online, false) AS is_online",
        "coalesce(o.is_online AND m.is_active, false) AS is_online",
    )


@sabotage("seeds-twice", "A start seeds, and a moment later seeds once more.", "A-01")
def seeds_twice() -> None:
    from server.mirror.watchdog import Watchdog

    first_seed = Watchdog.first_seed

    async def twice(self: Watchdog) -> None:
        await first_seed(self)
        await self.reseed()

    Watchdog.first_seed = twice  # type: ignore[method-assign]


@sabotage("orphans-stay", "The seed leaves heartbeats of ids that are not online.", "A-04")
def orphans_stay() -> None:
    from server.mirror import scripts

    replace_in(scripts, "STRAYS", "{ 'mitra:heartbeat:', 'mitra:capacity:' }", "{ 'mitra:capacity:' }")


@sabotage("mirror-before-commit", "The toggle is mirrored while its transaction is still open.", "B-02")
def mirror_before_commit() -> None:
    from contextlib import asynccontextmanager

    from server.mirror import writes

    @asynccontextmanager
    async def changing(self, what, *mitra_ids, ping=False):  # type: ignore[no-untyped-def]
        ids = sorted(set(mitra_ids))
        async with self._db.transaction() as connection:
            await connection.execute(writes.LOCK_MITRAS, ids)
            yield connection
            pinged = writes.keys.stamp(self._valkey.now_ms()) if ping else ""
            for row in await connection.fetch(writes._DRAW, ids, pinged):
                await self._mirror(what, row, pinged)
            await connection.execute("SELECT pg_sleep(0.02)")

    writes.Writes.changing = changing  # type: ignore[method-assign]


@sabotage("audit-every-tap", "A toggle writes an audit row even when nothing changed.", "B-06")
def audit_every_tap() -> None:
    from server import mitras

    replace_in(mitras, "_ONLINE", " WHERE NOT mitra_online_status.is_online RETURNING", " RETURNING")


@sabotage("toggle-needs-valkey", "An error of Valkey escapes the toggle to online as a 500.", "B-07")
def toggle_needs_valkey() -> None:
    from server.mirror.writes import MirrorUnavailable, Writes

    mirror = Writes._mirror

    async def strict(self, what, row, pinged):  # type: ignore[no-untyped-def]
        await mirror(self, what, row, pinged)
        if what == "setOnline" and row["id"] in self.dirty:
            raise RuntimeError(MirrorUnavailable("escaped"))

    Writes._mirror = strict  # type: ignore[method-assign]


@sabotage("full-is-not-full", "The blast compares capacity with <=: a full mitra is offered one more.", "D-13")
def full_is_not_full() -> None:
    from server.mirror.reads import Reads

    find_available = Reads.find_available

    async def one_more(self: Reads) -> list[str]:
        values = self._config._values
        self._config._values = {**values, "max_customers_per_mitra": values["max_customers_per_mitra"] + 1}
        try:
            return await find_available(self)
        finally:
            self._config._values = values

    Reads.find_available = one_more  # type: ignore[method-assign]


@sabotage("expiry-not-counted", "A chat that ends by its timer is not counted anew.", "D-07")
def expiry_not_counted() -> None:
    from server.chats import Chats

    expire = Chats.expire

    async def quietly(self: Chats, session_id: str) -> float | None:
        changing = self._changing
        self._changing = lambda *ids: self._db.transaction()  # type: ignore[method-assign]
        try:
            return await expire(self, session_id)
        finally:
            self._changing = changing  # type: ignore[method-assign]

    Chats.expire = quietly  # type: ignore[method-assign]


@sabotage("newest-session-only", "Deactivation revokes only the newest sign-in.", "E-04", "E-10", "E-11")
def newest_session_only() -> None:
    from server import mitras

    replace_in(
        mitras,
        "_REVOKE",
        "WHERE user_id = $1 AND revoked_at IS NULL",
        "WHERE id = (SELECT id FROM auth_sessions WHERE user_id = $1 AND revoked_at IS NULL"
        " ORDER BY created_at DESC LIMIT 1)",
    )


@sabotage("reactivated-stays-shut", "Re-activation does not take the mitra out of mitras:deactivated.", "E-10", "E-11")
def reactivated_stays_shut() -> None:
    from server.mirror import scripts

    replace_in(scripts, "APPLY", "redis.call('SREM', KEYS[4], id)", "redis.call('SISMEMBER', KEYS[4], id)")


@sabotage("subscribed-in-silence", "The subscription to config:invalidate leaves no line in the log.", "SETUP-02")
def subscribed_in_silence() -> None:
    from server.mirror import settings

    def quiet(text: str) -> None:
        if "subscribed to" not in text:
            server_log.log(text)

    settings.log = quiet


@sabotage("no-provider", "auth-providers answers 200 with an empty list.", "SETUP-01")
def no_provider() -> None:
    from server import routes_public

    routes_public._PROVIDERS = {"providers": []}


@sabotage("seed-line-garbled", "The seed line says `sessions` for `with active sessions`.", "SETUP-03", "SMOKE-01")
def seed_line_garbled() -> None:
    from server.mirror import seed

    seed.log = lambda text: server_log.log(text.replace("with active sessions", "sessions"))
