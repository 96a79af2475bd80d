"""Defects of sign-ins, toggles, accounts and settings that break one sentence of the contract each, none of which another file has."""

from typing import Any

from tests.sabotage.entry import replace_in, sabotage

PAIRS, EDGES, RACES = ("--stage", "pairs"), ("--stage", "edges"), ("--stage", "races")


# --- sign-ins ------------------------------------------------------------------------------------------------


@sabotage("codes-of-one-instance", "A code opens only at the instance that was asked for it.", "AUTH-04", by=RACES)
def codes_of_one_instance() -> None:
    import os

    from server import otp

    code_hash = otp.code_hash
    otp.code_hash = lambda secret, *more: code_hash(f"{secret}{os.getpid()}", *more)


@sabotage(
    "no-request-is-too-many", "A verify without an open request is answered like one too many.", "AUTH-08", by=PAIRS
)
def no_request_is_too_many() -> None:
    from server import otp

    check = otp.Otp.check

    async def strict(self: Any, connection: Any, role: str, phone: str, code: str) -> Any:
        if await connection.fetchrow(otp._FIND, role, phone) is None:
            return otp.errors.otp_too_many_attempts()
        return await check(self, connection, role, phone, code)

    otp.Otp.check = strict  # type: ignore[method-assign]


@sabotage("only-own-tokens", "A token that the server did not issue itself is refused.", "AUTH-15", by=EDGES)
def only_own_tokens() -> None:
    from server import auth, tokens

    issued: set[str] = set()
    mint, read = tokens.mint_access_token, tokens.AccessTokens.read

    def noted(*arguments: Any) -> str:
        token = mint(*arguments)
        issued.add(token)
        return token

    def known(self: Any, token: str) -> Any:
        identity = read(self, token)
        if token not in issued:
            raise auth.errors.unauthenticated()
        return identity

    auth.tokens.mint_access_token = noted
    tokens.AccessTokens.read = known  # type: ignore[method-assign]


@sabotage(
    "one-code-per-window",
    "A second request for a code within 15 minutes is refused outside production, too.",
    "AUTH-22",
    by=PAIRS,
)
def one_code_per_window() -> None:
    from server import otp

    replace_in(otp, "_OPEN", "$6::int IS NULL OR o.requests < $6", "$6::int IS NOT NULL OR o.requests < 1")


@sabotage("no-profile-when-deactivated", "A deactivated mitra cannot see her profile.", "AUTH-23", by=EDGES)
def no_profile_when_deactivated() -> None:
    from server.auth import Auth

    Auth._known_mitra = Auth._active_mitra  # type: ignore[method-assign]


@sabotage("refresh-looks-first", "A refresh looks at the token first and replaces it later.", "AUTH-24", by=RACES)
def refresh_looks_first() -> None:
    import asyncio

    from server import auth

    look = (
        "SELECT user_id FROM auth_sessions WHERE refresh_token_hash = $1 AND role = $2 AND revoked_at IS NULL"
        " AND expires_at > clock_timestamp()"
    )
    session = "INSERT INTO auth_sessions (user_id, role, refresh_token_hash, expires_at) VALUES ($1, $2, $3, now() + interval '1 day')"
    user = {
        role: f"SELECT id, phone, display_name FROM {table} WHERE id = $1"
        for role, table in (("mitra", "mitras"), ("client", "customers"))
    }

    async def refresh(self: Any, role: str, token: str) -> Any:
        hashed, successor = auth.tokens.refresh_hash(token), auth.tokens.new_refresh_token()
        user_id = await self._db.fetchval(look, hashed, role)
        if user_id is None:
            raise auth.errors.refresh_invalid()
        await asyncio.sleep(0.05)
        await self._db.execute(auth._REVOKE, hashed, role)
        await self._db.execute(session, user_id, role, auth.tokens.refresh_hash(successor))
        return self._tokens(role, await self._db.fetchrow(user[role], user_id), successor)

    auth.Auth.refresh = refresh  # type: ignore[method-assign]


# --- toggles and accounts ------------------------------------------------------------------------------------


@sabotage(
    "audit-has-no-offline",
    "A toggle to offline is audited as `online`.",
    "TABLE-04",
    by=RACES,
)
def audit_has_no_offline() -> None:
    from server import mitras

    mitras.AUDIT = mitras.AUDIT.replace("VALUES ($1, $2)", "VALUES ($1, CASE $2 WHEN 'x' THEN $2 ELSE 'online' END)")


@sabotage("online-is-unaudited", "A toggle to online leaves no audit row.", "TABLE-03", by=RACES)
def online_is_unaudited() -> None:
    from server import mitras

    mitras.AUDIT = mitras.AUDIT.replace("VALUES ($1, $2)", "SELECT $1, $2 WHERE $2 = 'offline'")


