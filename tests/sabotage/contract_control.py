"""Defects of the control center that a contract run finds: settings, reroutes, mitras, deactivation; and of outages."""

from typing import Any

from tests.sabotage.entry import replace_in, sabotage

# --- settings ------------------------------------------------------------------------------------------------


def setting_takes(before: Any = lambda value: value, **field: Any) -> None:
    """The body of a changed setting has this field instead. `before` may change the value that was sent."""
    from typing import Annotated

    from pydantic import BaseModel, BeforeValidator, Field

    from server.routes_internal import InternalRoutes

    class NewValue(BaseModel):
        value: Annotated[int, BeforeValidator(before)] = Field(description="a whole number", **field)

    InternalRoutes.set_config.__annotations__["body"] = NewValue


@sabotage("setting-of-zero", "A setting may be 0.", "CONFIG-03")
def setting_of_zero() -> None:
    setting_takes(ge=0, le=1_000_000)


@sabotage("setting-without-bound", "A setting may be any whole number above 0.", "CONFIG-03")
def setting_without_bound() -> None:
    setting_takes(ge=1)


@sabotage("setting-as-text", "A setting may be sent as the text of a number.", "CONFIG-03")
def setting_as_text() -> None:
    setting_takes(ge=1, le=1_000_000, before=lambda value: int(value) if str(value).isdigit() else value)


@sabotage("setting-of-any-name", "An unknown setting is stored and answered with 200.", "CONFIG-03")
def setting_of_any_name() -> None:
    from server import routes_internal

    set_config = routes_internal.InternalRoutes.set_config

    async def any_name(self: Any, call: Any, body: routes_internal.requests.NewValue) -> Any:
        key = call.request.path_params["key"]
        if key in routes_internal.DEFAULTS:
            return await set_config(self, call, body)
        return routes_internal.responses.Setting(key=key, value=body.value)

    any_name.__annotations__["body"] = routes_internal.requests.NewValue
    routes_internal.InternalRoutes.set_config = any_name  # type: ignore[method-assign]


@sabotage("setting-writes-all-back", "A changed setting writes every other one back as it was in memory.", "CONFIG-06")
def setting_writes_all_back() -> None:
    from server.mirror import settings

    change = settings.AppConfig.set

    async def all_of_them(self: Any, key: str, value: int) -> None:
        for other, kept in self._values.items():
            await self._db.execute(settings._SET, other, kept)
        await change(self, key, value)

    settings.AppConfig.set = all_of_them  # type: ignore[method-assign]


@sabotage("config-tells-changed-only", "The settings are told without those that have no row.", "CONFIG-01")
def config_tells_changed_only() -> None:
    from server.mirror.settings import AppConfig

    async def stored(self: AppConfig) -> dict[str, int]:
        await self.reload()
        rows = await self._db.fetch("SELECT key FROM app_config")
        return {row["key"]: self._values[row["key"]] for row in rows if row["key"] in self._values}

    AppConfig.all = stored  # type: ignore[method-assign]


# --- reroutes ------------------------------------------------------------------------------------------------


@sabotage("reroute-to-full", "A reroute goes to a mitra who is full.", "REROUTE-04")
def reroute_to_full() -> None:
    from server import chats

    async def room(connection: Any, mitra_id: str) -> None:
        """There always is."""

    chats.ensure_room = room


def reroute_anybody(reachable: Any) -> None:
    """While a reroute is judged, `reachable` tells who is."""
    from server.chats import Chats

    reroute = Chats.reroute

    async def rerouted(self: Chats, session_id: str, mitra_id: str) -> Any:
        class Mirror:
            def __getattr__(self, name: str) -> Any:
                return getattr(mirror, name)

            async def is_reachable(self, mitra_id: str) -> bool:
                return bool(await reachable(chats, mitra_id))

        chats, mirror = self, self._mirror
        self._mirror = Mirror()  # type: ignore[assignment]
        try:
            return await reroute(self, session_id, mitra_id)
        finally:
            self._mirror = mirror

    Chats.reroute = rerouted  # type: ignore[method-assign]


