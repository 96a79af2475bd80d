"""What mitra and customer have in common: a phone, a way to sign in, an access token and a refresh token."""

from typing import Any, ClassVar, Self

from rig.record import RecordWriter
from rig.traffic.actors.client import Client, ServerHandle, instance_of
from rig.traffic.actors.exchange import Exchange
from rig.traffic.actors.tokens import Minted


class User:
    """An app user at the public listener. Signed in by `login()`, or from the start by `from_secret`."""

    role: ClassVar[str]  # the token's role
    area: ClassVar[str]  # the path below /api
    title: ClassVar[str]
    placeholder: ClassVar[str]

    def __init__(
        self,
        server: ServerHandle,
        id: str | None = None,
        phone: str | None = None,
        recorder: RecordWriter | None = None,
        *,
        name: str | None = None,
    ) -> None:
        self.server = server
        self.id = str(id) if id is not None else None
        self.phone = phone
        self.name = name or self.id or phone or "nobody"
        self.refresh_token: str | None = None
        self._token: str | None = None
        self._minted: Minted | None = None
        self.client = Client(
            f"{self.title} {self.name}", recorder, placeholder=self.placeholder,
            instance=instance_of(server), subject=self.id,
        )  # fmt: skip

    @classmethod
    def from_secret(
        cls,
        server: ServerHandle,
        id: str,
        phone: str | None = None,
        recorder: RecordWriter | None = None,
        *,
        name: str | None = None,
    ) -> Self:
        """Signed in by a minted token; ValueError when the server's JWT_SECRET is not known to us."""
        if not server.jwt_secret:
            raise ValueError(f"cannot mint a token for {id}: JWT_SECRET is not known; sign in by OTP")
        user = cls(server, id, phone, recorder, name=name)
        user._minted = Minted(server.jwt_secret, str(id), cls.role)
        return user

    def via(self, server: ServerHandle) -> Self:
        """The same user, with the same tokens, at another instance."""
        other = type(self)(server, self.id, self.phone, self.client.recorder, name=self.name)
        other.refresh_token, other._token, other._minted = self.refresh_token, self._token, self._minted
        return other

    @property
    def token(self) -> str | None:
        """The access token in use, None before a sign-in."""
        if self._minted is None:
            return self._token
        token = self._minted.current()
        self.client.keep_secret(token, self.placeholder)
        return token

    @token.setter
    def token(self, value: str | None) -> None:
        self._minted = None
        self._token = value
        self.client.keep_secret(value, self.placeholder)

    def request(
        self,
        action: str,
        method: str,
        path: str,
        body: Any = None,
        *,
        signed: bool = True,
        raw: bytes | None = None,
        patience_s: float | None = None,
    ) -> Exchange:
        """Any request to the public listener, with the user's token unless `signed` is false."""
        url = self.server.public_url.rstrip("/") + path
        token = self.token if signed else None
        return self.client.send(action, method, url, body=body, raw=raw, token=token, patience_s=patience_s)

    def auth_providers(self) -> Exchange:
        return self.request("auth_providers", "GET", "/api/shared/auth-providers", signed=False)

    def request_code(self) -> Exchange:
        path = f"/api/{self.area}/auth/otp/request"
        return self.request("request_code", "POST", path, {"phone": self.phone}, signed=False)

    def verify_code(self, code: str | None = None) -> Exchange:
        """Sign in with a one-time code (OTP_DEV_CODE unless given); keeps the tokens it got."""
        body = {"phone": self.phone, "code": code or self.server.otp_code}
        path = f"/api/{self.area}/auth/otp/verify"
        exchange = self.request("verify_code", "POST", path, body, signed=False)
        self._keep_tokens(exchange)
        return exchange

    def login(self) -> Exchange:
        """Ask for a code and use it: the exchange of the verification, or the refused request for a code."""
        asked = self.request_code()
        return self.verify_code() if asked.ok else asked

    def refresh(self, refresh_token: str | None = None) -> Exchange:
        """Trade a refresh token (the last one we got unless given) for new tokens, and keep those."""
        body = {"refresh_token": refresh_token or self.refresh_token}
        self.client.keep_secret(body["refresh_token"], self.client.refresh_placeholder)
        exchange = self.request("refresh", "POST", f"/api/{self.area}/auth/refresh", body, signed=False)
        self._keep_tokens(exchange)
        return exchange

    def logout(self) -> Exchange:
        """Give the refresh token back; the access token stays as it is, for a look at what it still opens."""
        body = {"refresh_token": self.refresh_token}
        return self.request("logout", "POST", f"/api/{self.area}/auth/logout", body)

    def _keep_tokens(self, exchange: Exchange) -> None:
        reply = exchange.reply
        if not (exchange.ok and isinstance(reply, dict) and isinstance(reply.get("access_token"), str)):
            return
        self.token = reply["access_token"]
        self.refresh_token = reply.get("refresh_token")
        user = reply.get("user")
        if self.id is None and isinstance(user, dict) and user.get("id"):
            self.id = self.client.subject = str(user["id"])
