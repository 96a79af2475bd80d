"""The life of a chat: each change is one transaction that first checks the chat's state.

A change that may alter a mitra's load runs inside `mirror.changing`, which locks the mitras first and mirrors their load
after the commit. All times are those of Postgres' clock, so that instances agree.
"""

from collections.abc import Awaitable, Callable
from contextlib import AbstractAsyncContextManager

from asyncpg import Connection, Record

from server import errors
from server.capacity import ensure_room
from server.db import Database, only
from server.errors import ApiError, ServiceUnavailable
from server.mirror import Mirror
from server.response_models import ChatSession
from server.sql import IS_ACTIVE, OPEN_STATUSES
from server.timers import LEFT, NOTIFY, Timers

RECOMPUTE = "recomputeCapacity"
ATTEMPTS_MAX = 5  # of a change whose session moves to another mitra meanwhile

_SELECTED = "id, customer_id, mitra_id, status, duration_seconds, ends_at"  # the fields of ChatSession
_RETURNING = f"WHERE id = $1 RETURNING {_SELECTED}, {LEFT} AS left_seconds, {NOTIFY}"
FIND = f"SELECT {_SELECTED}, {LEFT} AS left_seconds FROM chat_sessions WHERE id = $1"
HOLD = f"{FIND} FOR NO KEY UPDATE"

_CREATE = f"INSERT INTO chat_sessions (customer_id, duration_seconds) VALUES ($1, $2) RETURNING {_SELECTED}"
_CANCEL = f"UPDATE chat_sessions SET status = 'cancelled' {_RETURNING}"
_END = f"UPDATE chat_sessions SET status = 'ended' {_RETURNING}"
_EXTEND = f"UPDATE chat_sessions SET status = 'pending_payment', extension_seconds = $3 {_RETURNING}"
_REROUTE = f"UPDATE chat_sessions SET mitra_id = $3 {_RETURNING}"
# Rows put in by hand may lack the extension's duration, or an end.
_PAY_EXTENSION = f"""
UPDATE chat_sessions SET status = 'active', extension_seconds = NULL,
    ends_at = COALESCE(ends_at, clock_timestamp())
        + make_interval(secs => COALESCE(extension_seconds, duration_seconds))
{_RETURNING}
"""
START = f"""
UPDATE chat_sessions SET status = 'active', mitra_id = $3,
    ends_at = clock_timestamp() + make_interval(secs => duration_seconds)
{_RETURNING}
"""

Check = Callable[[Record], None]


def require_state(condition: bool, message: str) -> None:
    """Raises 409 INVALID_STATE unless `condition` holds."""
    if not condition:
        raise errors.invalid_state(message)


def require_owner(row: Record, column: str, user_id: str) -> None:
    """Raises 403 FORBIDDEN unless the session belongs to this user."""
    if row[column] != user_id:
        raise errors.forbidden("this chat belongs to another user")


