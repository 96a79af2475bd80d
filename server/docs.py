"""The API's own description, on each listener: `/openapi.json` for tools, `/docs` as a page for people.

The page needs nothing from elsewhere: style and script stand in it, and it sends requests to its own listener alone.
"""

import asyncio
import json
import re
from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from starlette.responses import Response

from server.asgi import Call, Endpoint, Guard, json_response

TEMPLATE = Path(__file__).with_name("docs.html")
# The browser itself keeps the page from loading or sending anything elsewhere: an operator pastes a token into it.
PAGE_HEADERS = {
    "content-security-policy": "default-src 'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline'; "
    "connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
}


class Docs:
    """Describes the routes of one listener. Both answers are made once, at the first call."""

    def __init__(self, title: str, description: str, endpoints: Sequence[Endpoint], guard: Guard) -> None:
        self._about = (title, description)
        self._described = endpoints
        self._guard = guard
        self._made: dict[str, Any] | None = None
        self._page: str | None = None

    def endpoints(self) -> list[Endpoint]:
        return [
            Endpoint("GET", "/openapi.json", self.openapi, self._guard),
            Endpoint("GET", "/docs", self.docs, self._guard),
        ]

    async def openapi(self, call: Call) -> Response:
        """This listener's OpenAPI document."""
        return json_response(await self._document())

    async def docs(self, call: Call) -> Response:
        """This listener's routes as a page."""
        if self._page is None:
            self._page = await asyncio.to_thread(page, await self._document())
        return Response(self._page, media_type="text/html", headers=PAGE_HEADERS)

    async def _document(self) -> dict[str, Any]:
        if self._made is None:
            self._made = await asyncio.to_thread(self._make)  # in a thread, so that pings are answered meanwhile
        return self._made

    def _make(self) -> dict[str, Any]:
        from server.openapi import document

        return document(*self._about, self._described)


def page(document: dict[str, Any]) -> str:
    """The document as HTML."""
    from jinja2 import Environment

    environment = Environment(autoescape=True, trim_blocks=True, lstrip_blocks=True)
    environment.filters["words"] = words
    schemas = document["components"]["schemas"]
    bodies: set[str] = set()
    groups: dict[str, list[dict[str, Any]]] = defaultdict(list)
    for path, operations in document["paths"].items():
        for method, operation in operations.items():
            model = _body_model(operation)
            bodies.add(model)
            body = json.dumps(example(schemas[model])) if model else ""
            curl = curl_command(method.upper(), path, bool(operation.get("security")), body)
            groups[operation["tags"][0]].append(
                {"method": method.upper(), "path": path, "body": body, "model": model, "curl": curl, **operation}
            )
    return environment.from_string(TEMPLATE.read_text()).render(document=document, groups=groups, bodies=bodies)


def _body_model(operation: dict[str, Any]) -> str:
    """The name of the body's schema; "" where the route takes no body."""
    if "requestBody" not in operation:
        return ""
    return words(operation["requestBody"]["content"]["application/json"]["schema"])


def curl_command(method: str, path: str, secured: bool, body: str) -> str:
    """A line for a POSIX shell. The variables URL, TOKEN and those of the path, such as ID, are the reader's to set."""
    address = re.sub(r"{(\w+)}", lambda found: f"${found[1].upper()}", path)
    parts = ["curl"] + ([] if method == "GET" else [f"-X {method}"]) + [f'"$URL{address}"']
    if secured:
        parts.append('-H "Authorization: Bearer $TOKEN"')
    if body:
        parts.append(f"-H 'Content-Type: application/json' -d '{body}'")
    return " ".join(parts)


def example(schema: dict[str, Any]) -> dict[str, Any]:
    """A body that the schema allows, from the examples of its fields."""
    return {name: field["examples"][0] for name, field in schema["properties"].items()}


def words(schema: dict[str, Any]) -> str:
    """A schema in a few words: `uuid or null`, `whole number 1 to 86400`, `list of Mitra`."""
    if "$ref" in schema:
        return str(schema["$ref"]).rpartition("/")[2]
    if "anyOf" in schema:
        return " or ".join(map(words, schema["anyOf"]))
    if "allOf" in schema:
        return words(schema["allOf"][0])
    if "const" in schema:
        return f'"{schema["const"]}"'
    if "enum" in schema:
        return ", ".join(schema["enum"])
    kind = schema.get("type", "anything")
    if kind == "array":
        return f"list of {words(schema['items'])}"
    if kind == "object" and isinstance(schema.get("additionalProperties"), dict):
        return f"object of {words(schema['additionalProperties'])}s"
    if kind == "integer":
        return " ".join(filter(None, ("whole number", _range(schema))))
    return schema.get("format") or ("string, " if "pattern" in schema else "") + str(schema.get("pattern", kind))


def _range(schema: dict[str, Any]) -> str:
    low, high = schema.get("minimum"), schema.get("maximum")
    if low is None:
        return ""
    return f"{low} to {high}" if high is not None else f"from {low}"