@sabotage("toggle-mirrored-late", "A toggle reaches Valkey two seconds after its answer.", "TOGGLE-07", by=PAIRS)
def toggle_mirrored_late() -> None:
    import asyncio

    from server.mirror.writes import Writes

    mirror = Writes._mirror
    late: set[asyncio.Task[Any]] = set()

    async def later(self: Writes, what: str, row: Any, pinged: str) -> None:
        async def in_two_seconds() -> None:
            await asyncio.sleep(2)
            await mirror(self, what, row, pinged)

        if what not in ("setOnline", "setOffline"):
            await mirror(self, what, row, pinged)
        else:
            late.add(asyncio.create_task(in_two_seconds()))

    async def nothing(self: Writes) -> None:
        self._heard.clear()

    Writes._mirror, Writes.compare_heard = later, nothing  # type: ignore[method-assign]


@sabotage("offline-stays-in-the-set", "A toggle to offline leaves the mitra in `mitras:online`.", "KEY-01", by=PAIRS)
def offline_stays_in_the_set() -> None:
    from server.mirror import scripts

    replace_in(scripts, "APPLY", "redis.call('SREM', KEYS[3], id)", "")


@sabotage(
    "deactivated-set-untouched",
    "A deactivation is not written to `mitras:deactivated`.",
    "KEY-02",
    "DEACT-02",
    by=PAIRS,
)
def deactivated_set_untouched() -> None:
    from server.mirror import scripts

    replace_in(scripts, "APPLY", "redis.call('SADD', KEYS[4], id)", "")


@sabotage("heartbeats-to-the-second", "A heartbeat is written without its milliseconds.", "KEY-04", by=PAIRS)
def heartbeats_to_the_second() -> None:
    from server.mirror import scripts

    replace_in(
        scripts, "PING", "redis.call('SET', heartbeat, ARGV[2])",
        "redis.call('SET', heartbeat, string.sub(ARGV[2], 1, 19) .. 'Z')",
    )  # fmt: skip


@sabotage("heartbeats-live-an-hour", "A ping gives the heartbeat key a time to live.", "KEY-07", by=PAIRS)
def heartbeats_live_an_hour() -> None:
    from server.mirror import scripts

    replace_in(
        scripts, "PING", "redis.call('SET', heartbeat, ARGV[2])", "redis.call('SET', heartbeat, ARGV[2], 'EX', 3600)"
    )


@sabotage("status-of-epoch", "The time of the last heartbeat is answered in epoch milliseconds.", "TIME-02", by=EDGES)
def status_of_epoch() -> None:
    from server import routes_public

    status = routes_public.PublicRoutes.status

    async def told(self: Any, call: Any) -> Any:
        found = await status(self, call)
        at = found.last_heartbeat_at
        return {"is_online": found.is_online, "last_heartbeat_at": at and int(at.timestamp() * 1000)}

    routes_public.PublicRoutes.status = told  # type: ignore[method-assign]


@sabotage("profile-in-upper-case", "A profile shows its id in upper case.", "ID-01", by=PAIRS)
def profile_in_upper_case() -> None:
    from server import routes_public

    profile = routes_public.PublicRoutes.profile

    async def loud(self: Any, call: Any) -> Any:
        found = await profile(self, call)
        return found.model_copy(update={"id": found.id.upper()})

    routes_public.PublicRoutes.profile = loud  # type: ignore[method-assign]


# --- settings ------------------------------------------------------------------------------------------------


@sabotage(
    "setting-not-stored", "A setting that is written through the API is not stored in its row.", "CONFIG-02", by=RACES
)
def setting_not_stored() -> None:
    from server.mirror.settings import AppConfig

    async def kept(self: AppConfig, key: str, value: int) -> None:
        await self.notify_peers(key)

    AppConfig.set = kept  # type: ignore[method-assign]


@sabotage(
    "setting-in-force-later",
    "A setting that is written through the API is not in force for the blast before the next sweep.",
    "CONFIG-04",
    by=PAIRS,
)
def setting_in_force_later() -> None:
    from server.mirror import settings

    async def stored(self: Any, key: str, value: int) -> None:
        await self._db.execute(settings._SET.replace("pg_notify", "concat"), key, value)

    settings.AppConfig.set = stored  # type: ignore[method-assign]


@sabotage("absent-maximum-is-one", "Without a row the maximum of a mitra's chats is 1.", "TABLE-06", by=PAIRS)
def absent_maximum_is_one() -> None:
    from server import app_settings

    app_settings.DEFAULTS["max_customers_per_mitra"] = 1
