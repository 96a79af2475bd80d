"""Defects of a contract run, as a hurried team makes them: the mirror, settings, jobs, the control center and the process."""

from typing import Any

from tests.sabotage.entry import replace_in, sabotage

EDGES = ("--stage", "edges")
ENVIRONMENT = ("--stage", "environment")
PAIRS = ("--stage", "pairs")
RACES = ("--stage", "races")

# --- who is there --------------------------------------------------------------------------------------------


@sabotage(
    "stale-after-keeps-the-snapshot",
    "A change of `stale_after_seconds` leaves the snapshot as it is.",
    "BEACON-05",
    by=EDGES,
)
def stale_after_keeps_the_snapshot() -> None:
    from server.mirror import keys, settings

    async def by_key(self: Any, key: str) -> None:
        deleted = [("DEL", keys.SNAPSHOT, keys.LEASE)] if key == "max_customers_per_mitra" else []
        await self._valkey.write_all([*deleted, ("PUBLISH", keys.CHANNEL, f'{{"key": "{key}"}}')])

    changed = settings.AppConfig.changed
    kept: list[bool] = []

    async def drop(self: Any) -> None:
        if not kept:
            await self._valkey.call("DEL", keys.SNAPSHOT, keys.LEASE)

    async def read_alone(self: Any) -> None:
        before = self.max_customers
        kept.append(True)
        try:
            await changed(self)
        finally:
            kept.pop()
        if before != self.max_customers:
            await drop(self)

    settings.AppConfig.notify_peers = by_key  # type: ignore[method-assign]
    settings.AppConfig.drop_snapshot = drop  # type: ignore[method-assign]
    settings.AppConfig.changed = read_alone  # type: ignore[method-assign]


@sabotage(
    "unknown-is-401-in-an-outage", "While Valkey is away, a ping of an unknown mitra is 401.", "AUTH-19", by=PAIRS
)
def unknown_is_401_in_an_outage() -> None:
    from server import errors
    from server.mirror.heartbeat import Heartbeat

    in_postgres = Heartbeat.in_postgres

    async def strict(self: Any, mitra_id: str, began: float | None = None) -> bool:
        if await self._db.fetchval("SELECT true FROM mitras WHERE id = $1", mitra_id) is None:
            raise errors.unauthenticated("the subject of the token is unknown")
        return await in_postgres(self, mitra_id, began)

    Heartbeat.in_postgres = strict  # type: ignore[method-assign]


# --- the control center --------------------------------------------------------------------------------------


@sabotage("list-of-five-seconds-ago", "The list of all mitras is up to 5 s old.", "OPS-03", by=PAIRS)
def list_of_five_seconds_ago() -> None:
    import time

    from server import mitras

    page = mitras.page
    kept: dict[Any, tuple[float, Any]] = {}

    async def cached(db: Any, after: str | None, limit: int) -> Any:
        at, rows = kept.get((after, limit), (0.0, None))
        if rows is None or time.monotonic() - at > 5:
            rows = await page(db, after, limit)
            kept[after, limit] = time.monotonic(), rows
        return rows

    mitras.page = cached


@sabotage("only-who-was-online-once", "A mitra who never was online is missing in the list of all.", "OPS-03", by=PAIRS)
def only_who_was_online_once() -> None:
    from server import mitras

    replace_in(mitras, "_SHOWN", "LEFT JOIN mitra_online_status", "JOIN mitra_online_status")


@sabotage(
    "second-change-is-lost",
    "A change of a setting within 2 s of another one is not read by the other instances.",
    "CONFIG-04",
    by=RACES,
)
def second_change_is_lost() -> None:
    import time

    from server.mirror import settings

    changed = settings.AppConfig.changed
    latest = [0.0]

    async def calm(self: Any) -> None:
        if time.monotonic() - latest[0] < 2:
            self.reading_owed = False
            await self.drop_snapshot()
            return
        latest[0] = time.monotonic()
        await changed(self)

    settings.AppConfig.changed = calm  # type: ignore[method-assign]


# --- jobs ----------------------------------------------------------------------------------------------------


@sabotage(
    "heartbeats-of-the-active",
    "The heartbeats of deactivated mitras are not written to Postgres.",
    "BATCH-04",
    by=ENVIRONMENT,
)
def heartbeats_of_the_active() -> None:
    from server.mirror import sweeps

    replace_in(
        sweeps, "_MIRROR", "WHERE s.last_heartbeat_at IS NULL",
        "JOIN mitras AS m ON m.id = s.mitra_id AND m.is_active WHERE s.last_heartbeat_at IS NULL",
    )  # fmt: skip


@sabotage(
    "no-load-is-not-seeded",
    "A seed leaves the capacity key of an online mitra without chats as it is.",
    "KEY-08",
    by=ENVIRONMENT,
)
def no_load_is_not_seeded() -> None:
    from server.mirror import scripts

    replace_in(
        scripts,
        "SEED",
        "capacities[#capacities + 1] = 'mitra:capacity:' .. id\n      capacities[#capacities + 1] = loads[index] or '0'",
        "if loads[index] ~= '0' or redis.call('EXISTS', 'mitra:capacity:' .. id) == 0 then\n"
        "        capacities[#capacities + 1] = 'mitra:capacity:' .. id\n"
        "        capacities[#capacities + 1] = loads[index]\n      end",
    )


# --- errors and the process ----------------------------------------------------------------------------------


@sabotage("lost-load-is-not-logged", "A capacity that Valkey refused to take is not logged.", "LOG-03", by=ENVIRONMENT)
def lost_load_is_not_logged() -> None:
    from server.mirror import writes

    log = writes.log

    def less(line: str) -> None:
        if "recomputeCapacity" not in line:
            log(line)

    writes.log = less


@sabotage(
    "stopped-in-an-outage-is-1", "The exit code after SIGTERM is 1 while Valkey is away.", "STOP-04", by=ENVIRONMENT
)
def stopped_in_an_outage_is_1() -> None:
    import atexit
    import os

    from server.app import App

    stop = App.stop

    async def noting(self: App) -> None:
        away = self.mirror.metrics().get("warm") == 0
        await stop(self)
        if away:
            atexit.register(os._exit, 1)

    App.stop = noting  # type: ignore[method-assign]


@sabotage("whole-by-int", "Blanks, signs and underscores are allowed in durations.", "ENV-04", by=ENVIRONMENT)
def whole_by_int() -> None:
    from server import config

    whole = config._whole

    def by_int(environ: Any, name: str, *rest: Any) -> int:
        value = environ.get(name)
        try:
            environ = {**environ, name: str(int(value))} if value is not None else environ
        except ValueError:
            pass
        return whole(environ, name, *rest)

    config._whole = by_int
