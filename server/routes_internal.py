"""The routes of the internal listener, for the control center and for whoever watches the process."""

from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING

from starlette.responses import Response
from starlette.routing import Route

from server import errors, fields, mitras
from server.asgi import Answer, Call, json_response, route, valid_uuid
from server.auth import Auth
from server.chats import Chats
from server.db import Database
from server.metrics import CONTENT_TYPE, Metrics
from server.mirror.settings import DEFAULTS

if TYPE_CHECKING:
    from server.mirror import Mirror


Readiness = Callable[[], Awaitable[tuple[bool, dict[str, object]]]]


class InternalRoutes:
    """Handlers of the internal listener; `readiness` tells whether the process serves, and why not."""

    def __init__(
        self,
        db: Database,
        mirror: "Mirror",
        auth: Auth,
        chats: Chats,
        metrics: Metrics,
        readiness: Readiness,
    ) -> None:
        self._db = db
        self._mirror = mirror
        self._auth = auth
        self._chats = chats
        self._metrics = metrics
        self._readiness = readiness

    def routes(self) -> list[Route]:
        auth = self._auth
        return [
            route("GET", "/healthz", self.health, auth.anyone),
            route("GET", "/readyz", self.ready, auth.anyone),
            route("GET", "/metrics", self.metrics, auth.anyone),
            route("GET", "/internal/dashboard", self.dashboard, auth.operator),
            route("GET", "/internal/mitras", self.mitras, auth.operator),
            route("GET", "/internal/mitras/available", self.available, auth.operator),
            route("GET", "/internal/mitras/{id}/reachable", self.reachable, auth.operator),
            route("PATCH", "/internal/mitras/{id}", self.set_active, auth.operator),
            route("POST", "/internal/chat-sessions/{id}/reroute", self.reroute, auth.operator),
            route("GET", "/internal/config", self.config, auth.operator),
            route("PUT", "/internal/config/{key}", self.set_config, auth.operator),
        ]

    async def health(self, call: Call) -> Answer:
        return {"status": "ok"}

    async def ready(self, call: Call) -> Answer:
        ready, details = await self._readiness()
        return json_response(details, 200 if ready else 503)

    async def metrics(self, call: Call) -> Answer:
        return Response(self._metrics.text(), media_type=CONTENT_TYPE)

    async def dashboard(self, call: Call) -> Answer:
        return {"online_mitras": await self._mirror.online_count()}

    async def mitras(self, call: Call) -> Answer:
        return {"mitras": await mitras.list_mitras(self._db)}

    async def available(self, call: Call) -> Answer:
        return {"mitra_ids": await self._mirror.find_available()}

    async def reachable(self, call: Call) -> Answer:
        mitra_id = call.path_id()
        return {"reachable": await self._mirror.is_reachable(mitra_id)}

    async def set_active(self, call: Call) -> Answer:
        mitra_id = call.path_id()
        active = fields.boolean(await call.body(), "is_active")
        return await mitras.set_active(self._mirror, self._db, mitra_id, active)

    async def reroute(self, call: Call) -> Answer:
        session_id = call.path_id()
        mitra_id = valid_uuid((await call.body()).get("mitra_id"), "mitra_id")
        return await self._chats.reroute(session_id, mitra_id)

    async def config(self, call: Call) -> Answer:
        return {"config": await self._mirror.app_config.all()}

    async def set_config(self, call: Call) -> Answer:
        key = call.request.path_params["key"]
        value = fields.whole(await call.body(), "value", fields.SETTING_MAX)
        if key not in DEFAULTS:
            raise errors.not_found("setting")
        await self._mirror.app_config.set(key, value)
        return {"key": key, "value": value}
