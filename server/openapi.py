"""The OpenAPI 3.1 document of a listener, made from the declarations of its routes."""

import re
from collections import defaultdict
from collections.abc import Sequence
from typing import Any, get_args, get_type_hints

from pydantic import TypeAdapter
from starlette.responses import Response
from typing_extensions import is_typeddict

from server import errors, shapes
from server.asgi import BODY_BYTES_MAX, Endpoint
from server.auth import ACCESS_TOKEN, INTERNAL_TOKEN
from server.inputs import UUID

_REF = "#/components/schemas/{model}"
_SCHEMES = {
    ACCESS_TOKEN: "a JWT (HS256) with sub, role and exp: what a sign-in gives, or one minted with JWT_SECRET.",
    INTERNAL_TOKEN: "the server's INTERNAL_API_TOKEN.",
}
_REASONS = {200: "Done", 201: "Made", 204: "Done, nothing to tell", 503: "Not serving"}
_BODY_REFUSES = ("BAD_JSON", "VALIDATION_ERROR", "PAYLOAD_TOO_LARGE")


def document(title: str, description: str, endpoints: Sequence[Endpoint]) -> dict[str, Any]:
    """The document as plain JSON; `endpoints` are those of one listener."""
    paths: dict[str, dict[str, Any]] = defaultdict(dict)
    for endpoint in endpoints:
        paths[endpoint.path][endpoint.method.lower()] = _operation(endpoint)
    answers = [answer for answer in map(_answer, endpoints) if is_typeddict(answer)]
    unique = dict.fromkeys((*answers, shapes.Error))
    _, definitions = TypeAdapter.json_schemas(
        [(shape, "serialization", TypeAdapter(shape)) for shape in unique], ref_template=_REF
    )
    used = dict.fromkeys(endpoint.guard.security for endpoint in endpoints if endpoint.guard.security)
    return {
        "openapi": "3.1.0",
        "info": {"title": title, "version": "1", "description": description},
        "paths": dict(paths),
        "components": {
            "schemas": definitions["$defs"],
            "securitySchemes": {
                key(name): {"type": "http", "scheme": "bearer", "description": _SCHEMES[name]} for name in used
            },
        },
    }


def _operation(endpoint: Endpoint) -> dict[str, Any]:
    words = re.findall(r"\w+", endpoint.path)
    operation: dict[str, Any] = {
        "operationId": "_".join((endpoint.method.lower(), *words)).replace("-", "_"),
        "summary": " ".join((endpoint.handler.__doc__ or "").split()),
        "tags": [_tag(endpoint.path)],
    }
    if endpoint.guard.security:
        operation["security"] = [{key(endpoint.guard.security): []}]
    names = re.findall(r"{(\w+)}", endpoint.path)
    parameters = [{"name": name, "in": "path", "required": True, "schema": _path_schema(name)} for name in names]
    parameters += [{"name": name, "in": "query", "schema": kind.schema} for name, kind in endpoint.asks.items()]
    if parameters:
        operation["parameters"] = parameters
    if endpoint.takes:
        operation["requestBody"] = {"required": True, "content": _json(_body_schema(endpoint))}
    operation["responses"] = _responses(endpoint)
    return operation


def _responses(endpoint: Endpoint) -> dict[str, Any]:
    responses: dict[str, Any] = {}
    answer = _answer(endpoint)
    status = 204 if answer is type(None) else endpoint.status
    responses[str(status)] = {"description": _REASONS[status], **_content(answer)}
    for refused, codes in sorted(_refusals(endpoint).items()):
        responses[str(refused)] = {"description": " or ".join(codes), "content": _json(_error_schema(codes))}
    for told in endpoint.also:
        responses[str(told)] = {"description": _REASONS[told], "content": _json(_any_of(answer, told, endpoint))}
    return responses


def _any_of(shape: Any, status: int, endpoint: Endpoint) -> dict[str, Any]:
    """That shape, or the error that the same status has elsewhere."""
    codes = _refusals(endpoint).get(status)
    return {"anyOf": [_reference(shape), _error_schema(codes)]} if codes else _reference(shape)


def _refusals(endpoint: Endpoint) -> dict[int, list[str]]:
    """Status → codes: those of the guard, of body, path and query, the route's own, and Postgres' absence."""
    codes = [
        *endpoint.guard.refuses,
        *(_BODY_REFUSES if endpoint.takes else ()),
        *(("VALIDATION_ERROR",) if endpoint.has_id or endpoint.asks else ()),
        *endpoint.refuses,
        "SERVICE_UNAVAILABLE",
    ]
    by_status: dict[int, list[str]] = defaultdict(list)
    for code in dict.fromkeys(codes):
        by_status[errors.STATUS[code]].append(code)
    return by_status


def _answer(endpoint: Endpoint) -> Any:
    """The handler's return annotation: a shape (perhaps made into a Response already), None, or a Response, which is text."""
    annotated = get_type_hints(endpoint.handler, localns={"shapes": shapes}).get("return")
    shape = [answer for answer in get_args(annotated) if answer is not Response]
    return shape[0] if shape else annotated


def _content(answer: Any) -> dict[str, Any]:
    if answer is type(None):
        return {}
    if is_typeddict(answer):
        return {"content": _json(_reference(answer))}
    if isinstance(answer, type) and issubclass(answer, Response):
        return {"content": {"text/plain": {"schema": {"type": "string"}}}}
    return {"content": _json({"type": "object"})}


def _body_schema(endpoint: Endpoint) -> dict[str, Any]:
    return {
        "type": "object",
        "properties": {name: kind.schema for name, kind in endpoint.takes.items()},
        "required": list(endpoint.takes),
        "description": f"at most {BODY_BYTES_MAX} bytes; members that are not named here are ignored",
    }


def _path_schema(name: str) -> dict[str, Any]:
    return UUID.schema if name == "id" else {"type": "string", "minLength": 1}


def _error_schema(codes: Sequence[str]) -> dict[str, Any]:
    code = {"properties": {"error": {"properties": {"code": {"enum": list(codes)}}}}}
    return {"allOf": [_reference(shapes.Error), code]}


def _reference(shape: Any) -> dict[str, Any]:
    return {"$ref": _REF.format(model=shape.__name__)}


def _json(schema: dict[str, Any]) -> dict[str, Any]:
    return {"application/json": {"schema": schema}}


def _tag(path: str) -> str:
    """`/api/mitra/status/online` → `/api/mitra`: what belongs together begins alike. `/readyz` → `/`."""
    parts = path.split("/")
    return "/".join(parts[:3]) if len(parts) > 2 else "/"


def key(scheme: str) -> str:
    """`access token` → `accessToken`."""
    first, *rest = scheme.split()
    return first + "".join(map(str.capitalize, rest))
