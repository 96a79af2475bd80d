"""Creates the parts of the server, starts them in the contract's order, and stops them without losing a request."""

import asyncio
import gc
import signal
import socket
import time
from collections.abc import Sequence
from typing import Protocol

from server import streams
from server.asgi import Endpoint, Listener
from server.auth import Auth
from server.blast import Blast
from server.chats import Chats
from server.config import Settings
from server.connection_limit import ConnectionLimit
from server.db import Database
from server.docs import Docs
from server.errors import ServiceUnavailable
from server.housekeeping import Housekeeping
from server.listeners import Port, bind
from server.log import log
from server.metrics import Metrics
from server.mirror import Mirror
from server.postgres_fit import MIXED_UP, TRANSACTION_POOLING, UnfitPostgres, check_postgres, what_broke
from server.response_models import Readiness
from server.routes_internal import InternalRoutes
from server.routes_public import PublicRoutes
from server.schema import SchemaError, ensure_schema
from server.timers import Timers

DATABASE_START_TIMEOUT_S = 8.0  # the start without Postgres fails within 10 s
PART_STOP_TIMEOUT_S = 1.0
DRAIN_S = 5.0  # more than the deadline of a request
LAST_DRAIN_S = 1.0  # the least for the internal listener, whose /readyz reports the stop until the end
# Python's default, 700, is reached by a dozen waiting requests: the collector would search every burst of pings, and find
# nothing.
NEW_OBJECTS_BEFORE_A_COLLECTION = 10_000
MIRROR_GAUGES = ("warm", "may_be_evicted", "writes_owed")  # the mirror's other metrics are counters


class Part(Protocol):
    """A part of the server that has to be stopped."""

    async def stop(self) -> None: ...


class StartError(Exception):
    """The server can't start; the message is one line that says what to do."""


