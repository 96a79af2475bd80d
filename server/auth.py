"""Authentication: sign-in by one-time code, rotation of refresh tokens, and the guards of the routes.

A sign-in is one row of `auth_sessions`, whose hash each refresh replaces. So a refresh and a revocation need the same row
lock, and the second sees what the first did.
"""

from asyncpg import Connection, Record
from starlette.requests import Request

from server import errors, tokens
from server.asgi import Guard, Identity
from server.config import Settings
from server.db import Database
from server.errors import ApiError
from server.otp import Otp
from server.response_models import Tokens, User
from server.sql import IS_ACTIVE

MITRA = "mitra"
CLIENT = "client"
OPERATOR = "operator"
# The security schemes of the guards, as the OpenAPI document names them.
ACCESS_TOKEN = "access token"
INTERNAL_TOKEN = "internal token"
REFRESH_TTL_SECONDS = 30 * 86_400

_MITRA_BY_PHONE = "SELECT id, phone, display_name, is_active FROM mitras WHERE phone = $1 FOR SHARE"
_SIGN_UP = """
INSERT INTO customers (phone, display_name) VALUES ($1, $2)
ON CONFLICT (phone) DO NOTHING
"""
_CUSTOMER_BY_PHONE = "SELECT id, phone, display_name FROM customers WHERE phone = $1"
_NEW_SESSION = """
INSERT INTO auth_sessions (user_id, role, refresh_token_hash, expires_at)
VALUES ($1, $2, $3, clock_timestamp() + make_interval(secs => $4))
"""
# The join refuses an account that was deactivated by hand, without revoking its sessions.
_ROTATE = """
UPDATE auth_sessions AS s
SET refresh_token_hash = $3, expires_at = clock_timestamp() + make_interval(secs => $4)
FROM {users} AS u
WHERE s.refresh_token_hash = $1 AND s.role = $2 AND s.revoked_at IS NULL
    AND s.expires_at > clock_timestamp() AND u.id = s.user_id AND {condition}
RETURNING u.id, u.phone, u.display_name
"""
_ROTATE_BY_ROLE = {
    MITRA: _ROTATE.format(users="mitras", condition="u.is_active"),
    CLIENT: _ROTATE.format(users="customers", condition="true"),
}
_REVOKE = """
UPDATE auth_sessions SET revoked_at = clock_timestamp()
WHERE refresh_token_hash = $1 AND role = $2 AND revoked_at IS NULL
"""
_KNOWN_BY_ROLE = {
    MITRA: IS_ACTIVE,
    CLIENT: "SELECT true FROM customers WHERE id = $1",
}


