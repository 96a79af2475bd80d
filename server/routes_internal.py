"""The routes of the internal listener, for the control center and for whoever watches the process."""

from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING

from starlette.responses import Response

from server import errors, inputs, mitras
from server.app_settings import DEFAULTS
from server.asgi import Call, Endpoint, json_list, json_response
from server.auth import Auth
from server.chats import Chats
from server.db import Database
from server.metrics import CONTENT_TYPE, Metrics
from server.mirror import Mirror

if TYPE_CHECKING:
    from server import shapes


Readiness = Callable[[], Awaitable[tuple[bool, "shapes.Readiness"]]]


class InternalRoutes:
    """Handlers of the internal listener; `readiness` tells whether the process serves, and why not."""

    def __init__(
        self,
        db: Database,
        mirror: Mirror,
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

    def endpoints(self) -> list[Endpoint]:
        anyone, operator = self._auth.anyone, self._auth.operator
        mitra = "/internal/mitras/{id}"
        return [
            Endpoint("GET", "/healthz", self.health, anyone),
            Endpoint("GET", "/readyz", self.ready, anyone, also=(503,)),
            Endpoint("GET", "/metrics", self.metrics, anyone),
            Endpoint("GET", "/internal/dashboard", self.dashboard, operator),
            Endpoint("GET", "/internal/mitras", self.mitras, operator),
            Endpoint("GET", "/internal/mitras/available", self.available, operator),
            Endpoint("GET", f"{mitra}/reachable", self.reachable, operator),
            Endpoint("PATCH", mitra, self.set_active, operator, refuses=("NOT_FOUND",)),
            Endpoint(
                "POST", "/internal/chat-sessions/{id}/reroute", self.reroute, operator,
                refuses=("NOT_FOUND", "INVALID_STATE", "MITRA_UNREACHABLE", "MITRA_AT_CAPACITY"),
            ),
            Endpoint("GET", "/internal/config", self.config, operator),
            Endpoint("PUT", "/internal/config/{key}", self.set_config, operator, refuses=("NOT_FOUND",)),
        ]  # fmt: skip

    async def health(self, call: Call) -> "shapes.Health":
        """Whether the process lives."""
        return {"status": "ok"}

    async def ready(self, call: Call) -> "shapes.Readiness | Response":
        """Whether the process serves: not before its start is done, nor without Postgres, nor while it stops."""
        ready, details = await self._readiness()
        return details if ready else json_response(details, 503)

    async def metrics(self, call: Call) -> Response:
        """Counters and gauges in Prometheus' text format."""
        return Response(self._metrics.text(), media_type=CONTENT_TYPE)

    async def dashboard(self, call: Call) -> "shapes.Dashboard":
        """How many mitras are online, deactivated ones included."""
        return {"online_mitras": await self._mirror.online_count()}

    async def mitras(self, call: Call, query: inputs.Page) -> "shapes.Mitras | Response":
        """Every mitra, as Postgres has them, in order of id; with `limit` so many of them, with `after` those behind it."""
        first = await mitras.page(self._db, query["after"], query["limit"] or inputs.PAGE_MAX)
        if query["limit"] or len(first) < inputs.PAGE_MAX:
            return {"mitras": first}
        return json_list(call.request, "mitras", mitras.pages(self._db, first))

    async def available(self, call: Call) -> "shapes.AvailableMitras":
        """The mitras that a blast would ask now."""
        return {"mitra_ids": await self._mirror.find_available()}

    async def reachable(self, call: Call) -> "shapes.Reachable":
        """Whether a mitra could be given a chat; an unknown one could not."""
        return {"reachable": await self._mirror.is_reachable(call.path_id)}

    async def set_active(self, call: Call, body: inputs.Account) -> "shapes.Mitra":
        """Shut a mitra out, all sign-ins revoked, or let them in again."""
        return await mitras.set_active(self._mirror, self._db, call.path_id, body["is_active"])

    async def reroute(self, call: Call, body: inputs.Destination) -> "shapes.ChatSession":
        """Move an active chat to another mitra."""
        return await self._chats.reroute(call.path_id, **body)

    async def config(self, call: Call) -> "shapes.Config":
        """The settings in force."""
        return {"config": await self._mirror.app_config.all()}

    async def set_config(self, call: Call, body: inputs.Value) -> "shapes.Setting":
        """Change a setting, on every instance within a second."""
        key, value = call.request.path_params["key"], body["value"]
        if key not in DEFAULTS:
            raise errors.not_found("setting")
        await self._mirror.app_config.set(key, value)
        return {"key": key, "value": value}
