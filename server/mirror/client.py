"""The connection to Valkey: bounded calls, and the one place that knows whether Valkey may be believed.

WARM: Valkey answers and holds a mirror of our Postgres. COLD: an outage, Postgres answers until a seed is done.
"""

import asyncio
import os
import socket
import ssl
import time
from collections.abc import Awaitable, Callable, Coroutine, Sequence
from typing import Any

from redis.asyncio import BlockingConnectionPool, Connection, Redis, SSLConnection, UnixDomainSocketConnection
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import ConnectionError as LostConnection
from redis.exceptions import NoScriptError, RedisError, ResponseError
from redis.exceptions import TimeoutError as SocketTimeout

from server.log import log
from server.mirror import keys
from server.mirror.clock import SharedClock

SOCKET_TIMEOUT_S = 0.25
CALL_TIMEOUT_S = 0.6  # the socket's timeout is per reply; this one is for the whole call
CONNECTIONS_MAX = 32
SILENCE_IS_OUTAGE_S = 1.0
# What is counted, all of it from 0: an alert on a counter that is not there yet would never come.
COUNTED = (
    "outages", "seeds", "seed_failures", "writes", "writes_fenced_off", "write_failures", "auto_offline",
    "skipped_auto_offline", "skipped_heartbeat_mirror", "fallbacks_heartbeat", "fallbacks_reachable",
    "fallbacks_available", "fallbacks_beacon", "fallbacks_dashboard", "postgres_restored",
)  # fmt: skip
# What Valkey's end has not taken by then is never to come: a lost packet that the kernel goes on sending after we gave
# the connection up would write an old heartbeat over a newer one. In milliseconds; Linux alone has it.
UNTAKEN_MS = {socket.TCP_USER_TIMEOUT: int(CALL_TIMEOUT_S * 1000)} if hasattr(socket, "TCP_USER_TIMEOUT") else {}


class MirrorUnavailable(Exception):
    """This call could not be served by Valkey; the message says why in one line. The caller falls back."""