@sabotage("reroute-to-offline", "A reroute goes to a mitra who is offline.", "REROUTE-04")
def reroute_to_offline() -> None:
    async def anybody(chats: Any, mitra_id: str) -> bool:
        return True

    reroute_anybody(anybody)


@sabotage("reroute-to-shut-out", "A reroute goes to a mitra who is deactivated.", "REROUTE-04")
def reroute_to_shut_out() -> None:
    from server import chats

    async def online(chats: Any, mitra_id: str) -> bool:
        return bool(await chats._db.fetchval("SELECT is_online FROM mitra_online_status WHERE mitra_id = $1", mitra_id))

    reroute_anybody(online)
    chats.IS_ACTIVE = "SELECT true FROM mitras WHERE id = $1"


@sabotage(
    "reroute-full-before-silent", "Of a mitra who is silent and full, a reroute tells that she is full.", "REROUTE-04"
)
def reroute_full_before_silent() -> None:
    from server import chats

    reroute = chats.Chats.reroute

    async def room_first(self: Any, session_id: str, mitra_id: str) -> Any:
        if not await self._mirror.is_reachable(mitra_id):
            row = await self.find(session_id)
            if row["status"] == "active" and row["mitra_id"] != mitra_id:
                async with self._db.transaction() as connection:
                    await chats.ensure_room(connection, mitra_id)
        return await reroute(self, session_id, mitra_id)

    chats.Chats.reroute = room_first  # type: ignore[method-assign]


@sabotage("reroute-of-pending", "A chat that waits for a payment may be rerouted.", "REROUTE-03")
def reroute_of_pending() -> None:
    from server import chats

    require = chats.require_state

    def lenient(condition: bool, told: str) -> None:
        require(condition or told == "only an active chat can be rerouted", told)

    chats.require_state = lenient


@sabotage("reroute-to-the-same", "A reroute to the mitra who has the chat is answered with 200.", "REROUTE-03")
def reroute_to_the_same() -> None:
    from server import chats

    require = chats.require_state

    def lenient(condition: bool, told: str) -> None:
        require(condition or told == "the chat is already with this mitra", told)

    chats.require_state = lenient


@sabotage(
    "reroute-leaves-capacity", "A reroute does not lower the capacity of the mitra who had the chat.", "REROUTE-06"
)
def reroute_leaves_capacity() -> None:
    from server.mirror.writes import Writes

    mirror = Writes._mirror

    async def raised_only(self: Writes, what: str, row: Any, pinged: str) -> None:
        if what == "recomputeCapacity" and row["load"] == 0:
            return
        await mirror(self, what, row, pinged)

    async def deaf(self: Writes) -> None:
        """Nothing is noticed later either."""

    Writes._mirror, Writes.compare_heard = raised_only, deaf  # type: ignore[method-assign]


# --- mitras and deactivation ---------------------------------------------------------------------------------


@sabotage("mitras-without-shut-out", "The list of mitras leaves out the deactivated ones.", "OPS-03")
def mitras_without_shut_out() -> None:
    from server import mitras

    page = mitras.page

    async def active(db: Any, after: str | None, limit: int) -> Any:
        return [one for one in await page(db, after, limit) if one.is_active]

    mitras.page = active


@sabotage("change-answers-before", "The change of a mitra answers her as she was.", "OPS-04")
def change_answers_before() -> None:
    from server import mitras

    change = mitras.set_active

    async def before(mirror: Any, db: Any, mitra_id: str, active: bool) -> Any:
        answer = await change(mirror, db, mitra_id, active)
        return answer.model_copy(update={"is_active": not active})

    mitras.set_active = before


@sabotage("shut-out-stays-signed-in", "The refresh tokens of a deactivated mitra still serve.", "DEACT-05")
def shut_out_stays_signed_in() -> None:
    from server import auth

    serves = auth._ROTATE_BY_ROLE[auth.MITRA].replace(
        "s.revoked_at IS NULL", "(s.revoked_at IS NULL OR NOT u.is_active)"
    )
    assert serves != auth._ROTATE_BY_ROLE[auth.MITRA]
    auth._ROTATE_BY_ROLE[auth.MITRA] = serves.replace("AND u.is_active", "")


