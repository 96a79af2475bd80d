"""The API's own description, on each listener: `/openapi.json` for tools, `/docs` for people (one page, no script)."""

import asyncio
from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from starlette.responses import Response

from server.asgi import Call, Endpoint, Guard, json_response

TEMPLATE = Path(__file__).with_name("docs.html")


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
        return Response(self._page, media_type="text/html")

    async def _document(self) -> dict[str, Any]:
        if self._made is None:
            self._made = await asyncio.to_thread(self._make)  # the pings go on while pydantic is imported
        return self._made

    def _make(self) -> dict[str, Any]:
        from server.openapi import document

        return document(*self._about, self._described)


def page(document: dict[str, Any]) -> str:
    """The document as HTML that needs nothing from elsewhere."""
    from jinja2 import Environment

    environment = Environment(autoescape=True, trim_blocks=True, lstrip_blocks=True)
    environment.filters["words"] = words
    groups: dict[str, list[dict[str, Any]]] = defaultdict(list)
    for path, operations in document["paths"].items():
        for method, operation in operations.items():
            groups[operation["tags"][0]].append({"method": method.upper(), "path": path, **operation})
    return environment.from_string(TEMPLATE.read_text()).render(document=document, groups=groups)


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