class Valkey:
    """All calls to Valkey go through here. Raises MirrorUnavailable and nothing else."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.redis = connect(url, CONNECTIONS_MAX, self._refuse_another)
        self.prefix = ""  # `run_id|postgres|`, what a valid epoch begins with
        self.warm = False
        self.reason = "not seeded yet"  # why it is cold
        self.wake = asyncio.Event()  # tells the watchdog that something was noticed
        self.counts = dict.fromkeys(COUNTED, 0)
        self._scripts: dict[str, str] = {}
        self._failing_since: float | None = None
        self.refused_since: float | None = None  # monotonic; a write was refused and none is known to work since
        self.fleet = 0  # how many were online at the last seed
        self.eviction_policy = ""  # "" until it was asked
        self._slots = asyncio.Semaphore(CONNECTIONS_MAX)  # a crowd waits its turn: a full pool is no outage
        self.clock = SharedClock()

    @property
    def may_evict(self) -> bool:
        """Whether Valkey drops keys without a TTL when it is full."""
        return self.eviction_policy.startswith("allkeys-")

    @property
    def eviction_alert(self) -> str:
        """What to tell who runs this, in log and readiness; nothing while no key can be evicted unasked."""
        told = f"maxmemory-policy is {self.eviction_policy}: keys of the mirror may be evicted, set it to noeviction"
        return told if self.may_evict else ""

    def now_ms(self) -> int:
        """The time by Valkey's clock, which all instances share."""
        return self.clock.now_ms()

    def latest_believed_ms(self) -> int:
        """A heartbeat later than this was written by a clock that is wrong, or is no longer there."""
        return self.now_ms() + keys.FUTURE_MS_MAX

    def cold(self, why: str) -> None:
        """An outage begins: nothing is asked of Valkey until the watchdog has seeded it."""
        if self.warm:
            self.counts["outages"] += 1
            log(f"[valkey-mirror] outage: {why}; Postgres answers until the next seed")
        self.warm = False
        self.reason = why
        self.wake.set()

    async def bounded(self, call: Coroutine[Any, Any, Any]) -> Any:
        """Await one exchange; what it tells of Valkey's health is noted."""
        was_warm = self.warm
        try:
            await self._slots.acquire()
        except BaseException:
            call.close()
            raise
        try:
            if was_warm and not self.warm:  # an outage began while it waited
                call.close()
                raise MirrorUnavailable(self.reason)
            return await self._exchange(call)
        finally:
            self._slots.release()

    async def _exchange(self, call: Coroutine[Any, Any, Any]) -> Any:
        try:
            async with asyncio.timeout(CALL_TIMEOUT_S):
                reply = await call
        except ResponseError as error:
            self._failing_since = None  # it answers
            raise self.refusal(one_line(error)) from error
        except (SocketTimeout, TimeoutError) as error:
            self._failed("no answer in time")
            raise MirrorUnavailable("no answer in time") from error
        except LostConnection as error:
            self.cold(one_line(error))
            raise MirrorUnavailable(one_line(error)) from error
        except (RedisError, OSError) as error:
            self._failed(one_line(error))
            raise MirrorUnavailable(one_line(error)) from error
        self._failing_since = None
        return reply

    def refusal(self, error: str) -> MirrorUnavailable:
        """What Valkey said no with, noted for what it tells of its health."""
        if error.startswith("COLD"):
            self.cold("the mirror was lost")
        elif not error.startswith("WRONGTYPE"):  # that is one key's fault, healed by the next seed
            self.refused_since = self.refused_since or time.monotonic()
        return MirrorUnavailable(error)

    def _failed(self, why: str) -> None:
        now = time.monotonic()
        self._failing_since = self._failing_since or now
        if now - self._failing_since > SILENCE_IS_OUTAGE_S:
            self.cold(f"nothing has been answered for {now - self._failing_since:.1f} s: {why}")
        self.wake.set()

    async def _refuse_another(self, connection: Any) -> None:
        """A new connection may lead to another Valkey: a replica that was promoted holds a valid epoch of the old one.

        The watchdog would see it within a second; a sweep in that second would believe a copy that lags behind.
        """
        if not self.warm:
            return
        await connection.send_command("INFO", "server")
        try:
            info = await connection.read_response()
        except ResponseError:
            return  # it may not be asked: the watchdog tells
        if f"run_id:{self.prefix.partition('|')[0]}" not in info:
            raise LostConnection("another Valkey answers")

    async def check_writes(self) -> None:
        """Once writes have been refused for a second (READONLY, OOM, MISCONF, privileges) it is an outage.

        Reads would still work, but on heartbeats that stand still because the pings are refused.
        """
        if self.refused_since is None:
            return
        try:
            await self.call("SET", keys.PROBE, "1", "EX", 60)
            self.refused_since = None
        except MirrorUnavailable as error:
            if self.refused_since and time.monotonic() - self.refused_since > SILENCE_IS_OUTAGE_S:
                self.cold(f"writes are refused: {error}")

    def need_warm(self) -> None:
        if not self.warm:
            raise MirrorUnavailable(self.reason)

    async def call(self, *command: Any) -> Any:
        """One command, whatever the state of the mirror."""
        return await self.bounded(command_of(self.redis, *command))

    async def read(self, *commands: Sequence[Any]) -> list[Any]:
        """Several reads in one round trip, believed only if the epoch read with them is valid."""
        self.need_warm()
        replies: list[Any] = await self.bounded(self._pipeline([("GET", keys.EPOCH), *commands]))
        if not (replies[0] or "").startswith(self.prefix):
            self.cold("the mirror was lost")
            raise MirrorUnavailable("the mirror was lost")
        return replies[1:]

    async def _pipeline(self, commands: Sequence[Sequence[Any]]) -> list[Any]:
        async with self.redis.pipeline(transaction=False) as pipeline:
            for command in commands:
                pipeline.execute_command(*command)
            return await pipeline.execute()

    async def write_all(self, commands: Sequence[Sequence[Any]]) -> list[Any]:
        """Several commands in one round trip, whatever the state of the mirror."""
        replies: list[Any] = await self.bounded(self._pipeline(commands))
        return replies

    async def run(self, script: str, script_keys: Sequence[str], *arguments: Any) -> Any:
        """A script whose first argument is the epoch's prefix; only while warm.

        Scripts write: one that is not answered counts as refused, though reads may be answered all the while.
        """
        self.need_warm()
        try:
            return await self.bounded(self.evaluate(script, script_keys, self.prefix, *arguments))
        except MirrorUnavailable:
            if self.warm:
                self.refused_since = self.refused_since or time.monotonic()
            raise

    async def look(self, script: str, script_keys: Sequence[str], *arguments: Any) -> Any:
        """A script that only reads, whose first argument is the epoch's prefix; only while warm."""
        self.need_warm()
        return await self.bounded(self.evaluate(script, script_keys, self.prefix, *arguments))

    async def evaluate(self, script: str, script_keys: Sequence[str], *arguments: Any) -> Any:
        """EVALSHA, with the script's text where Valkey does not know it (that is no outage)."""
        digest = self._scripts.get(script) or await self._load(script)
        try:
            return await self.redis.evalsha(digest, len(script_keys), *script_keys, *arguments)
        except NoScriptError:
            return await self.redis.evalsha(await self._load(script), len(script_keys), *script_keys, *arguments)

    async def _load(self, script: str) -> str:
        self._scripts[script] = await self.redis.script_load(script)
        return self._scripts[script]

    async def close(self) -> None:
        await self.redis.aclose()