class Chats:
    """What customers, mitras, operators and timers do to a chat session.

    Methods return the session as the API shows it and raise ApiError: 404 unknown, 403 of another user,
    409 for a state that doesn't allow it, 503.
    """

    def __init__(self, db: Database, mirror: Mirror, timers: Timers, goodbye_window_seconds: int) -> None:
        self._db = db
        self._mirror = mirror
        self._timers = timers
        self._goodbye_window_seconds = goodbye_window_seconds

    async def create(self, customer_id: str, duration_seconds: int) -> ChatSession:
        return ChatSession(**only(await self._db.fetchrow(_CREATE, customer_id, duration_seconds)))

    async def get(self, customer_id: str, session_id: str) -> ChatSession:
        row = await self.find(session_id)
        require_owner(row, "customer_id", customer_id)
        return ChatSession(**row)

    async def cancel(self, customer_id: str, session_id: str) -> ChatSession:
        def check(row: Record) -> None:
            require_owner(row, "customer_id", customer_id)
            require_state(row["status"] == "searching", "only a searching chat can be cancelled")

        return await self._move(session_id, check, _CANCEL)

    async def end_by_customer(self, customer_id: str, session_id: str) -> ChatSession:
        return await self._end(session_id, "customer_id", customer_id)

    async def end_by_mitra(self, mitra_id: str, session_id: str) -> ChatSession:
        return await self._end(session_id, "mitra_id", mitra_id)

    async def goodbye(self, customer_id: str, session_id: str) -> ChatSession:
        """End a chat whose time is up and whose goodbye window is not."""

        def check(row: Record) -> None:
            require_owner(row, "customer_id", customer_id)
            require_state(row["status"] in OPEN_STATUSES, "only a running chat ends with a goodbye")
            left = row["left_seconds"]
            require_state(left is not None and left <= 0, "a goodbye comes after the time is up")

        return await self._move(session_id, check, _END)

    async def extend(self, customer_id: str, session_id: str, duration_seconds: int) -> ChatSession:
        """Reserve an extension until it is paid. Raises 409 MITRA_UNREACHABLE."""

        def check(row: Record) -> None:
            require_owner(row, "customer_id", customer_id)
            require_state(row["status"] == "active", "only an active chat can be extended")
            left = row["left_seconds"]
            require_state(left is not None and left > 0, "the chat's time is up")

        row = await self.find(session_id)
        check(row)
        if row["mitra_id"] is None or not await self._mirror.is_reachable(row["mitra_id"]):
            raise errors.mitra_unreachable()
        return await self._move(session_id, check, _EXTEND, duration_seconds)

    async def pay_extension(self, customer_id: str, session_id: str) -> ChatSession:
        """Add the extension to the old end of the chat. Possible until the goodbye window is up."""

        def check(row: Record) -> None:
            require_owner(row, "customer_id", customer_id)
            require_state(row["status"] == "pending_payment", "no extension is waiting for payment")
            wait = self._until_due(row)
            require_state(wait is None or wait > 0, "the extension was not paid in time")

        return await self._move(session_id, check, _PAY_EXTENSION)

    async def reroute(self, session_id: str, mitra_id: str) -> ChatSession:
        """Move an active chat to another mitra. Raises 409 MITRA_UNREACHABLE or MITRA_AT_CAPACITY."""

        def check(row: Record) -> None:
            require_state(row["status"] == "active", "only an active chat can be rerouted")
            require_state(row["mitra_id"] != mitra_id, "the chat is already with this mitra")

        async def room(connection: Connection) -> None:
            if not await connection.fetchval(IS_ACTIVE, mitra_id):
                raise errors.mitra_unreachable()  # deactivated since it was found reachable
            await ensure_room(connection, mitra_id)

        row = await self.find(session_id)
        if await self._db.fetchval("SELECT true FROM mitras WHERE id = $1", mitra_id) is None:
            raise errors.not_found("mitra")
        check(row)
        if not await self._mirror.is_reachable(mitra_id):
            raise errors.mitra_unreachable()
        return await self._move(session_id, check, _REROUTE, mitra_id, also=(mitra_id,), inside=room)

    async def expire(self, session_id: str) -> float | None:
        """End a session whose time and goodbye window are up.

        Returns None when no timer is needed any more, else the seconds after which to call it again.
        """

        def check(row: Record) -> None:
            wait = self._until_due(row)
            require_state(wait is not None and wait <= 0, "not due")

        try:
            await self._move(session_id, check, _END)
        except ServiceUnavailable:
            raise
        except ApiError:
            row = await self._db.fetchrow(FIND, session_id)
            return None if row is None else self._until_due(row)
        return None

    async def find(self, session_id: str) -> Record:
        """The row as it is now, unlocked. Raises 404."""
        row = await self._db.fetchrow(FIND, session_id)
        if row is None:
            raise errors.not_found("chat session")
        return row

    def set_timer(self, row: Record) -> ChatSession:
        """Set the session's timer to the row's end. Returns the session as the API shows it."""
        self._timers.arm(row["id"], row["left_seconds"])
        return ChatSession(**row)

    async def _end(self, session_id: str, column: str, user_id: str) -> ChatSession:
        def check(row: Record) -> None:
            require_owner(row, column, user_id)
            require_state(row["status"] in OPEN_STATUSES, "only a running chat can be ended")

        return await self._move(session_id, check, _END)

    def _until_due(self, row: Record) -> float | None:
        """Seconds until the time and the goodbye window are up; None for a session that no timer ends."""
        left = row["left_seconds"]
        return None if left is None else float(left) + self._goodbye_window_seconds

    async def _move(
        self,
        session_id: str,
        check: Check,
        update: str,
        *args: object,
        also: tuple[str, ...] = (),
        inside: Callable[[Connection], Awaitable[None]] | None = None,
    ) -> ChatSession:
        """Run `update` on a session that passes `check`; its mitra and those in `also` are locked first.

        `inside` runs under the locks and may still raise. The session's mitra must be known before the locks are taken, so
        the change starts again if the session has moved to another mitra meanwhile.
        """
        for _ in range(ATTEMPTS_MAX):
            seen = await self.find(session_id)
            check(seen)
            mitra_id = seen["mitra_id"]
            mitra_ids = {*also, mitra_id} - {None}
            async with self._changing(*sorted(mitra_ids)) as connection:
                held = await connection.fetchrow(HOLD, session_id)
                if held is None:
                    raise errors.not_found("chat session")
                if held["mitra_id"] != mitra_id:
                    continue
                check(held)
                if inside is not None:
                    await inside(connection)
                row = only(await connection.fetchrow(update, session_id, self._timers.origin, *args))
            return self.set_timer(row)
        raise ServiceUnavailable("the chat session keeps changing its mitra")

    def _changing(self, *mitra_ids: str) -> AbstractAsyncContextManager[Connection]:
        if not mitra_ids:
            return self._db.transaction()
        return self._mirror.changing(RECOMPUTE, *mitra_ids)