@sabotage("shut-out-loses-one-sign-in", "A deactivation ends the newest sign-in alone.", "DEACT-01")
def shut_out_loses_one_sign_in() -> None:
    from server import mitras

    mitras._REVOKE = """
        UPDATE auth_sessions SET revoked_at = clock_timestamp() WHERE revoked_at IS NULL AND refresh_token_hash IN
          (SELECT refresh_token_hash FROM auth_sessions WHERE user_id = $1 AND revoked_at IS NULL
            ORDER BY expires_at DESC LIMIT 1)
        """


@sabotage("shut-out-is-offline", "A deactivation sets the mitra offline.", "DEACT-03")
def shut_out_is_offline() -> None:
    from server import mitras

    mitras._ACTIVE = """
        WITH off AS (UPDATE mitra_online_status SET is_online = false WHERE mitra_id = $1 AND NOT $2)
        UPDATE mitras SET is_active = $2 WHERE id = $1 RETURNING id
        """


@sabotage("shut-out-sees-offers", "A deactivated mitra still reads her offers.", "DEACT-04")
def shut_out_sees_offers() -> None:
    from server.asgi import Endpoint

    call = Endpoint.__call__

    async def open_list(self: Endpoint, scope: Any, receive: Any, send: Any) -> None:
        if self.path == "/api/mitra/chat-requests":
            auth = self.guard.check.__self__  # type: ignore[attr-defined]
            self = Endpoint(self.method, self.path, self.handler, auth.known_mitra)
        await call(self, scope, receive, send)

    Endpoint.__call__ = open_list  # type: ignore[method-assign]


@sabotage("back-cannot-ping", "Who was activated again still cannot ping.", "DEACT-06")
def back_cannot_ping() -> None:
    from server.mirror import scripts

    replace_in(
        scripts, "PING", "if redis.call('SISMEMBER', KEYS[2], id) == 1 then",
        "local was = 'mirror:was:' .. id\n  if redis.call('SISMEMBER', KEYS[2], id) == 1 then redis.call('SET', was, 1) end\n"
        "  if redis.call('EXISTS', was) == 1 then",
    )  # fmt: skip
    replace_in(scripts, "APPLY", "redis.call('SADD', KEYS[4], id)",
        "redis.call('SADD', KEYS[4], id)\n  redis.call('SET', 'mirror:was:' .. id, 1)")  # fmt: skip


# --- changes in an outage ------------------------------------------------------------------------------------


def breaks_without_valkey(what: tuple[str, ...]) -> None:
    """These changes commit and are then answered with 500 while Valkey is away."""
    from server.mirror.writes import Writes

    mirror = Writes._mirror

    async def loud(self: Writes, name: str, row: Any, pinged: str) -> None:
        await mirror(self, name, row, pinged)
        if name in what and not self._valkey.circuit_closed:
            raise RuntimeError("no Valkey")

    Writes._mirror = loud  # type: ignore[method-assign]


@sabotage("toggle-breaks-in-outage", "While Valkey is away, a toggle commits and is answered with 500.", "TOGGLE-10")
def toggle_breaks_in_outage() -> None:
    breaks_without_valkey(("setOnline", "setOffline"))


@sabotage("accept-breaks-in-outage", "While Valkey is away, an accept commits and is answered with 500.", "OFFER-11")
def accept_breaks_in_outage() -> None:
    breaks_without_valkey(("recomputeCapacity",))


@sabotage("dashboard-of-nobody", "While Valkey is away, the dashboard counts nobody.", "OPS-02")
def dashboard_of_nobody() -> None:
    from server.mirror.reads import PostgresReads

    async def nobody(self: PostgresReads) -> int:
        return 0

    PostgresReads.online_count = nobody  # type: ignore[method-assign]
