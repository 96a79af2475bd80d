"""The connection to Valkey: calls with time limits, and a circuit breaker that decides whether Valkey is used.

Circuit closed: Valkey answers and holds a mirror of our Postgres. Circuit open: an outage; Postgres answers until a seed
has finished.
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
CALL_TIMEOUT_S = 0.6  # for a whole call; the socket's timeout is per reply
CONNECTIONS_MAX = 32
OUTAGE_AFTER_S = 1.0
# Counters. All exist from the start, at 0, so that an alert on one of them works before it is first counted.
COUNTED = (
    "outages", "seeds", "seed_failures", "writes", "writes_fenced_off", "write_failures", "auto_offline",
    "skipped_auto_offline", "skipped_heartbeat_mirror", "fallbacks_heartbeat", "fallbacks_reachable",
    "fallbacks_available", "fallbacks_beacon", "fallbacks_dashboard", "postgres_restored",
)  # fmt: skip
# TCP_USER_TIMEOUT: drop data that Valkey has not acknowledged by then. Otherwise the kernel could retransmit it after the
# connection was given up, and write an old heartbeat over a newer one. In milliseconds; exists on Linux only.
TCP_USER_TIMEOUT_MS = (
    {socket.TCP_USER_TIMEOUT: int(CALL_TIMEOUT_S * 1000)} if hasattr(socket, "TCP_USER_TIMEOUT") else {}
)


class MirrorUnavailable(Exception):
    """Valkey could not serve this call; the message says why in one line. The caller falls back to Postgres."""


class Valkey:
    """All calls to Valkey go through here. Raises MirrorUnavailable and nothing else."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.redis = connect(url, CONNECTIONS_MAX, self._require_same_server)
        self.prefix = ""  # `run_id|postgres|`: a valid epoch begins with it
        self.circuit_closed = False
        self.reason = "not seeded yet"  # why the circuit is open
        self.wake = asyncio.Event()  # set when the watchdog should check at once
        self.counts = dict.fromkeys(COUNTED, 0)
        self._scripts: dict[str, str] = {}
        self._failing_since: float | None = None
        self.refused_since: float | None = None  # monotonic; when a write was first refused, None once one succeeded
        self.fleet = 0  # mitras online at the last seed
        self.eviction_policy = ""  # "" until it is known
        self._slots = asyncio.Semaphore(CONNECTIONS_MAX)  # many calls at once wait here: a full pool is no outage
        self.clock = SharedClock()

    @property
    def may_evict(self) -> bool:
        """Whether Valkey drops keys without a TTL when it is full."""
        return self.eviction_policy.startswith("allkeys-")

    @property
    def eviction_alert(self) -> str:
        """A warning for the log and /readyz; "" while Valkey evicts no key of the mirror."""
        alert = f"maxmemory-policy is {self.eviction_policy}: keys of the mirror may be evicted, set it to noeviction"
        return alert if self.may_evict else ""

    def now_ms(self) -> int:
        """The time by Valkey's clock, which all instances share."""
        return self.clock.now_ms()

    def latest_plausible_ms(self) -> int:
        """A heartbeat later than this was written by a wrong clock."""
        return self.now_ms() + keys.FUTURE_MS_MAX

    def open_circuit(self, why: str) -> None:
        """An outage begins: Valkey is not used until the watchdog has seeded it."""
        if self.circuit_closed:
            self.counts["outages"] += 1
            log(f"[valkey-mirror] outage: {why}; Postgres answers until the next seed")
        self.circuit_closed = False
        self.reason = why
        self.wake.set()

    async def bounded(self, call: Coroutine[Any, Any, Any]) -> Any:
        """Await one exchange within CALL_TIMEOUT_S, and note what it shows about Valkey's health."""
        was_closed = self.circuit_closed
        try:
            await self._slots.acquire()
        except BaseException:
            call.close()
            raise
        try:
            if was_closed and not self.circuit_closed:  # an outage began while the call waited
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
            self.open_circuit(one_line(error))
            raise MirrorUnavailable(one_line(error)) from error
        except (RedisError, OSError) as error:
            self._failed(one_line(error))
            raise MirrorUnavailable(one_line(error)) from error
        self._failing_since = None
        return reply

    def refusal(self, error: str) -> MirrorUnavailable:
        """Valkey's error reply as MirrorUnavailable; notes what it shows about Valkey's health."""
        if error.startswith("NOEPOCH"):
            self.open_circuit("the mirror was lost")
        elif not error.startswith("WRONGTYPE"):  # WRONGTYPE concerns one key, which the next seed repairs
            self.refused_since = self.refused_since or time.monotonic()
        return MirrorUnavailable(error)

    def _failed(self, why: str) -> None:
        now = time.monotonic()
        self._failing_since = self._failing_since or now
        if now - self._failing_since > OUTAGE_AFTER_S:
            self.open_circuit(f"nothing has been answered for {now - self._failing_since:.1f} s: {why}")
        self.wake.set()

    async def _require_same_server(self, connection: Any) -> None:
        """Refuse a new connection that leads to another Valkey: a promoted replica holds the old one's epoch.

        The watchdog would notice within a second, but a sweep in that second would rely on a copy that lags behind.
        """
        if not self.circuit_closed:
            return
        await connection.send_command("INFO", "server")
        try:
            info = await connection.read_response()
        except ResponseError:
            return  # INFO is not permitted; the watchdog reports that
        if f"run_id:{self.prefix.partition('|')[0]}" not in info:
            raise LostConnection("another Valkey answers")

    async def check_writes(self) -> None:
        """Open the circuit once writes have been refused for a second (READONLY, OOM, MISCONF, privileges).

        Reads would still work, but on old heartbeats, as the pings are refused.
        """
        if self.refused_since is None:
            return
        try:
            await self.call("SET", keys.PROBE, "1", "EX", 60)
            self.refused_since = None
        except MirrorUnavailable as error:
            if self.refused_since and time.monotonic() - self.refused_since > OUTAGE_AFTER_S:
                self.open_circuit(f"writes are refused: {error}")

    def require_available(self) -> None:
        """Raises MirrorUnavailable while the circuit is open."""
        if not self.circuit_closed:
            raise MirrorUnavailable(self.reason)

    async def call(self, *command: Any) -> Any:
        """One command, even while the circuit is open."""
        return await self.bounded(command_of(self.redis, *command))

    async def read(self, *commands: Sequence[Any]) -> list[Any]:
        """Several reads in one round trip. Raises MirrorUnavailable unless the epoch read with them is valid."""
        self.require_available()
        replies: list[Any] = await self.bounded(self._pipeline([("GET", keys.EPOCH), *commands]))
        if not (replies[0] or "").startswith(self.prefix):
            self.open_circuit("the mirror was lost")
            raise MirrorUnavailable("the mirror was lost")
        return replies[1:]

    async def _pipeline(self, commands: Sequence[Sequence[Any]]) -> list[Any]:
        async with self.redis.pipeline(transaction=False) as pipeline:
            for command in commands:
                pipeline.execute_command(*command)
            return await pipeline.execute()

    async def write_all(self, commands: Sequence[Sequence[Any]]) -> list[Any]:
        """Several commands in one round trip, even while the circuit is open."""
        replies: list[Any] = await self.bounded(self._pipeline(commands))
        return replies

    async def run(self, script: str, script_keys: Sequence[str], *arguments: Any) -> Any:
        """A script that writes, with the epoch's prefix as first argument; only while the circuit is closed.

        A script without an answer counts as a refused write, even if reads are answered.
        """
        self.require_available()
        try:
            return await self.bounded(self.evaluate(script, script_keys, self.prefix, *arguments))
        except MirrorUnavailable:
            if self.circuit_closed:
                self.refused_since = self.refused_since or time.monotonic()
            raise

    async def read_script(self, script: str, script_keys: Sequence[str], *arguments: Any) -> Any:
        """A script that only reads, with the epoch's prefix as first argument; only while the circuit is closed."""
        self.require_available()
        return await self.bounded(self.evaluate(script, script_keys, self.prefix, *arguments))

    async def evaluate(self, script: str, script_keys: Sequence[str], *arguments: Any) -> Any:
        """EVALSHA; loads the script first if Valkey does not have it (which is no outage)."""
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


