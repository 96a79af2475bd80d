"""The HTTP layer of both listeners: routing, guards, the body limit, and one JSON format for every error.

Plain ASGI around Starlette's router: its middleware classes would cost ten times as much as the request.
"""

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Collection, Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Protocol

import orjson
from pydantic import BaseModel
from pydantic_core import to_json
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response, StreamingResponse
from starlette.routing import Route, Router
from starlette.types import Message, Receive, Scope, Send

from server import errors
from server.errors import ApiError, ServiceUnavailable
from server.log import log, log_defect
from server.request_models import is_uuid, validate
from server.response_models import Error, ErrorDetail

BODY_BYTES_MAX = 64 * 1024
BODY_TIMEOUT_S = 4.0  # for the client to send its body
REQUEST_DEADLINE_S = 4.5  # less than the 5 s in which every request must be answered


@dataclass(frozen=True, slots=True)
class Identity:
    """The caller: `id` (uuid, lower case) and `role` (`mitra`, `client` or `operator`)."""

    id: str
    role: str


@dataclass(frozen=True, slots=True)
class Call:
    """One request as a handler sees it."""

    request: Request
    identity: Identity
    path_id: str  # the uuid in the path, lower case; "" where the path has none

    @property
    def user_id(self) -> str:
        return self.identity.id


# Takes a Call, and `body` or `query` if it declares them. Returns a model of the answer, None (204) or a Response.
Handler = Callable[..., Awaitable[object]]


@dataclass(frozen=True, slots=True)
class Guard:
    """Who may call a route.

    `check` identifies the caller or raises an ApiError. `security`: the security scheme of the OpenAPI document, "" for
    none. `refuses`: the codes that `check` raises.
    """

    check: Callable[[Request], Awaitable[Identity]]
    security: str = ""
    refuses: tuple[str, ...] = ()


class Observer(Protocol):
    """Called with every answer: the metrics."""

    def observe(self, listener: str, method: str, route: str, status: int, seconds: float) -> None: ...


def json_response(value: object, status: int = 200, headers: dict[str, str] | None = None) -> Response:
    """`value`, a model or plain data, as JSON; times as ISO-8601 with `Z`."""
    return Response(to_json(value), status_code=status, headers=headers, media_type="application/json")


def _error_response(error: ApiError) -> Response:
    answer = Error(error=ErrorDetail(code=error.code, message=error.message))
    return json_response(answer, error.status, error.headers)


def _path_id(request: Request) -> str:
    """The uuid in the path, in lower case. Raises 400 VALIDATION_ERROR."""
    text = request.path_params["id"]
    if not is_uuid(text):
        raise errors.validation_error("the id in the path must be a uuid")
    return text.lower()


async def _json_body(request: Request) -> object:
    """The body, decoded. Raises 413 or 400 BAD_JSON."""
    try:
        return orjson.loads(await _received(request))
    except orjson.JSONDecodeError as error:
        raise errors.bad_json() from error


async def _received(request: Request) -> bytes:
    declared = request.headers.get("content-length", "")
    if declared.isascii() and declared.isdigit() and int(declared[:18]) > BODY_BYTES_MAX:
        raise errors.payload_too_large(BODY_BYTES_MAX)
    body = bytearray()
    try:
        async with asyncio.timeout(BODY_TIMEOUT_S):
            async for chunk in request.stream():
                body += chunk
                if len(body) > BODY_BYTES_MAX:
                    raise errors.payload_too_large(BODY_BYTES_MAX)
    except TimeoutError as error:
        raise errors.bad_json(f"the body did not arrive within {BODY_TIMEOUT_S:g} s") from error
    return bytes(body)


