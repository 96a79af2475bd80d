"""Defects of the environment and of starts that break one sentence of the contract each, none of which another file has."""

from typing import Any

from tests.sabotage.entry import replace_in, sabotage

ENVIRONMENT, EDGES = ("--stage", "environment"), ("--stage", "edges")


# --- the environment -----------------------------------------------------------------------------------------


@sabotage("short-secrets-in-production", "Production takes secrets of any length.", "ENV-10", by=ENVIRONMENT)
def short_secrets_in_production() -> None:
    from server import config

    config.SECRET_BYTES_MIN = 1


@sabotage("every-address", "The listeners are bound to every address, whatever HOST says.", "ENV-13", by=ENVIRONMENT)
def every_address() -> None:
    from server import app

    bind = app.bind
    app.bind = lambda host, port: bind("0.0.0.0", port)


# --- starts --------------------------------------------------------------------------------------------------


@sabotage("start-seeds-twice", "A start seeds twice, and logs both.", "START-04", by=ENVIRONMENT)
def start_seeds_twice() -> None:
    from server.mirror.watchdog import Watchdog

    first_seed = Watchdog.first_seed

    async def twice(self: Watchdog) -> None:
        await first_seed(self)
        await self._seed(grace=True)

    Watchdog.first_seed = twice  # type: ignore[method-assign]


# --- what a start finds in the stores ------------------------------------------------------------------------


@sabotage(
    "seed-leaves-heartbeats", "A seed leaves the heartbeat keys of those who are offline.", "KEY-08", by=ENVIRONMENT
)
def seed_leaves_heartbeats() -> None:
    from server.mirror import scripts

    replace_in(scripts, "STRAYS", "if is_online == 0 then", "if false then")
    replace_in(
        scripts, "SEED",
        "redis.call('DEL', 'mitra:heartbeat:' .. id, 'mitra:capacity:' .. id)", "redis.call('DEL', 'mitra:capacity:' .. id)",
    )  # fmt: skip


@sabotage("missing-capacity-is-zero", "A mitra without a capacity key counts as free.", "KEY-09", by=ENVIRONMENT)
def missing_capacity_is_zero() -> None:
    from server.mirror.reads import PostgresReads

    async def none(self: PostgresReads, mitra_ids: list[str]) -> dict[str, int]:
        return dict.fromkeys(mitra_ids, 0)

    PostgresReads.loads = none  # type: ignore[method-assign]


@sabotage(
    "seed-keeps-unknown-ids",
    "A seed leaves ids in `mitras:online` that `mitras` does not have.",
    "KEY-10",
    by=ENVIRONMENT,
)
def seed_keeps_unknown_ids() -> None:
    from server.mirror import scripts

    replace_in(
        scripts, "SEED_SWAP", "for index, key in ipairs({ online, deactivated, versions }) do",
        "if was_online then redis.call('SUNIONSTORE', online, online, KEYS[2]) end\n"
        "for index, key in ipairs({ online, deactivated, versions }) do",
    )  # fmt: skip


@sabotage(
    "unknown-ids-get-rows", "A start audits the ids of Valkey that `mitras` does not have.", "TABLE-08", by=ENVIRONMENT
)
def unknown_ids_get_rows() -> None:
    from contextlib import suppress

    import asyncpg

    from server.mirror.seed import Seeder

    alone = Seeder._alone
    audit = "INSERT INTO mitra_online_logs (mitra_id, status) VALUES ($1::uuid, 'offline')"

    async def audited(self: Seeder, connection: Any, *more: Any) -> bool:
        own = await self._db.connect()  # a connection of its own, as the seed's transaction would keep the table locked
        try:
            await own.execute("ALTER TABLE mitra_online_logs DROP CONSTRAINT IF EXISTS mitra_online_logs_mitra_id_fkey")
            known = {row["id"] for row in await own.fetch("SELECT id FROM mitras")}
            for id in await self._valkey.redis.smembers("mitras:online"):
                if id not in known:
                    with suppress(asyncpg.PostgresError, asyncpg.DataError):
                        await own.execute(audit, id)
        finally:
            await own.close()
        return await alone(self, connection, *more)

    Seeder._alone = audited  # type: ignore[method-assign]


# --- health and stops ----------------------------------------------------------------------------------------


@sabotage("health-asks-postgres", "/healthz is 503 while Postgres is stopped.", "READY-01", by=ENVIRONMENT)
def health_asks_postgres() -> None:
    from server.routes_internal import InternalRoutes

    async def health(self: InternalRoutes, call: Any) -> Any:
        await self._db.fetchval("SELECT 1")
        return {"status": "ok"}

    InternalRoutes.health = health  # type: ignore[method-assign,assignment]


@sabotage("ready-while-stopping", "/readyz is 200 while the server stops.", "READY-02", by=ENVIRONMENT)
def ready_while_stopping() -> None:
    from server.app import App

    readiness = App.readiness

    async def always(self: App) -> Any:
        phase, self.phase = self.phase, "ready"
        try:
            return await readiness(self)
        finally:
            self.phase = phase

    App.readiness = always  # type: ignore[method-assign]


@sabotage("metrics-are-json", "/metrics is a JSON object.", "READY-04", by=EDGES)
def metrics_are_json() -> None:
    from server import routes_internal
    from server.asgi import json_response

    async def metrics(self: Any, call: Any) -> Any:
        return json_response({"requests": 1})

    metrics.__annotations__ = routes_internal.InternalRoutes.metrics.__annotations__
    routes_internal.InternalRoutes.metrics = metrics  # type: ignore[method-assign]


@sabotage("stop-exits-1", "The exit code after SIGTERM is 1.", "STOP-04", by=ENVIRONMENT)
def stop_exits_1() -> None:
    import os

    from server.app import App

    stop = App.stop

    async def failing(self: App) -> None:
        ready = self.phase == "ready"
        await stop(self)
        if ready:
            os._exit(1)

    App.stop = failing  # type: ignore[method-assign]