class _ReportsLoss:
    """A connection whose loss is always raised as LostConnection.

    When the kernel closes a connection by TCP_USER_TIMEOUT, redis-py takes the TimeoutError for a missing reply. The next
    write fails with an error that depends on the event loop.
    """

    async def send_packed_command(self, command: Any, check_health: bool = True) -> None:
        try:
            # A mixin: the next class has the method.
            await super().send_packed_command(command, check_health)  # type: ignore[misc]
        except (RuntimeError, TypeError, AttributeError) as error:  # uvloop, CPython 3.12, CPython 3.13
            raise LostConnection(f"the connection is closed: {one_line(error)}") from error


class _TcpConnection(_ReportsLoss, Connection):
    pass


class _UnixConnection(_ReportsLoss, UnixDomainSocketConnection):
    pass


class _TlsConnection(_ReportsLoss, SSLConnection):
    """Reads the trust file, certificate and key again after one of them changed; redis-py reads them once only."""

    _file_stamps: tuple[Any, ...] = ()

    def _connection_arguments(self) -> Any:
        files = (self.ca_certs, self.certfile, self.keyfile, ssl.get_default_verify_paths().cafile)
        stamps = tuple(_stamp(file) for file in files)
        if stamps != self._file_stamps:
            self.ssl_context.context = None
            self._file_stamps = stamps
        return super()._connection_arguments()