def json_list(request: Request, name: str, pages: AsyncIterator[Sequence[object]]) -> Response:
    """A JSON object with one long list, sent page by page. Each page has REQUEST_DEADLINE_S.

    If a page fails, the answer breaks off, which the client can tell from a complete one.
    """

    async def parts() -> AsyncIterator[bytes]:
        yield b'{"%b":[' % name.encode()
        between = b""
        async for page in pages:
            yield between + to_json(page)[1:-1]
            between = b","
            request.scope["deadline"].reschedule(asyncio.get_running_loop().time() + REQUEST_DEADLINE_S)
        yield b"]}"

    return StreamingResponse(parts(), media_type="application/json")


@dataclass(frozen=True)
class Endpoint:
    """One route's ASGI application: first the guard, then the handler. The OpenAPI document is made from the same fields.

    `refuses`: codes beyond those that guard, body and path imply. `also`: other statuses with which the handler returns
    the same model. The handler's docstring and annotations give the rest: its parameters `body` and `query` are annotated
    with models of `server.request_models`, its return value with one of `server.response_models`.
    """

    method: str
    path: str
    handler: Handler
    guard: Guard
    refuses: Sequence[str] = ()
    status: int = 200
    also: Collection[int] = ()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        scope["route_path"] = self.path
        request = Request(scope, receive)
        identity = await self.guard.check(request)
        call = Call(request, identity, _path_id(request) if self.has_id else "")
        if self.body:
            answer = await self.handler(call, body=validate(self.body, await _json_body(request)))
        elif self.query:
            answer = await self.handler(call, query=validate(self.query, dict(request.query_params)))
        else:
            answer = await self.handler(call)
        await self._response(answer)(scope, receive, send)

    @cached_property
    def has_id(self) -> bool:
        return "{id}" in self.path

    @cached_property
    def body(self) -> type[BaseModel] | None:
        """The model of the body; None if the handler takes none."""
        return self.handler.__annotations__.get("body")

    @cached_property
    def query(self) -> type[BaseModel] | None:
        """The model of the query parameters; None if the handler takes none."""
        return self.handler.__annotations__.get("query")

    def _response(self, answer: object) -> Response:
        if isinstance(answer, Response):
            return answer
        return Response(status_code=204) if answer is None else json_response(answer, self.status)


class Listener:
    """The ASGI application of one port: every exception becomes the contract's error, never a bare 500."""

    def __init__(self, name: str, endpoints: Iterable[Endpoint], observer: Observer) -> None:
        """The router tries `endpoints` in their order."""
        self._name = name
        routes = [Route(endpoint.path, endpoint, methods=[endpoint.method]) for endpoint in endpoints]
        self._router = Router(routes=routes, redirect_slashes=False)
        self._observer = observer

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return
        scope["app"] = self  # makes Starlette raise 404 and 405 instead of answering them itself
        status = 0

        async def sending(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
            await send(message)

        started = time.perf_counter()
        error = await self._run(scope, receive, sending)
        if error is not None and status == 0:
            await _error_response(error)(scope, receive, sending)
        path = scope.get("route_path", "")
        self._observer.observe(self._name, scope["method"], path, status, time.perf_counter() - started)

    async def _run(self, scope: Scope, receive: Receive, send: Send) -> ApiError | None:
        """Serve the request. Returns the error to answer with, if it raised one."""
        try:
            async with asyncio.timeout(REQUEST_DEADLINE_S) as scope["deadline"]:
                await self._router(scope, receive, send)
        except ServiceUnavailable as error:
            log(f"[postgres] unavailable: {error.cause or 'no cause given'}")
            return error
        except ApiError as error:
            return error
        except HTTPException as error:
            if error.status_code == 405:
                return errors.method_not_allowed((error.headers or {}).get("Allow", "another method"))
            return errors.not_found("path")
        except ClientDisconnect:
            return None
        except TimeoutError:
            log(f"[http] {scope['method']} {scope['path']} took over {REQUEST_DEADLINE_S:g} s, answered 503")
            return ServiceUnavailable("deadline of the request")
        except Exception as error:
            log_defect("http", error)
            return errors.internal_error()
        return None