class _Told:
    """A connection that says so when it is lost.

    One that the kernel gave up in silence (TCP_USER_TIMEOUT: a TimeoutError, which redis-py takes for nothing said yet)
    fails at the next write, and there each loop has an error of its own.
    """

    async def send_packed_command(self, command: Any, check_health: bool = True) -> None:
        try:
            # A mixin: the class behind it has the method.
            await super().send_packed_command(command, check_health)  # type: ignore[misc]
        except (RuntimeError, TypeError, AttributeError) as error:  # uvloop, CPython 3.12, CPython 3.13
            raise LostConnection(f"the connection is closed: {one_line(error)}") from error


class _Plain(_Told, Connection):
    pass


class _Local(_Told, UnixDomainSocketConnection):
    pass


class _Encrypted(_Told, SSLConnection):
    """Reads trust file, certificate and key again when one of them was changed: redis-py would keep what it read first."""

    _seen: tuple[Any, ...] = ()

    def _connection_arguments(self) -> Any:
        files = (self.ca_certs, self.certfile, self.keyfile, ssl.get_default_verify_paths().cafile)
        seen = tuple(_stamp(file) for file in files)
        if seen != self._seen:
            self.ssl_context.context = None
            self._seen = seen
        return super()._connection_arguments()


def _stamp(file: str | None) -> tuple[int, int, int] | None:
    """Changes with the file's content; None where there is no file."""
    try:
        found = os.stat(file) if file else None
    except OSError:
        return None
    return (found.st_ino, found.st_size, found.st_mtime_ns) if found else None


def connect(url: str, connections_max: int, look: Callable[[Any], Awaitable[None]] | None = None) -> Redis:
    """A client that never retries and never waits long. Protocol 2: version 3 may hand out closed connections.

    `look` is awaited with each connection made: a pool replaces a lost one without a word.
    """

    async def made(connection: Any) -> None:
        await connection.on_connect()
        if look is not None:
            await look(connection)

    local = url.startswith("unix://")
    pool = BlockingConnectionPool.from_url(
        url,
        max_connections=connections_max,
        timeout=SOCKET_TIMEOUT_S,
        protocol=2,
        decode_responses=True,
        socket_timeout=SOCKET_TIMEOUT_S,
        socket_connect_timeout=SOCKET_TIMEOUT_S,
        **({} if local else {"socket_keepalive": True, "socket_keepalive_options": UNTAKEN_MS}),
        health_check_interval=0,
        retry=Retry(NoBackoff(), 0),
        redis_connect_func=made,
    )
    encrypted = issubclass(pool.connection_class, SSLConnection)
    pool.connection_class = _Local if local else _Encrypted if encrypted else _Plain
    return Redis.from_pool(pool)


def command_of(client: Redis, *words: Any) -> Coroutine[Any, Any, Any]:
    """The exchange of one command, not begun yet."""
    # redis-py does not annotate execute_command.
    exchange: Coroutine[Any, Any, Any] = client.execute_command(*words)  # type: ignore[no-untyped-call]
    return exchange


async def end(*tasks: asyncio.Task[Any] | None) -> None:
    """Cancel tasks and wait for their end.

    Again and again, as Python 3.11's wait_for (redis-py uses it) may swallow a cancellation.
    """
    while pending := [task for task in tasks if task is not None and not task.done()]:
        for task in pending:
            task.cancel()
        await asyncio.wait(pending, timeout=0.1)


def one_line(error: BaseException) -> str:
    return " ".join(str(error).split()) or type(error).__name__
