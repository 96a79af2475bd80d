"""Ends a chat when its time and its goodbye window are up: one asyncio timer per running session, rebuilt from the rows.

Each instance has a timer for every session of the cluster and learns of changes by NOTIFY, so that sessions of a dead
instance end as well. Ending a session checks its state first, so only the first instance does it.
"""

import asyncio
import json
import secrets
from collections.abc import Awaitable, Callable
from functools import partial
from typing import Any, SupportsFloat

import asyncpg

from server.db import CHECK_WITHIN_S, Database, until_lost
from server.errors import ServiceUnavailable
from server.log import log, log_defect
from server.sql import OPEN

CHANNEL = "chat_timers"
OTHERS_DELAY_S = 0.5  # added to the timers of another instance's sessions, so that that instance comes first
RETRY_S = 1.0
SLEEP_S_MAX = 86_400.0  # a timer that is further away checks again after that time
SLEEP_S_MIN = 0.02
ENDING_AT_ONCE_MAX = 4  # sessions ended at the same time, each with a connection of the pool

# SQL: seconds until `ends_at`, null for a session that no timer ends.
LEFT = f"CASE WHEN status IN {OPEN} THEN extract(epoch FROM ends_at - clock_timestamp()) END"
# SQL: notify the other instances when the transaction commits; $2 is the origin.
NOTIFY = f"pg_notify('{CHANNEL}', json_build_object('id', id, 'left', {LEFT}, 'by', $2::text)::text)"
_RUNNING = f"""
SELECT id, {LEFT} AS left_seconds FROM chat_sessions
WHERE status IN {OPEN} AND ends_at IS NOT NULL
"""

Expire = Callable[[str], Awaitable[float | None]]


class Timers:
    """The timers of this instance. `arm` is called for each change of a session; nothing is polled."""

    def __init__(self, db: Database, goodbye_window_seconds: int) -> None:
        self.origin = secrets.token_hex(8)  # names this instance in its notifications
        self._db = db
        self._window_s = goodbye_window_seconds
        self._handles: dict[str, asyncio.TimerHandle] = {}
        self._endings: set[asyncio.Task[None]] = set()
        self._slots = asyncio.Semaphore(ENDING_AT_ONCE_MAX)
        self._released = asyncio.Event()
        self._listener: asyncio.Task[None] | None = None
        self._expire: Expire | None = None

    def __len__(self) -> int:
        return len(self._handles)

    async def rebuild(self, expire: Expire) -> None:
        """Arm every running session from its row and follow the other instances. Raises ServiceUnavailable.

        No session ends before `release`, as the mirror is not built yet. `expire` ends a session or returns the
        seconds after which to call it again.
        """
        self._expire = expire
        connection = await self._follow()
        self._listener = asyncio.create_task(self._keep_following(connection), name="chat-timers")

    def release(self) -> None:
        """From now on sessions that are due end."""
        self._released.set()

    async def stop(self) -> None:
        for handle in self._handles.values():
            handle.cancel()
        self._handles.clear()
        tasks = [*self._endings, *([self._listener] if self._listener else [])]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    def arm(self, session_id: str, left_seconds: SupportsFloat | None, delay_s: float = 0.0) -> None:
        """Set the session's timer to `left_seconds` plus the goodbye window; None removes it."""
        if left_seconds is None:
            self._disarm(session_id)
        else:
            self._arm_in(session_id, float(left_seconds) + self._window_s + delay_s)

    def _arm_in(self, session_id: str, seconds: float) -> None:
        self._disarm(session_id)
        wait_s = min(max(seconds, SLEEP_S_MIN), SLEEP_S_MAX)
        self._handles[session_id] = asyncio.get_running_loop().call_later(wait_s, self._due, session_id)

    def _disarm(self, session_id: str) -> None:
        handle = self._handles.pop(session_id, None)
        if handle is not None:
            handle.cancel()

    def _due(self, session_id: str) -> None:
        self._handles.pop(session_id, None)
        task = asyncio.create_task(self._end(session_id))
        self._endings.add(task)
        task.add_done_callback(self._endings.discard)

    async def _end(self, session_id: str) -> None:
        await self._released.wait()
        async with self._slots:
            again_s = await self._expired(session_id)
        if again_s is not None and session_id not in self._handles:
            self._arm_in(session_id, again_s)

    async def _expired(self, session_id: str) -> float | None:
        assert self._expire is not None
        try:
            return await self._expire(session_id)
        except ServiceUnavailable as error:
            log(f"[timers] {session_id} can't end yet, trying again in {RETRY_S:g} s: {error.cause}")
        except Exception as error:
            log_defect("timers", error)
        return RETRY_S

    async def _follow(self) -> asyncpg.Connection:
        """Listen first, then read the rows, so that no change is missed between the two."""
        connection = await self._db.connect()
        try:
            await connection.add_listener(CHANNEL, self._on_notification)
            for row in await connection.fetch(_RUNNING):
                self.arm(row["id"], row["left_seconds"])
        except (OSError, TimeoutError, asyncpg.PostgresError, asyncpg.InterfaceError) as error:
            connection.terminate()
            raise ServiceUnavailable(f"{type(error).__name__}: {error}") from error
        return connection

    async def _keep_following(self, connection: asyncpg.Connection) -> None:
        while True:
            try:
                await until_lost(connection, partial(connection.fetchval, "SELECT 1", timeout=CHECK_WITHIN_S))
            except (OSError, TimeoutError, asyncpg.PostgresError, asyncpg.InterfaceError):
                pass  # the connection is lost
            finally:
                connection.terminate()
            log("[timers] lost the connection for notifications of other instances, reconnecting")
            connection = await self._follow_again()

    async def _follow_again(self) -> asyncpg.Connection:
        while True:
            try:
                return await self._follow()
            except ServiceUnavailable:
                pass
            except Exception as error:  # without a retry, this instance would never end a chat again
                log_defect("timers", error)
            await asyncio.sleep(RETRY_S)

    def _on_notification(self, connection: Any, pid: int, channel: str, payload: object) -> None:
        try:
            message = json.loads(str(payload))
            # Notifications of this instance count too: if the reply to a COMMIT is lost, nothing else sets the timer.
            delay_s = 0.0 if message["by"] == self.origin else OTHERS_DELAY_S
            self.arm(str(message["id"]), message["left"], delay_s)
        except (ValueError, KeyError, TypeError):
            log(f"[timers] ignored a notification in an unknown format: {payload}")
