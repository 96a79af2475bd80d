"""The routes of the public listener, for the apps: each handler reads its input and calls one method."""

from typing import TYPE_CHECKING, Any

from starlette.responses import Response
from starlette.routing import Route

from server import errors, fields, mitras
from server.asgi import Answer, Call, json_response, route
from server.auth import CLIENT, MITRA, Auth
from server.blast import Blast
from server.chats import Chats
from server.db import Database

if TYPE_CHECKING:
    from server.mirror import Mirror

_PROFILE = "SELECT id, phone, display_name FROM mitras WHERE id = $1"
_PROVIDERS = {"providers": [{"id": "otp", "name": "One-time code", "roles": [MITRA, CLIENT]}]}


class PublicRoutes:
    """Handlers of the public listener."""

    def __init__(self, db: Database, mirror: "Mirror", auth: Auth, chats: Chats, blast: Blast) -> None:
        self._db = db
        self._mirror = mirror
        self._auth = auth
        self._chats = chats
        self._blast = blast

    def routes(self) -> list[Route]:
        """All of them; the ping and the beacon first, for the router tries them in order."""
        auth = self._auth
        return [
            route("POST", "/api/mitra/status/heartbeat", self.heartbeat, auth.mitra_token),
            route("GET", "/public/bestie-availability", self.beacon, auth.anyone),
            route("GET", "/api/shared/auth-providers", self.providers, auth.anyone),
            *self._sign_in_routes(MITRA),
            *self._sign_in_routes(CLIENT),
            route("GET", "/api/mitra/profile", self.profile, auth.known_mitra),
            route("GET", "/api/mitra/status", self.status, auth.active_mitra),
            route("POST", "/api/mitra/status/online", self.online, auth.active_mitra),
            route("POST", "/api/mitra/status/offline", self.offline, auth.active_mitra),
            route("GET", "/api/mitra/chat-requests", self.chat_requests, auth.active_mitra),
            route("POST", "/api/mitra/chat-requests/{id}/accept", self.accept, auth.active_mitra),
            route("POST", "/api/mitra/chat-requests/{id}/decline", self.decline, auth.active_mitra),
            route("POST", "/api/mitra/chat-sessions/{id}/end", self.end_by_mitra, auth.active_mitra),
            route("POST", "/api/client/chat-sessions", self.create, auth.client),
            route("GET", "/api/client/chat-sessions/{id}", self.get, auth.client),
            route("POST", "/api/client/chat-sessions/{id}/pay", self.pay, auth.client),
            route("POST", "/api/client/chat-sessions/{id}/cancel", self.cancel, auth.client),
            route("POST", "/api/client/chat-sessions/{id}/end", self.end_by_customer, auth.client),
            route("POST", "/api/client/chat-sessions/{id}/goodbye", self.goodbye, auth.client),
            route("POST", "/api/client/chat-sessions/{id}/extend", self.extend, auth.client),
            route("POST", "/api/client/chat-sessions/{id}/extension/pay", self.pay_extension, auth.client),
        ]

    def _sign_in_routes(self, role: str) -> list[Route]:
        auth = self._auth

        async def request(call: Call) -> Answer:
            return {"expires_in": await auth.otp.request(role, fields.phone(await call.body()))}

        async def verify(call: Call) -> Answer:
            body = await call.body()
            return await auth.verify(role, fields.phone(body), fields.text(body, "code"))

        async def refresh(call: Call) -> Answer:
            return await auth.refresh(role, fields.text(await call.body(), "refresh_token"))

        async def logout(call: Call) -> Answer:
            await auth.logout(role, fields.text(await call.body(), "refresh_token"))
            return Response(status_code=204)

        base = f"/api/{role}/auth"
        return [
            route("POST", f"{base}/otp/request", request, auth.anyone),
            route("POST", f"{base}/otp/verify", verify, auth.anyone),
            route("POST", f"{base}/refresh", refresh, auth.anyone),
            route("POST", f"{base}/logout", logout, auth.anyone),
        ]

    async def providers(self, call: Call) -> Answer:
        return _PROVIDERS

    async def beacon(self, call: Call) -> Answer:
        return await self._mirror.beacon()

    async def heartbeat(self, call: Call) -> Answer:
        return {"is_online": await self._mirror.ping(call.user_id)}

    async def profile(self, call: Call) -> Answer:
        row = await self._db.fetchrow(_PROFILE, call.user_id)
        if row is None:
            raise errors.unauthenticated("the token speaks for nobody we know")
        return dict(row)

    async def status(self, call: Call) -> Answer:
        return await mitras.status(self._db, call.user_id)

    async def online(self, call: Call) -> Answer:
        return await mitras.set_online(self._mirror, self._db, call.user_id)

    async def offline(self, call: Call) -> Answer:
        return await mitras.set_offline(self._mirror, self._db, call.user_id)

    async def chat_requests(self, call: Call) -> Answer:
        return {"chat_requests": await self._blast.offers(call.user_id)}

    async def accept(self, call: Call) -> Answer:
        return await self._blast.accept(call.user_id, call.path_id())

    async def decline(self, call: Call) -> Answer:
        await self._blast.decline(call.user_id, call.path_id())
        return Response(status_code=204)

    async def end_by_mitra(self, call: Call) -> Answer:
        return await self._chats.end_by_mitra(call.user_id, call.path_id())

    async def create(self, call: Call) -> Answer:
        seconds = fields.duration_seconds(await call.body())
        made: dict[str, Any] = await self._chats.create(call.user_id, seconds)
        return json_response(made, 201)

    async def get(self, call: Call) -> Answer:
        return await self._chats.get(call.user_id, call.path_id())

    async def pay(self, call: Call) -> Answer:
        return await self._blast.pay(call.user_id, call.path_id())

    async def cancel(self, call: Call) -> Answer:
        return await self._chats.cancel(call.user_id, call.path_id())

    async def end_by_customer(self, call: Call) -> Answer:
        return await self._chats.end_by_customer(call.user_id, call.path_id())

    async def goodbye(self, call: Call) -> Answer:
        return await self._chats.goodbye(call.user_id, call.path_id())

    async def extend(self, call: Call) -> Answer:
        session_id = call.path_id()
        return await self._chats.extend(call.user_id, session_id, fields.duration_seconds(await call.body()))

    async def pay_extension(self, call: Call) -> Answer:
        return await self._chats.pay_extension(call.user_id, call.path_id())
