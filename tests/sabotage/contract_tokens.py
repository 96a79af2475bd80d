"""Defects of sign-ins and tokens that a contract run finds: who gets in, with what, and for how long."""

from typing import Any

from tests.sabotage.entry import replace_in, sabotage

EDGES = ("--stage", "edges")
RACES = ("--stage", "races")


# --- access tokens -------------------------------------------------------------------------------------------


@sabotage("expired-token-serves", "An access token serves after its expiry.", "AUTH-16", by=EDGES)
def expired_token_serves() -> None:
    from server import tokens

    tokens._OPTIONS = {**tokens._OPTIONS, "verify_exp": False}


@sabotage("unsigned-token-serves", "A token without a signature is accepted.", "AUTH-17", by=EDGES)
def unsigned_token_serves() -> None:
    from server import tokens

    decode = tokens.jwt.decode

    def trusting(token: str, secret: str, **options: Any) -> Any:
        if tokens.jwt.get_unverified_header(token).get("alg") == "none":
            return decode(token, options={"verify_signature": False})
        return decode(token, secret, **options)

    class Jwt:
        decode = staticmethod(trusting)

        def __getattr__(self, name: str) -> Any:
            return getattr(jwt, name)

    jwt, tokens.jwt = tokens.jwt, Jwt()  # type: ignore[assignment]


@sabotage("internal-open-to-any-bearer", "Any bearer token opens the internal routes.", "AUTH-20")
def internal_open_to_any_bearer() -> None:
    from server import auth
    from server.asgi import Identity

    async def anybody(self: auth.Auth, request: Any) -> Identity:
        if not auth._bearer_token(request):
            raise auth.errors.unauthenticated()
        return Identity("", auth.OPERATOR)

    auth.Auth._operator = anybody  # type: ignore[method-assign]


@sabotage("internal-open-to-prefixes", "The internal token is compared up to the length of what is sent.", "AUTH-20")
def internal_open_to_prefixes() -> None:
    from server import auth
    from server.asgi import Identity

    async def prefix(self: auth.Auth, request: Any) -> Identity:
        sent = auth._bearer_token(request)
        if not sent or not self._settings.internal_api_token.startswith(sent):
            raise auth.errors.unauthenticated()
        return Identity("", auth.OPERATOR)

    auth.Auth._operator = prefix  # type: ignore[method-assign]


@sabotage("customer-pings", "A customer's token is good for a ping.", "HTTP-05", by=EDGES)
def customer_pings() -> None:
    from server.auth import Auth

    async def anyone(self: Auth, request: Any) -> Any:
        return self._bearer(request)

    Auth._mitra_token = anyone  # type: ignore[method-assign]


@sabotage("unknown-subject-pings-401", "A ping of somebody without an account is answered with 401.", "AUTH-19")
def unknown_subject_pings_401() -> None:
    from server.auth import Auth

    Auth._mitra_token = Auth._known_mitra  # type: ignore[method-assign]


@sabotage("unknown-customer-creates", "A customer without an account reaches the routes of chats.", "AUTH-19")
def unknown_customer_creates() -> None:
    from server import auth

    auth._KNOWN_BY_ROLE[auth.CLIENT] = "SELECT true WHERE $1::uuid IS NOT NULL"


@sabotage("token-life-in-milliseconds", "`expires_in` is told in milliseconds.", "AUTH-18")
def token_life_in_milliseconds() -> None:
    from server.auth import Auth

    made = Auth._tokens

    def milliseconds(self: Auth, *arguments: Any) -> Any:
        answer = made(self, *arguments)
        return answer.model_copy(update={"expires_in": answer.expires_in * 1000})

    Auth._tokens = milliseconds  # type: ignore[method-assign]


