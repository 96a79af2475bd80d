"""Defects of connections: heads that are too long or never complete, clients that are silent, and an unread log."""

from typing import Any

from tests.sabotage.entry import sabotage

EDGES, NUMBERS, ENVIRONMENT = ("--stage", "edges"), ("--stage", "numbers"), ("--stage", "environment")


@sabotage("heads-of-a-mebibyte", "Heads of up to 1 MiB are served.", "HTTP-15", by=EDGES)
def heads_of_a_mebibyte() -> None:
    from server import connections

    connections.HEAD_BYTES_MAX = 1024 * 1024


@sabotage("heads-of-any-size", "A head is served, however long it is.", "HTTP-14", by=EDGES)
def heads_of_any_size() -> None:
    from server import connections

    connections.HEAD_BYTES_MAX = 1024**3


@sabotage("half-a-head-may-stay", "A connection with an incomplete head stays open for an hour.", "HTTP-16", by=NUMBERS)
def half_a_head_may_stay() -> None:
    from server import connections

    connections.REQUEST_ARRIVES_WITHIN_S = 3600.0


@sabotage(
    "three-hundred-connections",
    "With 300 connections open a new one is closed at once, however long the others have sent nothing.",
    "HTTP-17",
    by=NUMBERS,
)
def three_hundred_connections() -> None:
    from server import connection_limit

    connection_limit.connections_max = lambda: 300
    connection_limit.ConnectionLimit._evict = lambda self: 0  # type: ignore[method-assign]


@sabotage(
    "log-stops-the-server", "While nobody reads the log, each line waits for a reader.", "STOP-06", by=ENVIRONMENT
)
def log_stops_the_server() -> None:
    from server import streams

    streams.install = lambda: None


@sabotage("lines-come-in-blocks", "Log lines are written 3 s after their event.", "LOG-09", by=ENVIRONMENT)
def lines_come_in_blocks() -> None:
    import time

    from server.streams import Stream

    write = Stream._write

    def later(self: Stream, data: memoryview) -> None:
        time.sleep(3.0)
        write(self, data)

    Stream._write = later  # type: ignore[method-assign]


@sabotage(
    "fallbacks-without-a-line",
    "Nothing is logged when a request falls back to Postgres.",
    "LOG-04",
    "LOG-05",
    "LOG-06",
    by=ENVIRONMENT,
)
def fallbacks_without_a_line() -> None:
    from server.mirror import heartbeat, reads

    for module in (heartbeat, reads):
        module.log = lambda text: None  # type: ignore[attr-defined]


@sabotage("seeds-without-a-line", "A seed logs nothing.", "LOG-02", by=ENVIRONMENT)
def seeds_without_a_line() -> None:
    from server.mirror import seed

    seed.log = lambda text: None


@sabotage("stop-waits-for-a-second", "SIGTERM cuts off what is not answered after 1 s.", "STOP-05", by=ENVIRONMENT)
def stop_waits_for_a_second() -> None:
    from server.listeners import Port

    stop = Port.stop

    async def soon(self: Any, drain_s: float) -> None:
        await stop(self, 1.0)

    Port.stop = soon  # type: ignore[method-assign]


@sabotage(
    "stop-asks-valkey",
    "Before it ends, the server sends Valkey a command and waits for the answer without a limit.",
    "STOP-03",
    by=ENVIRONMENT,
)
def stop_asks_valkey() -> None:
    from contextlib import suppress

    from redis.asyncio import Redis
    from redis.exceptions import RedisError

    from server.app import App

    stop = App.stop

    async def after_a_farewell(self: Any) -> None:
        with suppress(RedisError, OSError):
            await Redis.from_url(self.settings.valkey_url, socket_timeout=None).publish("farewell", "")
        await stop(self)

    App.stop = after_a_farewell  # type: ignore[method-assign]
