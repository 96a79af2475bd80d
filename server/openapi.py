"""The OpenAPI 3.1 document of a listener, made from the declarations of its routes and the models that they name."""

import re
from collections import defaultdict
from collections.abc import Sequence
from typing import Any, get_args, get_type_hints

from pydantic import BaseModel, TypeAdapter
from pydantic.json_schema import JsonSchemaMode, models_json_schema
from starlette.responses import Response

from server import errors
from server.asgi import BODY_BYTES_MAX, Endpoint
from server.auth import ACCESS_TOKEN, INTERNAL_TOKEN
from server.request_models import Uuid
from server.response_models import Error

_REF = "#/components/schemas/{model}"
_SCHEMES = {
    ACCESS_TOKEN: "a JWT (HS256) with sub, role and exp: what a sign-in gives, or one minted with JWT_SECRET.",
    INTERNAL_TOKEN: "the server's INTERNAL_API_TOKEN.",
}
_REASONS = {200: "OK", 201: "Created", 204: "No content", 503: "Not serving"}
_BODY = f"At most {BODY_BYTES_MAX} bytes; fields that are not named here are ignored."
_BODY_REFUSES = ("BAD_JSON", "VALIDATION_ERROR", "PAYLOAD_TOO_LARGE")
_PATH = {"id": TypeAdapter(Uuid).json_schema(), "key": {"type": "string", "minLength": 1}}


def document(title: str, description: str, endpoints: Sequence[Endpoint]) -> dict[str, Any]:
    """The document as plain JSON; `endpoints` are those of one listener."""
    paths: dict[str, dict[str, Any]] = defaultdict(dict)
    models: list[tuple[type[BaseModel], JsonSchemaMode]] = [(Error, "serialization")]
    for endpoint in endpoints:
        paths[endpoint.path][endpoint.method.lower()] = _operation(endpoint)
        if endpoint.body:
            models.append((endpoint.body, "validation"))
        if issubclass(answer := _answer(endpoint), BaseModel):
            models.append((answer, "serialization"))
    _, definitions = models_json_schema(models, ref_template=_REF)
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
    parameters = [{"name": name, "in": "path", "required": True, "schema": _PATH[name]} for name in names]
    if endpoint.query:
        parameters += [
            {"name": name, "in": "query", "schema": _without_default(schema)}
            for name, schema in endpoint.query.model_json_schema()["properties"].items()
        ]
    if parameters:
        operation["parameters"] = parameters
    if endpoint.body:
        operation["requestBody"] = {
            "required": True,
            "description": _BODY,
            "content": _json(_reference(endpoint.body)),
        }
    operation["responses"] = _responses(endpoint)
    return operation


def _without_default(schema: dict[str, Any]) -> dict[str, Any]:
    """The schema without its default, null: that is how a handler sees a missing parameter, and nobody can send it."""
    return {name: value for name, value in schema.items() if name != "default"}


def _responses(endpoint: Endpoint) -> dict[str, Any]:
    responses: dict[str, Any] = {}
    answer = _answer(endpoint)
    status = 204 if answer is type(None) else endpoint.status
    responses[str(status)] = {"description": _REASONS[status], **_content(answer)}
    for refused, codes in sorted(_refusals(endpoint).items()):
        responses[str(refused)] = {"description": " or ".join(codes), "content": _json(_error_schema(codes))}
    for other in endpoint.also:
        responses[str(other)] = {"description": _REASONS[other], "content": _json(_any_of(answer, other, endpoint))}
    return responses


def _any_of(answer: type[BaseModel], status: int, endpoint: Endpoint) -> dict[str, Any]:
    """The answer's schema, or the error that the same status has elsewhere."""
    codes = _refusals(endpoint).get(status)
    return {"anyOf": [_reference(answer), _error_schema(codes)]} if codes else _reference(answer)


def _refusals(endpoint: Endpoint) -> dict[int, list[str]]:
    """Status → error codes: those of the guard, of body, path and query, the route's own, and Postgres' absence."""
    codes = [
        *endpoint.guard.refuses,
        *(_BODY_REFUSES if endpoint.body else ()),
        *(("VALIDATION_ERROR",) if endpoint.has_id or endpoint.query else ()),
        *endpoint.refuses,
        "SERVICE_UNAVAILABLE",
    ]
    by_status: dict[int, list[str]] = defaultdict(list)
    for code in dict.fromkeys(codes):
        by_status[errors.STATUS[code]].append(code)
    return by_status


def _answer(endpoint: Endpoint) -> type[Any]:
    """The handler's return annotation: a model (or a Response made of it), NoneType, or Response alone, which is text."""
    annotated: type[Any] = get_type_hints(endpoint.handler)["return"]
    models = [alternative for alternative in get_args(annotated) if alternative is not Response]
    return models[0] if models else annotated


def _content(answer: type[Any]) -> dict[str, Any]:
    if answer is type(None):
        return {}
    if issubclass(answer, BaseModel):
        return {"content": _json(_reference(answer))}
    return {"content": {"text/plain": {"schema": {"type": "string"}}}}


def _error_schema(codes: Sequence[str]) -> dict[str, Any]:
    code = {"properties": {"error": {"properties": {"code": {"enum": list(codes)}}}}}
    return {"allOf": [_reference(Error), code]}


def _reference(model: type[BaseModel]) -> dict[str, Any]:
    return {"$ref": _REF.format(model=model.__name__)}


def _json(schema: dict[str, Any]) -> dict[str, Any]:
    return {"application/json": {"schema": schema}}


def _tag(path: str) -> str:
    """`/api/mitra/status/online` → `/api/mitra`: routes of one subject begin alike. `/readyz` → `/`."""
    parts = path.split("/")
    return "/".join(parts[:3]) if len(parts) > 2 else "/"


def key(scheme: str) -> str:
    """`access token` → `accessToken`."""
    first, *rest = scheme.split()
    return first + "".join(map(str.capitalize, rest))