@sabotage("token-without-iat", "The access token does not say when it was issued.", "AUTH-14")
def token_without_iat() -> None:
    import time

    import jwt

    from server import tokens

    def mint(secret: str, user_id: str, role: str, ttl_seconds: int) -> str:
        claims = {"sub": user_id, "role": role, "exp": int(time.time()) + ttl_seconds}
        return jwt.encode(claims, secret, algorithm="HS256")

    tokens.mint_access_token = mint


@sabotage("tokens-of-other-phone", "The answer of a sign-in tells the phone without its plus sign.", "API-02")
def tokens_of_other_phone() -> None:
    from server import auth

    replace_in(auth, "_MITRA_BY_PHONE", "id, phone,", "id, ltrim(phone, '+') AS phone,")


# --- refresh tokens ------------------------------------------------------------------------------------------


def rotated_again(serve_again: bool) -> None:
    """A refresh remembers which token each one replaced: a second use is served, or ends the successor."""
    from server import auth

    refresh, replaced = auth.Auth.refresh, dict[str, str]()

    async def remembering(self: auth.Auth, role: str, token: str) -> Any:
        try:
            answer = await refresh(self, role, token)
        except auth.ApiError:
            successor = replaced.get(token)
            if successor is None:
                raise
            if not serve_again:
                await self.logout(role, successor)
                raise
            answer = await refresh(self, role, successor)
        replaced[token] = answer.refresh_token
        return answer

    auth.Auth.refresh = remembering  # type: ignore[method-assign]


@sabotage("refresh-serves-again", "A refresh token that was used serves a second time.", "AUTH-11")
def refresh_serves_again() -> None:
    rotated_again(serve_again=True)


@sabotage("reuse-ends-successor", "The second use of a refresh token ends its successor as well.", "AUTH-11")
def reuse_ends_successor() -> None:
    rotated_again(serve_again=False)


@sabotage("logout-does-nothing", "A logout is answered and revokes nothing.", "AUTH-13")
def logout_does_nothing() -> None:
    from server.auth import Auth

    async def nothing(self: Auth, role: str, token: str) -> None:
        """Answers 204."""

    Auth.logout = nothing  # type: ignore[method-assign]


@sabotage("logout-of-unknown-is-401", "A logout with an unknown refresh token is refused.", "AUTH-13")
def logout_of_unknown_is_401() -> None:
    from server import auth

    async def strict(self: auth.Auth, role: str, token: str) -> None:
        done = await self._db.execute(auth._REVOKE, auth.tokens.refresh_hash(token), role)
        if done == "UPDATE 0":
            raise auth.errors.refresh_invalid()

    auth.Auth.logout = strict  # type: ignore[method-assign]


@sabotage("logout-ends-all", "A logout ends every sign-in of the account.", "AUTH-13")
def logout_ends_all() -> None:
    from server import auth

    auth._REVOKE = """
        UPDATE auth_sessions SET revoked_at = clock_timestamp() WHERE revoked_at IS NULL AND user_id IN
          (SELECT user_id FROM auth_sessions WHERE refresh_token_hash = $1 AND role = $2)
        """


@sabotage("refresh-at-other-app", "A customer's refresh token serves at the mitras' route, and the reverse.", "AUTH-12")
def refresh_at_other_app() -> None:
    from server import auth

    refresh = auth.Auth.refresh

    async def either(self: auth.Auth, role: str, token: str) -> Any:
        try:
            return await refresh(self, role, token)
        except auth.ApiError:
            return await refresh(self, auth.CLIENT if role == auth.MITRA else auth.MITRA, token)

    auth.Auth.refresh = either  # type: ignore[method-assign]


@sabotage("refresh-for-ever", "A refresh token serves after its expiry.", "AUTH-12")
def refresh_for_ever() -> None:
    from server import auth

    auth._ROTATE_BY_ROLE = {
        role: text.replace("AND s.expires_at > clock_timestamp()", "") for role, text in auth._ROTATE_BY_ROLE.items()
    }


@sabotage("refresh-token-stored", "The refresh token itself stands in auth_sessions.", "TABLE-09")
def refresh_token_stored() -> None:
    from server import tokens

    tokens.refresh_hash = lambda token: token


