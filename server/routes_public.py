"""The routes of the public listener, for the apps: each handler reads its input and calls one method."""

from server import errors, mitras
from server import request_models as requests
from server import response_models as responses
from server.asgi import Call, Endpoint
from server.auth import CLIENT, MITRA, Auth
from server.blast import Blast
from server.chats import Chats
from server.db import Database
from server.mirror import Mirror

_PROFILE = "SELECT id, phone, display_name FROM mitras WHERE id = $1"
_PROVIDERS = responses.AuthProviders(
    providers=[responses.AuthProvider(id="otp", name="One-time code", roles=["mitra", "client"])]
)

INACTIVE = ("ACCOUNT_INACTIVE",)
CHANGE = ("FORBIDDEN", "NOT_FOUND", "INVALID_STATE")  # codes of any change of a chat


class PublicRoutes:
    """Handlers of the public listener."""

    def __init__(self, db: Database, mirror: Mirror, auth: Auth, chats: Chats, blast: Blast) -> None:
        self._db = db
        self._mirror = mirror
        self._auth = auth
        self._chats = chats
        self._blast = blast

    def endpoints(self) -> list[Endpoint]:
        """All routes; the ping and the beacon first, as the router tries them in order."""
        return [
            Endpoint("POST", "/api/mitra/status/heartbeat", self.heartbeat, self._auth.mitra_token, refuses=INACTIVE),
            Endpoint("GET", "/public/bestie-availability", self.beacon, self._auth.anyone),
            Endpoint("GET", "/api/shared/auth-providers", self.providers, self._auth.anyone),
            *self._sign_in_endpoints(MITRA),
            *self._sign_in_endpoints(CLIENT),
            *self._mitra_endpoints(),
            *self._customer_endpoints(),
        ]

    def _mitra_endpoints(self) -> list[Endpoint]:
        auth, mitra = self._auth, self._auth.active_mitra
        offer, chat = "/api/mitra/chat-requests/{id}", "/api/mitra/chat-sessions/{id}"
        return [
            Endpoint("GET", "/api/mitra/profile", self.profile, auth.known_mitra),
            Endpoint("GET", "/api/mitra/status", self.status, mitra),
            Endpoint("POST", "/api/mitra/status/online", self.online, mitra),
            Endpoint("POST", "/api/mitra/status/offline", self.offline, mitra),
            Endpoint("GET", "/api/mitra/chat-requests", self.chat_requests, mitra),
            Endpoint(
                "POST", f"{offer}/accept", self.accept, mitra,
                refuses=("NOT_FOUND", "ALREADY_TAKEN", "INVALID_STATE", "MITRA_AT_CAPACITY"),
            ),
            Endpoint("POST", f"{offer}/decline", self.decline, mitra, refuses=("NOT_FOUND", "INVALID_STATE")),
            Endpoint("POST", f"{chat}/end", self.end_by_mitra, mitra, refuses=CHANGE),
        ]  # fmt: skip

    def _customer_endpoints(self) -> list[Endpoint]:
        chats, chat, client = "/api/client/chat-sessions", "/api/client/chat-sessions/{id}", self._auth.client
        return [
            Endpoint("POST", chats, self.create, client, status=201),
            Endpoint("GET", chat, self.get, client, refuses=("NOT_FOUND",)),
            Endpoint("POST", f"{chat}/pay", self.pay, client, refuses=(*CHANGE, "NO_MITRA_AVAILABLE")),
            Endpoint("POST", f"{chat}/cancel", self.cancel, client, refuses=CHANGE),
            Endpoint("POST", f"{chat}/end", self.end_by_customer, client, refuses=CHANGE),
            Endpoint("POST", f"{chat}/goodbye", self.goodbye, client, refuses=CHANGE),
            Endpoint("POST", f"{chat}/extend", self.extend, client, refuses=(*CHANGE, "MITRA_UNREACHABLE")),
            Endpoint("POST", f"{chat}/extension/pay", self.pay_extension, client, refuses=CHANGE),
        ]

    def _sign_in_endpoints(self, role: str) -> list[Endpoint]:
        auth = self._auth

        async def request(call: Call, body: requests.OtpRequest) -> responses.OtpRequested:
            """Request a one-time code; the answer is the same for an unknown phone."""
            return responses.OtpRequested(expires_in=await auth.otp.request(role, body.phone))

        async def verify(call: Call, body: requests.OtpVerification) -> responses.Tokens:
            """Exchange the one-time code for tokens; an unknown customer is signed up, an unknown mitra is refused."""
            return await auth.verify(role, body.phone, body.code)

        async def refresh(call: Call, body: requests.RefreshToken) -> responses.Tokens:
            """Exchange a refresh token, once, for tokens."""
            return await auth.refresh(role, body.refresh_token)

        async def logout(call: Call, body: requests.RefreshToken) -> None:
            """Revoke the session of a refresh token; an unknown one is no error."""
            await auth.logout(role, body.refresh_token)

        base = f"/api/{role}/auth"
        wrong = ("OTP_INVALID", "OTP_TOO_MANY_ATTEMPTS", *(INACTIVE if role == MITRA else ()))
        return [
            Endpoint("POST", f"{base}/otp/request", request, auth.anyone, refuses=("OTP_TOO_MANY_ATTEMPTS",)),
            Endpoint("POST", f"{base}/otp/verify", verify, auth.anyone, refuses=wrong),
            Endpoint("POST", f"{base}/refresh", refresh, auth.anyone, refuses=("REFRESH_INVALID",)),
            Endpoint("POST", f"{base}/logout", logout, auth.anyone),
        ]

    async def providers(self, call: Call) -> responses.AuthProviders:
        """The ways to sign in."""
        return _PROVIDERS

    async def beacon(self, call: Call) -> responses.Availability:
        """Whether any mitra is available. All instances share the answer, which is up to 10 s old."""
        return await self._mirror.beacon()

    async def heartbeat(self, call: Call) -> responses.IsOnline:
        """The ping of a mitra's open app; without pings the mitra goes offline after a while."""
        return responses.IsOnline(is_online=await self._mirror.ping(call.user_id))

    async def profile(self, call: Call) -> responses.User:
        """The mitra's account, also of a deactivated one."""
        row = await self._db.fetchrow(_PROFILE, call.user_id)
        if row is None:
            raise errors.unauthenticated("the subject of the token is unknown")
        return responses.User(**row)

    async def status(self, call: Call) -> responses.MitraStatus:
        """Whether the mitra is online, as Postgres has it."""
        return await mitras.status(self._db, call.user_id)

    async def online(self, call: Call) -> responses.IsOnline:
        """Go online; counts as a ping."""
        return await mitras.set_online(self._mirror, self._db, call.user_id)

    async def offline(self, call: Call) -> responses.IsOnline:
        """Go offline."""
        return await mitras.set_offline(self._mirror, self._db, call.user_id)

    async def chat_requests(self, call: Call) -> responses.ChatRequests:
        """The open offers of this mitra, oldest first."""
        return await self._blast.offers(call.user_id)

    async def accept(self, call: Call) -> responses.ChatSession:
        """Accept the offer; the first mitra to accept gets the chat."""
        return await self._blast.accept(call.user_id, call.path_id)

    async def decline(self, call: Call) -> None:
        """Decline the offer; repeating that is no error."""
        await self._blast.decline(call.user_id, call.path_id)

    async def end_by_mitra(self, call: Call) -> responses.ChatSession:
        """End a running chat of the mitra."""
        return await self._chats.end_by_mitra(call.user_id, call.path_id)

    async def create(self, call: Call, body: requests.Duration) -> responses.ChatSession:
        """Create a chat; it is offered to mitras once it is paid."""
        return await self._chats.create(call.user_id, body.duration_seconds)

    async def get(self, call: Call) -> responses.ChatSession:
        """A chat of the customer."""
        return await self._chats.get(call.user_id, call.path_id)

    async def pay(self, call: Call) -> responses.PaidSession:
        """Pay and offer the chat to every available mitra. If there is none, nothing is paid."""
        return await self._blast.pay(call.user_id, call.path_id)

    async def cancel(self, call: Call) -> responses.ChatSession:
        """Cancel a chat that no mitra has accepted."""
        return await self._chats.cancel(call.user_id, call.path_id)

    async def end_by_customer(self, call: Call) -> responses.ChatSession:
        """End a running chat of the customer."""
        return await self._chats.end_by_customer(call.user_id, call.path_id)

    async def goodbye(self, call: Call) -> responses.ChatSession:
        """End a chat whose time is up and whose goodbye window is not."""
        return await self._chats.goodbye(call.user_id, call.path_id)

    async def extend(self, call: Call, body: requests.Duration) -> responses.ChatSession:
        """Reserve an extension until it is paid, if the mitra is reachable."""
        return await self._chats.extend(call.user_id, call.path_id, body.duration_seconds)

    async def pay_extension(self, call: Call) -> responses.ChatSession:
        """Pay the extension, which is added to the old end of the chat."""
        return await self._chats.pay_extension(call.user_id, call.path_id)
