"""The routes of the internal listener, for the control center and for monitoring."""

from collections.abc import Awaitable, Callable

from starlette.responses import Response

from server import errors, mitras
from server import request_models as requests
from server import response_models as responses
from server.app_settings import DEFAULTS
from server.asgi import Call, Endpoint, json_list, json_response
from server.auth import Auth
from server.chats import Chats
from server.db import Database
from server.metrics import CONTENT_TYPE, Metrics
from server.mirror import Mirror

ReadinessProbe = Callable[[], Awaitable[tuple[bool, responses.Readiness]]]


class InternalRoutes:
    """Handlers of the internal listener; `readiness` returns whether the process serves, with details."""

    def __init__(
        self,
        db: Database,
        mirror: Mirror,
        auth: Auth,
        chats: Chats,
        metrics: Metrics,
        readiness: ReadinessProbe,
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

    async def health(self, call: Call) -> responses.Health:
        """Whether the process lives."""
        return responses.Health(status="ok")

    async def ready(self, call: Call) -> responses.Readiness | Response:
        """Whether the process serves: not during its start, without Postgres, or while it stops."""
        ready, details = await self._readiness()
        return details if ready else json_response(details, 503)

    async def metrics(self, call: Call) -> Response:
        """Counters and gauges in Prometheus' text format."""
        return Response(self._metrics.text(), media_type=CONTENT_TYPE)

    async def dashboard(self, call: Call) -> responses.Dashboard:
        """How many mitras are online, deactivated ones included."""
        return responses.Dashboard(online_mitras=await self._mirror.online_count())

    async def mitras(self, call: Call, query: requests.Page) -> responses.Mitras | Response:
        """The mitras as Postgres has them, in order of id: all of them, or one page."""
        first = await mitras.page(self._db, query.after, query.limit or requests.PAGE_MAX)
        if query.limit or len(first) < requests.PAGE_MAX:
            return responses.Mitras(mitras=first)
        return json_list(call.request, "mitras", mitras.pages(self._db, first))

    async def available(self, call: Call) -> responses.AvailableMitras:
        """The mitras to whom a blast would offer a chat now."""
        return responses.AvailableMitras(mitra_ids=await self._mirror.find_available())

    async def reachable(self, call: Call) -> responses.Reachable:
        """Whether a mitra could get a chat now; false for an unknown one."""
        return responses.Reachable(reachable=await self._mirror.is_reachable(call.path_id))

    async def set_active(self, call: Call, body: requests.AccountChange) -> responses.Mitra:
        """Deactivate a mitra and revoke their sign-ins, or activate them again."""
        return await mitras.set_active(self._mirror, self._db, call.path_id, body.is_active)

    async def reroute(self, call: Call, body: requests.Destination) -> responses.ChatSession:
        """Move an active chat to another mitra."""
        return await self._chats.reroute(call.path_id, body.mitra_id)

    async def config(self, call: Call) -> responses.Config:
        """The settings in force."""
        return responses.Config(config=await self._mirror.app_config.all())

    async def set_config(self, call: Call, body: requests.NewValue) -> responses.Setting:
        """Change a setting, on every instance within a second."""
        key = call.request.path_params["key"]
        if key not in DEFAULTS:
            raise errors.not_found("setting")
        await self._mirror.app_config.set(key, body.value)
        return responses.Setting(key=key, value=body.value)
