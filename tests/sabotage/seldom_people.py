"""Defects of sign-ins, toggles, accounts and settings that break one sentence of the contract each, none of which another file has."""

from typing import Any

from tests.sabotage.entry import sabotage

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


@sabotage("status-of-epoch", "The time of the last heartbeat is answered in epoch milliseconds.", "TIME-02", by=EDGES)
def status_of_epoch() -> None:
    from server import routes_public

    status = routes_public.PublicRoutes.status

    async def told(self: Any, call: Any) -> Any:
        found = await status(self, call)
        at = found.last_heartbeat_at
        return {"is_online": found.is_online, "last_heartbeat_at": at and int(at.timestamp() * 1000)}

    routes_public.PublicRoutes.status = told  # type: ignore[method-assign]


# --- settings ------------------------------------------------------------------------------------------------


@sabotage(
    "setting-not-stored", "A setting that is written through the API is not stored in its row.", "CONFIG-02", by=RACES
)
def setting_not_stored() -> None:
    from server.mirror.settings import AppConfig

    async def kept(self: AppConfig, key: str, value: int) -> None:
        await self.notify_peers(key)

    AppConfig.set = kept  # type: ignore[method-assign]