class App:
    """One server process: creates every part, starts and stops them in order."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.phase = "starting"
        self.db = Database(settings.database_url)
        self.mirror = build_mirror(settings, self.db)
        self.timers = Timers(self.db, settings.goodbye_window_seconds)
        self.auth = Auth(settings, self.db)
        self.chats = Chats(self.db, self.mirror, self.timers, settings.goodbye_window_seconds)
        self.blast = Blast(self.db, self.mirror, self.timers, self.chats)
        self.housekeeping = Housekeeping(self.db)
        self.metrics = Metrics(self._numbers)
        self._connection_limit = ConnectionLimit()
        public = PublicRoutes(self.db, self.mirror, self.auth, self.chats, self.blast)
        internal = InternalRoutes(self.db, self.mirror, self.auth, self.chats, self.metrics, self.readiness)
        self.described = {"public": public.endpoints(), "internal": internal.endpoints()}  # without the pages of docs
        self._public = self._port("public", "For the apps.", self.described["public"])
        self._internal = self._port("internal", "For the control center.", self.described["internal"])

    def _port(self, name: str, description: str, endpoints: Sequence[Endpoint]) -> Port:
        docs = Docs(f"Chat backend, {name} API", description, endpoints, self.auth.anyone)
        return Port(Listener(name, [*endpoints, *docs.endpoints()], self.metrics), self._connection_limit)

    async def readiness(self) -> tuple[bool, Readiness]:
        """Whether this process serves: it must be in the phase "ready", and Postgres must answer a query now.

        The mirror's metrics and alerts are reported, but do not count: the server also serves without Valkey.
        """
        details = Readiness(status=self.phase, postgres="ok", mirror=self.mirror.metrics(), alerts=self.mirror.alerts())
        if self.phase != "ready":
            return False, details
        try:
            async with asyncio.timeout(PART_STOP_TIMEOUT_S):
                await self.db.fetchval("SELECT 1")
        except (ServiceUnavailable, TimeoutError):
            return False, details.model_copy(update={"status": "unavailable", "postgres": "unreachable"})
        return True, details

    async def start(self) -> None:
        """Timers, then the seed, then the listeners. Raises StartError."""
        self._log_advice()
        try:
            async with asyncio.timeout(DATABASE_START_TIMEOUT_S) as limit:
                await self.db.start()
                await check_postgres(self.db)
                await ensure_schema(self.db, limit)
                await self.timers.rebuild(self.chats.expire)
        except (UnfitPostgres, SchemaError) as error:
            raise StartError(f"cannot use the database of DATABASE_URL: {error}") from error
        except MIXED_UP as error:  # raised before check_postgres could run
            raise StartError(f"cannot use the database of DATABASE_URL: {TRANSACTION_POOLING}") from error
        except Exception as error:
            raise StartError(
                f"cannot use Postgres, check DATABASE_URL and that it runs: {what_broke(error)}"
            ) from error
        try:
            await self.mirror.start()
        except (ServiceUnavailable, RuntimeError) as error:
            raise StartError(f"lost Postgres while starting, check that it runs: {error}") from error
        self.timers.release()
        await self._listen()
        gc.freeze()  # these objects stay until the end, so no collection needs to visit them
        gc.set_threshold(NEW_OBJECTS_BEFORE_A_COLLECTION, *gc.get_threshold()[1:])
        self.phase = "ready"
        self.housekeeping.start()
        log(
            f"[server] ready: public {self.settings.host}:{self.settings.public_port}, "
            f"internal {self.settings.host}:{self.settings.internal_port}"
        )

    async def stop(self) -> None:
        """Answer requests in flight, close the listeners and every connection. Takes at most 10 s."""
        self.phase = "stopping"
        log("[server] stopping")
        began = time.monotonic()
        await self._public.stop(DRAIN_S)
        await self._internal.stop(max(LAST_DRAIN_S, DRAIN_S - (time.monotonic() - began)))
        parts: dict[str, Part] = {
            "housekeeping": self.housekeeping, "timers": self.timers, "mirror": self.mirror, "postgres": self.db,
        }  # fmt: skip
        for name, part in parts.items():
            await _stop_part(name, part)
        log("[server] stopped")

    async def _listen(self) -> None:
        host = self.settings.host
        sockets: list[socket.socket] = []
        ports = (("PUBLIC_PORT", self.settings.public_port), ("INTERNAL_PORT", self.settings.internal_port))
        for variable, port in ports:
            try:
                sockets.append(bind(host, port))
            except OSError as error:
                for bound in sockets:
                    bound.close()
                reason = error.strerror or str(error)
                raise StartError(f"cannot listen on HOST {host}, {variable} {port}: {reason}") from error
        await self._public.start(sockets[0])
        await self._internal.start(sockets[1])

    def _numbers(self) -> dict[str, float]:
        """The metrics of all parts, by their Prometheus names."""
        mirror = {
            f"mirror_{name}" if name in MIRROR_GAUGES else f"mirror_{name}_total": value
            for name, value in self.mirror.metrics().items()
        }
        otp = self.auth.otp
        return {
            **mirror,
            **self.housekeeping.numbers(),
            "log_lines_dropped_total": float(streams.dropped()),
            "chat_timers": float(len(self.timers)),
            "otp_requests_refused_total": float(otp.refused_requests),
            "otp_answers_refused_total": float(otp.refused_answers),
        }

    def _log_advice(self) -> None:
        if not self.settings.production:
            return
        log("[config] no SMS provider is built in: one-time codes reach nobody in production")


def build_mirror(settings: Settings, db: Database) -> Mirror:
    """The mirror that the settings choose: in Valkey, or off."""
    if settings.availability_mirror:
        from server.mirror.on import MirrorOn

        return MirrorOn(settings, db)
    from server.mirror.off import MirrorOff

    return MirrorOff(settings, db)


async def _stop_part(name: str, part: Part) -> None:
    try:
        async with asyncio.timeout(PART_STOP_TIMEOUT_S):
            await part.stop()
    except Exception as error:
        log(f"[server] {name} did not stop in order: {type(error).__name__}: {error}")


async def run(settings: Settings) -> None:
    """Serve until SIGTERM or SIGINT, also if the signal comes during the start. Raises StartError."""
    stopping = asyncio.Event()
    loop = asyncio.get_running_loop()
    for signal_number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(signal_number, stopping.set)
    app = App(settings)
    starting = asyncio.create_task(app.start())
    waiting = asyncio.create_task(stopping.wait())
    try:
        await asyncio.wait({starting, waiting}, return_when=asyncio.FIRST_COMPLETED)
        if not starting.done():
            starting.cancel()
            await asyncio.gather(starting, return_exceptions=True)
        else:
            starting.result()
            await waiting
    finally:
        waiting.cancel()
        await app.stop()