class Auth:
    """Sign-in, refresh, logout, and one guard per kind of route."""

    def __init__(self, settings: Settings, db: Database) -> None:
        self._settings = settings
        self._db = db
        self.otp = Otp(settings, db)
        self._access = tokens.AccessTokens(settings.jwt_secret)
        refuses = ("UNAUTHENTICATED", "TOKEN_EXPIRED", "FORBIDDEN")
        self.anyone = Guard(self._anyone)
        self.mitra_token = Guard(self._mitra_token, ACCESS_TOKEN, refuses)
        self.known_mitra = Guard(self._known_mitra, ACCESS_TOKEN, refuses)
        self.active_mitra = Guard(self._active_mitra, ACCESS_TOKEN, (*refuses, "ACCOUNT_INACTIVE"))
        self.client = Guard(self._client, ACCESS_TOKEN, refuses)
        self.operator = Guard(self._operator, INTERNAL_TOKEN, ("UNAUTHENTICATED",))

    async def verify(self, role: str, phone: str, code: str) -> Tokens:
        """Exchange a one-time code for tokens. Raises 401 OTP_INVALID, 429, or 403 for a deactivated mitra."""
        async with self._db.transaction() as connection:
            signed_in = await self._sign_in(connection, role, phone, code)
        if isinstance(signed_in, ApiError):
            raise signed_in
        user, refresh_token = signed_in
        return self._tokens(role, user, refresh_token)

    async def _sign_in(self, connection: Connection, role: str, phone: str, code: str) -> tuple[Record, str] | ApiError:
        """The user and a refresh token; or the error to raise *after* the transaction, so that the count of misses is committed."""
        refusal = await self.otp.check(connection, role, phone, code)
        if refusal is not None:
            return refusal
        user = await self._user(connection, role, phone)
        if user is None:
            await self.otp.count_miss(connection, role, phone)
            return errors.otp_invalid()
        if role == MITRA and not user["is_active"]:
            return errors.account_inactive()
        refresh_token = await self._open_session(connection, role, user["id"])
        await self.otp.use(connection, role, phone)
        return user, refresh_token

    async def refresh(self, role: str, token: str) -> Tokens:
        """Exchange a refresh token, once, for tokens. Raises 401 REFRESH_INVALID; reuse does not end its successor."""
        successor = tokens.new_refresh_token()
        user = await self._db.fetchrow(
            _ROTATE_BY_ROLE[role],
            tokens.refresh_hash(token),
            role,
            tokens.refresh_hash(successor),
            REFRESH_TTL_SECONDS,
        )
        if user is None:
            raise errors.refresh_invalid()
        return self._tokens(role, user, successor)

    async def logout(self, role: str, token: str) -> None:
        """Revoke the session of a refresh token; an unknown one is ignored."""
        await self._db.execute(_REVOKE, tokens.refresh_hash(token), role)

    async def _anyone(self, request: Request) -> Identity:
        """The guard of open routes."""
        return Identity("", "")

    async def _mitra_token(self, request: Request) -> Identity:
        """A mitra's token, without a query: the guard of the ping, for which the mirror checks the account."""
        identity = self._bearer(request)
        if identity.role != MITRA:
            raise errors.forbidden("this route is for mitras")
        return identity

    async def _known_mitra(self, request: Request) -> Identity:
        """A mitra with an account, deactivated or not (the profile)."""
        identity, _ = await self._known(request, MITRA)
        return identity

    async def _active_mitra(self, request: Request) -> Identity:
        """A mitra whose account is active: the guard of every other mitra route."""
        identity, is_active = await self._known(request, MITRA)
        if not is_active:
            raise errors.account_inactive()
        return identity

    async def _client(self, request: Request) -> Identity:
        identity, _ = await self._known(request, CLIENT)
        return identity

    async def _operator(self, request: Request) -> Identity:
        """The control center, by the internal API's token."""
        if not tokens.same(_bearer_token(request), self._settings.internal_api_token):
            raise errors.unauthenticated("the internal API's token is needed")
        return Identity("", OPERATOR)

    def _bearer(self, request: Request) -> Identity:
        return self._access.read(_bearer_token(request))

    async def _known(self, request: Request, role: str) -> tuple[Identity, bool]:
        """The caller, and whether the account is active. Raises 401 unless it exists, then 403 for another role."""
        identity = self._bearer(request)
        query = _KNOWN_BY_ROLE.get(identity.role)
        if query is None:
            raise errors.forbidden(f"this route is for role {role}")
        is_active = await self._db.fetchval(query, identity.id)
        if is_active is None:
            raise errors.unauthenticated("the subject of the token is unknown")
        if identity.role != role:
            raise errors.forbidden(f"this route is for role {role}")
        return identity, is_active

    async def _user(self, connection: Connection, role: str, phone: str) -> Record | None:
        if role == MITRA:
            # Locked, so that a simultaneous deactivation either revokes this session or refuses this sign-in.
            return await connection.fetchrow(_MITRA_BY_PHONE, phone)
        await connection.execute(_SIGN_UP, phone, f"Customer {phone[-4:]}")
        return await connection.fetchrow(_CUSTOMER_BY_PHONE, phone)

    async def _open_session(self, connection: Connection, role: str, user_id: str) -> str:
        token = tokens.new_refresh_token()
        await connection.execute(_NEW_SESSION, user_id, role, tokens.refresh_hash(token), REFRESH_TTL_SECONDS)
        return token

    def _tokens(self, role: str, user: Record, refresh_token: str) -> Tokens:
        ttl_seconds = self._settings.access_token_ttl_seconds
        access = tokens.mint_access_token(self._settings.jwt_secret, user["id"], role, ttl_seconds)
        return Tokens(
            access_token=access,
            refresh_token=refresh_token,
            token_type="Bearer",
            expires_in=ttl_seconds,
            user=User(**user),
        )


def _bearer_token(request: Request) -> str:
    """The bearer token, "" when there is none, more than one, or another scheme."""
    values = [value for name, value in request.scope["headers"] if name == b"authorization"]
    if len(values) != 1:
        return ""
    scheme, _, token = values[0].decode("latin-1").partition(" ")
    return token.strip() if scheme.lower() == "bearer" else ""