# --- one-time codes ------------------------------------------------------------------------------------------


@sabotage("codes-without-limit", "Any number of wrong codes may be tried.", "AUTH-07", by=RACES)
def codes_without_limit() -> None:
    from server import errors

    errors.OTP_ATTEMPTS_MAX = 1_000_000


@sabotage("request-keeps-count", "A new request for a code does not forget the wrong codes of before.", "AUTH-07")
def request_keeps_count() -> None:
    from server import otp

    replace_in(otp, "_OPEN", "attempts = 0,", "attempts = o.attempts,")


@sabotage("right-code-after-five", "The right code signs in after five wrong ones.", "AUTH-07")
def right_code_after_five() -> None:
    from server import otp

    check = otp.Otp.check

    async def right_first(self: otp.Otp, connection: Any, role: str, phone: str, code: str) -> Any:
        row = await connection.fetchrow(otp._FIND, role, phone)
        if row and otp.same(row["code_hash"], otp.code_hash(self._settings.jwt_secret, role, phone, code)):
            return None
        return await check(self, connection, role, phone, code)

    otp.Otp.check = right_first  # type: ignore[method-assign]


@sabotage("code-serves-twice", "A code signs in as often as it is sent.", "AUTH-09")
def code_serves_twice() -> None:
    from server.otp import Otp

    async def kept(self: Otp, connection: Any, role: str, phone: str) -> None:
        """Leaves the request open."""

    Otp.use = kept  # type: ignore[method-assign]


@sabotage("wrong-code-signs-in", "Any code signs in.", "AUTH-06", by=RACES)
def wrong_code_signs_in() -> None:
    from server import otp

    otp.same = lambda left, right: True


@sabotage("unknown-phone-is-told", "A request for a code is 401 for a phone that no mitra has.", "AUTH-02")
def unknown_phone_is_told() -> None:
    from server import otp

    request = otp.Otp.request

    async def telling(self: otp.Otp, role: str, phone: str) -> int:
        known = await self._db.fetchval("SELECT true FROM mitras WHERE phone = $1", phone)
        if role == "mitra" and not known:
            raise otp.errors.otp_invalid()
        return await request(self, role, phone)

    otp.Otp.request = telling  # type: ignore[method-assign]


@sabotage("mitra-signs-up", "An unknown mitra is signed up by the right code.", "AUTH-05")
def mitra_signs_up() -> None:
    from server import auth

    user = auth.Auth._user

    async def welcoming(self: auth.Auth, connection: Any, role: str, phone: str) -> Any:
        if role == auth.MITRA:
            await connection.execute(
                "INSERT INTO mitras (phone, display_name) VALUES ($1, $1) ON CONFLICT DO NOTHING", phone
            )
        return await user(self, connection, role, phone)

    auth.Auth._user = welcoming  # type: ignore[method-assign]


@sabotage("shut-out-is-wrong-code", "A deactivated mitra with the right code is told that it is wrong.", "AUTH-10")
def shut_out_is_wrong_code() -> None:
    from server import auth

    replace_in(auth, "_MITRA_BY_PHONE", "WHERE phone = $1", "WHERE phone = $1 AND is_active")


@sabotage("shut-out-is-signed-in", "A deactivated mitra gets tokens for the right code.", "AUTH-10")
def shut_out_is_signed_in() -> None:
    from server import auth

    replace_in(auth, "_MITRA_BY_PHONE", "display_name, is_active", "display_name, true AS is_active")


@sabotage("phone-of-any-form", "A phone need not begin with a plus sign.", "AUTH-03")
def phone_of_any_form() -> None:
    from pydantic import BaseModel, Field

    from server import request_models

    class OtpRequest(BaseModel):
        phone: str = Field(min_length=1, description="a phone")

    request_models.OtpRequest = OtpRequest  # type: ignore[assignment,misc]
