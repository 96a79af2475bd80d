"""Defects of starts and stops, of the environment, and of a server whose Postgres is away."""

from typing import Any

from tests.sabotage.entry import sabotage

ENVIRONMENT = ("--stage", "environment")


@sabotage("halves-of-a-second", "A duration of 1.5 s is taken as 1 s.", "ENV-04", by=ENVIRONMENT)
def halves_of_a_second() -> None:
    from server import config

    whole = config._whole

    def rounded(environ: Any, name: str, *more: Any) -> int:
        value = environ.get(name)
        return whole({name: value.partition(".")[0]} if value else environ, name, *more)

    config._whole = rounded


@sabotage("development-by-default", "An unset APP_ENV means development.", "ENV-07", by=ENVIRONMENT)
def development_by_default() -> None:
    from server import config

    one_of = config._one_of

    def lenient(environ: Any, name: str, choices: Any, default: str) -> str:
        return one_of(environ, name, choices, "development" if name == "APP_ENV" else default)

    config._one_of = lenient


@sabotage("development-code-in-production", "Production takes OTP_DEV_CODE.", "ENV-08", by=ENVIRONMENT)
def development_code_in_production() -> None:
    from server import config

    config._otp_dev_code = lambda environ, production: environ.get("OTP_DEV_CODE")  # type: ignore[assignment]


@sabotage("sweep-never", "0 for the sweep of auto-offline is taken as never.", "ENV-05", by=ENVIRONMENT)
def sweep_never() -> None:
    from server import config

    duration = config._duration
    config._duration = lambda environ, name, default, least: duration(environ, name, default, 0)


@sabotage("ready-without-postgres", "/readyz is 200 while Postgres is stopped.", "READY-03", by=ENVIRONMENT)
def ready_without_postgres() -> None:
    from server.routes_internal import InternalRoutes

    ready = InternalRoutes.ready

    async def always(self: Any, call: Any) -> Any:
        answer = await ready(self, call)
        if getattr(answer, "status_code", 200) == 503:
            answer.status_code = 200
        return answer

    always.__annotations__ = ready.__annotations__
    InternalRoutes.ready = always  # type: ignore[method-assign]


@sabotage("left-set-stays", "A start with nobody online leaves `mitras:online` as it is.", "START-07", by=ENVIRONMENT)
def left_set_stays() -> None:
    from server.mirror.seed import Seeder

    swap = Seeder._swap

    async def unless_empty(self: Seeder, nonce: str, rows: Any, prefix: Any, grace: bool) -> Any:
        left = await self._valkey.redis.smembers("mitras:online")
        done = await swap(self, nonce, rows, prefix, grace)
        if left and not any(row["is_online"] for row in rows):
            await self._valkey.redis.sadd("mitras:online", *left)
        return done

    Seeder._swap = unless_empty  # type: ignore[method-assign]


@sabotage("old-chats-stay", "A chat whose time ran out while no server ran is never ended.", "START-06", by=ENVIRONMENT)
def old_chats_stay() -> None:
    from server.timers import Timers

    arm = Timers.arm

    def unless_late(self: Any, session_id: str, left_seconds: Any, delay_s: float = 0.0) -> None:
        if left_seconds is None or float(left_seconds) > -60:
            arm(self, session_id, left_seconds, delay_s)

    Timers.arm = unless_late  # type: ignore[method-assign]


@sabotage("stop-drops-requests", "SIGTERM cuts off the requests in flight.", "STOP-02", by=ENVIRONMENT)
def stop_drops_requests() -> None:
    from server.listeners import Port

    stop = Port.stop

    async def at_once(self: Any, drain_s: float) -> None:
        await stop(self, 0.01)

    Port.stop = at_once  # type: ignore[method-assign]


@sabotage("stop-takes-offline", "SIGTERM sets every mitra offline.", "STOP-01", by=ENVIRONMENT)
def stop_takes_offline() -> None:
    from server.app import App

    stop = App.stop

    async def all_offline(self: Any) -> None:
        await self.db.execute("UPDATE mitra_online_status SET is_online = false")
        await stop(self)

    App.stop = all_offline  # type: ignore[method-assign]


@sabotage("unknown-database", "A database of Valkey that is no number is taken as 0.", "ENV-12", by=ENVIRONMENT)
def unknown_database() -> None:
    import os
    from urllib.parse import urlsplit

    url = urlsplit(os.environ.get("VALKEY_URL", "redis://127.0.0.1/0"))
    if not url.path.lstrip("/").isdigit():
        os.environ["VALKEY_URL"] = url._replace(path="/0", query="").geturl()


@sabotage("database-0-alone", "Whatever VALKEY_URL says, database 0 is used.", "ENV-01", by=ENVIRONMENT)
def database_0_alone() -> None:
    import os
    from urllib.parse import urlsplit

    os.environ["VALKEY_URL"] = (
        urlsplit(os.environ.get("VALKEY_URL", "redis://127.0.0.1/0"))._replace(path="/0").geturl()
    )


@sabotage(
    "heartbeats-in-local-time",
    "Heartbeats are written in the local time of TZ, as if that were UTC.",
    "TIME-01",
    by=ENVIRONMENT,
)
def heartbeats_in_local_time() -> None:
    import time

    from server.mirror import keys

    stamp = keys.stamp
    keys.stamp = lambda at_ms, *more: stamp(at_ms + time.localtime().tm_gmtoff * 1000, *more)  # type: ignore[assignment]


@sabotage("bad-setting-is-one", "A row of app_config that holds no setting is taken for 1.", "TABLE-07", by=ENVIRONMENT)
def bad_setting_is_one() -> None:
    from server.mirror import settings

    in_force = settings.in_force

    def lenient(key: str, stored: Any) -> int:
        found = in_force(key, stored)
        return 1 if stored is not None and found == settings.DEFAULTS[key] else found

    settings.in_force = lenient


@sabotage("reroute-to-nobody", "A reroute to a mitra who does not exist is 409.", "REROUTE-02", by=("--stage", "edges"))
def reroute_to_nobody() -> None:
    from server import chats

    not_found = chats.errors.not_found
    chats.errors.not_found = lambda what: chats.errors.mitra_unreachable() if what == "mitra" else not_found(what)
