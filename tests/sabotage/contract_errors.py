"""Defects of answers that a contract run finds: status codes, bodies of errors, and which of two errors is told."""

from typing import Any

from tests.sabotage.entry import sabotage

EDGES = ("--stage", "edges")


def answered_by(change: Any) -> None:
    """Every error goes through `change`, which returns its body."""
    from server import asgi

    def response(error: Any) -> Any:
        return asgi.json_response(change(error), error.status, error.headers)

    asgi._error_response = response


@sabotage("error-without-code", "An error tells its message alone.", "HTTP-01", by=EDGES)
def error_without_code() -> None:
    answered_by(lambda error: {"error": {"message": error.message}})


@sabotage("error-at-top", "An error's code and message stand at the top of the body.", "HTTP-01", by=EDGES)
def error_at_top() -> None:
    answered_by(lambda error: {"code": error.code, "message": error.message})


@sabotage("unknown-path-is-html", "An unknown path is answered with a page of HTML.", "HTTP-03", by=EDGES)
def unknown_path_is_html() -> None:
    from starlette.responses import HTMLResponse

    from server import asgi

    response = asgi._error_response

    def page(error: Any) -> Any:
        if error.message == "no such path":
            return HTMLResponse("<h1>Not found</h1>", 404)
        return response(error)

    asgi._error_response = page


@sabotage("wrong-method-is-404", "A wrong method is 404.", "HTTP-03", by=EDGES)
def wrong_method_is_404() -> None:
    from server import errors

    errors.method_not_allowed = lambda allow: errors.not_found("path")  # type: ignore[assignment]


@sabotage("bad-json-breaks", "A body that is no JSON is answered with 500.", "HTTP-02", by=EDGES)
def bad_json_breaks() -> None:
    from server import errors

    def broken(message: str = "") -> Any:
        raise RuntimeError("no JSON")

    errors.bad_json = broken


@sabotage("bad-json-is-validation-error", "A body that is no JSON is a VALIDATION_ERROR.", "HTTP-08", by=EDGES)
def bad_json_is_validation_error() -> None:
    from server import errors

    errors.bad_json = lambda message="": errors.validation_error("the body must be JSON")  # type: ignore[assignment]


@sabotage("bad-id-breaks", "An id in the path that is no uuid is answered with 500.", "HTTP-02", by=EDGES)
def bad_id_breaks() -> None:
    from server import asgi

    asgi._path_id = lambda request: str(request.path_params["id"])  # type: ignore[assignment]


@sabotage("bad-id-is-404", "An id in the path that is no uuid is 404.", "HTTP-09", by=EDGES)
def bad_id_is_404() -> None:
    from server import asgi, errors

    path_id = asgi._path_id

    def unknown(request: Any) -> str:
        if not asgi.is_uuid(request.path_params["id"]):
            raise errors.not_found()
        return path_id(request)

    asgi._path_id = unknown


@sabotage("ids-in-lower-case-only", "An id in upper case is refused.", "ID-02", by=EDGES)
def ids_in_lower_case_only() -> None:
    from server import asgi, request_models

    is_uuid = request_models.is_uuid

    def lower(text: Any) -> bool:
        return is_uuid(text) and text == text.lower()

    asgi.is_uuid = request_models.is_uuid = lower  # type: ignore[assignment]


@sabotage("huge-body-is-read", "A body of any size is read.", "HTTP-07", by=EDGES)
def huge_body_is_read() -> None:
    from server import asgi

    asgi.BODY_BYTES_MAX = 2**30


def endpoint_first(first: Any) -> None:
    """`first` runs before the guard of each route; what it raises is the answer."""
    from server.asgi import Endpoint

    call = Endpoint.__call__

    async def asked_first(self: Endpoint, scope: Any, receive: Any, send: Any) -> None:
        await first(self, scope)
        await call(self, scope, receive, send)

    Endpoint.__call__ = asked_first  # type: ignore[method-assign]


@sabotage("id-before-token", "The id in the path is judged before the token.", "HTTP-04", by=EDGES)
def id_before_token() -> None:
    from starlette.requests import Request

    from server import asgi

    async def id_first(endpoint: Any, scope: Any) -> None:
        if endpoint.has_id:
            asgi._path_id(Request(scope))

    endpoint_first(id_first)


@sabotage("body-before-account", "The id in the path is judged before the account is.", "HTTP-06", by=EDGES)
def body_before_account() -> None:
    from starlette.requests import Request

    from server import asgi
    from server.auth import Auth

    active = Auth._active_mitra

    async def id_first(self: Auth, request: Request) -> Any:
        await self._known_mitra(request)
        if "id" in request.path_params:
            asgi._path_id(request)
        return await active(self, request)

    Auth._active_mitra = id_first  # type: ignore[method-assign]


