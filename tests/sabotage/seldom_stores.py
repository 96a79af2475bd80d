"""Defects while a store is away, and of numbers, that break one sentence of the contract each, none of which another file has."""

from typing import Any

from tests.sabotage.entry import sabotage

ENVIRONMENT, EDGES = ("--stage", "environment"), ("--stage", "edges")
OUTAGES, NUMBERS = ("--stage", "outages"), ("--stage", "numbers")


def with_postgres(owner: Any, method: str) -> None:
    """This method of a handler asks Postgres first."""
    whole = getattr(owner, method)

    async def asking(self: Any, call: Any) -> Any:
        await self._db.fetchval("SELECT 1")
        return await whole(self, call)

    asking.__annotations__ = whole.__annotations__
    setattr(owner, method, asking)


@sabotage("ping-asks-postgres", "A ping is 503 while Postgres is stopped.", "OUTAGE-08", by=ENVIRONMENT)
def ping_asks_postgres() -> None:
    from server.routes_public import PublicRoutes

    with_postgres(PublicRoutes, "heartbeat")


@sabotage(
    "providers-ask-postgres", "The list of providers is 503 while Postgres is stopped.", "HTTP-19", by=ENVIRONMENT
)
def providers_ask_postgres() -> None:
    from server.routes_public import PublicRoutes

    with_postgres(PublicRoutes, "providers")
