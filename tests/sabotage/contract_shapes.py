"""Defects of the form of an answer that only requests made from the contract's OpenAPI document find."""

from typing import Any

from tests.sabotage.entry import sabotage

EDGES = ("--stage", "edges")


@sabotage("settings-are-text", "The settings are answered as texts.", "API-03", by=EDGES)
def settings_are_text() -> None:
    from server import asgi, routes_internal

    async def config(self: Any, call: Any) -> Any:
        settings = await self._mirror.app_config.all()
        return asgi.json_response({"config": {key: str(value) for key, value in settings.items()}})

    config.__annotations__ = routes_internal.InternalRoutes.config.__annotations__
    routes_internal.InternalRoutes.config = config  # type: ignore[method-assign]