@sabotage("account-before-role", "A token of the other role is 401 at a mitra's route.", "HTTP-05", by=EDGES)
def account_before_role() -> None:
    from server import auth

    forbidden = auth.errors.forbidden

    def unauthenticated(message: str = "") -> Any:
        return auth.errors.unauthenticated() if "role" in message or "mitras" in message else forbidden(message)

    auth.errors.forbidden = unauthenticated


@sabotage("state-before-owner", "The state of somebody else's chat is told to anybody.", "HTTP-10")
def state_before_owner() -> None:
    from server import chats

    owner, state = chats.require_owner, chats.require_state

    def later(row: Any, column: str, user_id: str) -> None:
        state(row["status"] not in ("ended", "cancelled"), "the chat is over")
        owner(row, column, user_id)

    chats.require_owner = later


@sabotage("unknown-chat-is-403", "A chat that does not exist is 403.", "HTTP-11", by=EDGES)
def unknown_chat_is_403() -> None:
    from server import errors

    not_found = errors.not_found
    errors.not_found = lambda what="": errors.forbidden() if what == "chat session" else not_found(what)


@sabotage("ping-wants-json", "A ping with a body that is no JSON is refused.", "HTTP-12", by=EDGES)
def ping_wants_json() -> None:
    from server import routes_public

    heartbeat = routes_public.PublicRoutes.heartbeat

    async def strict(self: Any, call: Any) -> Any:
        body = await call.request.body()
        if body and not body.startswith(b"{}"):
            raise routes_public.errors.bad_json()
        return await heartbeat(self, call)

    routes_public.PublicRoutes.heartbeat = strict  # type: ignore[method-assign]


@sabotage("long-head-is-refused", "Headers of more than 4 KiB are refused.", "HTTP-13", by=EDGES)
def long_head_is_refused() -> None:
    from server import errors

    async def short_only(endpoint: Any, scope: Any) -> None:
        if sum(len(name) + len(value) for name, value in scope["headers"]) > 4096:
            raise errors.validation_error("the headers are too long")

    endpoint_first(short_only)


@sabotage("upgrade-is-refused", "A request that offers an upgrade is refused.", "HTTP-18", by=EDGES)
def upgrade_is_refused() -> None:
    from server import errors

    async def no_upgrade(endpoint: Any, scope: Any) -> None:
        if any(name == b"upgrade" for name, _ in scope["headers"]):
            raise errors.validation_error("no upgrade is offered here")

    endpoint_first(no_upgrade)


@sabotage("beacon-needs-token", "The beacon asks for a token.", "BEACON-07", by=EDGES)
def beacon_needs_token() -> None:
    from server import errors

    async def bearer(endpoint: Any, scope: Any) -> None:
        if endpoint.path.startswith("/public") and not any(name == b"authorization" for name, _ in scope["headers"]):
            raise errors.unauthenticated()

    endpoint_first(bearer)


@sabotage("metrics-need-token", "The metrics ask for the internal token.", "AUTH-21", by=EDGES)
def metrics_need_token() -> None:
    from server import errors

    async def bearer(endpoint: Any, scope: Any) -> None:
        if endpoint.path == "/metrics" and not any(name == b"authorization" for name, _ in scope["headers"]):
            raise errors.unauthenticated()

    endpoint_first(bearer)


@sabotage("nulls-are-left-out", "A field of a session that is null is left out.", "API-01", by=EDGES)
def nulls_are_left_out() -> None:
    from pydantic_core import to_json

    from server import asgi

    asgi.to_json = lambda value: to_json(value, exclude_none=True)  # type: ignore[assignment]


@sabotage("provider-is-called-sms", "The provider of sign-ins is named `sms`.", "AUTH-01", by=EDGES)
def provider_is_called_sms() -> None:
    from server import routes_public

    provider = routes_public._PROVIDERS.providers[0].model_copy(update={"id": "sms"})
    routes_public._PROVIDERS = routes_public._PROVIDERS.model_copy(update={"providers": [provider]})


@sabotage("offers-without-duration", "An open offer does not tell its duration.", "OFFER-01")
def offers_without_duration() -> None:
    from server import routes_public

    offers = routes_public.PublicRoutes.chat_requests

    async def bare(self: Any, call: Any) -> Any:
        listed = await offers(self, call)
        return {"chat_requests": [{"chat_session_id": one.chat_session_id} for one in listed.chat_requests]}

    routes_public.PublicRoutes.chat_requests = bare  # type: ignore[method-assign]


@sabotage("dashboard-counts-active", "The dashboard leaves out the deactivated mitras who are online.", "OPS-01")
def dashboard_counts_active() -> None:
    from server.mirror import keys
    from server.mirror.reads import Reads

    async def active_only(self: Reads) -> int:
        (there,) = await self._valkey.read(("SDIFF", keys.ONLINE, keys.DEACTIVATED))
        return len(there)

    Reads.online_count = active_only  # type: ignore[method-assign]