def _stamp(file: str | None) -> tuple[int, int, int] | None:
    """A value that changes with the file's content; None if there is no file."""
    try:
        found = os.stat(file) if file else None
    except OSError:
        return None
    return (found.st_ino, found.st_size, found.st_mtime_ns) if found else None


def connect(url: str, connections_max: int, check: Callable[[Any], Awaitable[None]] | None = None) -> Redis:
    """A client that never retries and never waits long. Protocol 2, as the pool may hand out closed connections with 3.

    `check` is awaited with each new connection, as the pool replaces a lost one silently.
    """

    async def on_connect(connection: Any) -> None:
        await connection.on_connect()
        if check is not None:
            await check(connection)

    local = url.startswith("unix://")
    pool = BlockingConnectionPool.from_url(
        url,
        max_connections=connections_max,
        timeout=SOCKET_TIMEOUT_S,
        protocol=2,
        decode_responses=True,
        socket_timeout=SOCKET_TIMEOUT_S,
        socket_connect_timeout=SOCKET_TIMEOUT_S,
        **({} if local else {"socket_keepalive": True, "socket_keepalive_options": TCP_USER_TIMEOUT_MS}),
        health_check_interval=0,
        retry=Retry(NoBackoff(), 0),
        redis_connect_func=on_connect,
    )
    encrypted = issubclass(pool.connection_class, SSLConnection)
    pool.connection_class = _UnixConnection if local else _TlsConnection if encrypted else _TcpConnection
    return Redis.from_pool(pool)


def command_of(client: Redis, *words: Any) -> Coroutine[Any, Any, Any]:
    """The exchange of one command, not started yet."""
    # redis-py does not annotate execute_command.
    exchange: Coroutine[Any, Any, Any] = client.execute_command(*words)  # type: ignore[no-untyped-call]
    return exchange


async def end(*tasks: asyncio.Task[Any] | None) -> None:
    """Cancel tasks and wait for their end.

    Cancels repeatedly, as asyncio.wait_for of Python 3.11, which redis-py uses, may swallow a cancellation.
    """
    while pending := [task for task in tasks if task is not None and not task.done()]:
        for task in pending:
            task.cancel()
        await asyncio.wait(pending, timeout=0.1)


def one_line(error: BaseException) -> str:
    return " ".join(str(error).split()) or type(error).__name__
