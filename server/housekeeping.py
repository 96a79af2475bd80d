"""Deletes rows that nobody can use any more, on a timer and in small steps, so that no request waits for it.

Codes and refresh tokens are deleted a day after they expired; offers a week after their chat's end, or after its creation if
no mitra took it; chats that were never paid a week after their creation.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import Any

from asyncpg import Connection

from server.db import Database, only
from server.errors import ServiceUnavailable
from server.log import log, log_defect
from server.sql import OPEN

FIRST_AFTER_S = 60.0  # after the start, when the server has other work to do
ROUND_EVERY_S = 3600.0
PAUSE_S = 0.2  # between two steps
STEP = 500  # rows per step, so that a step takes milliseconds
RETRY_AFTER_S = 60.0  # after an error of Postgres
KINDS = ("codes", "refresh_tokens", "offers", "chats")

# One instance at a time. Rows that another transaction has locked are skipped; the next round finds them again.
_LOCK = 0x6D697272_686F7573
_ALONE = f"SELECT pg_try_advisory_xact_lock({_LOCK})"

# The other kinds go through their table by primary key, one page per step: that needs no further index, and each row is read
# once per round. Codes have an index on their expiry, so the expired ones come first.
_CODES = """
DELETE FROM otp_requests WHERE (role, phone) IN (
  SELECT role, phone FROM otp_requests WHERE expires_at < clock_timestamp() - interval '1 day'
  ORDER BY expires_at LIMIT $1 FOR UPDATE SKIP LOCKED)
"""
_TOKENS = """
WITH page AS (SELECT id FROM auth_sessions WHERE id > $1 ORDER BY id LIMIT $2),
gone AS (DELETE FROM auth_sessions WHERE id IN (
  SELECT s.id FROM auth_sessions AS s JOIN page USING (id) WHERE s.expires_at < clock_timestamp() - interval '1 day'
  FOR UPDATE OF s SKIP LOCKED) RETURNING id)
SELECT (SELECT count(*) FROM gone) AS rows, CASE WHEN count(*) = $2 THEN (array_agg(id ORDER BY id DESC))[1] END AS place
FROM page
"""
_OFFERS_PAGE = """
SELECT chat_session_id, mitra_id FROM chat_request_notifications
WHERE (chat_session_id, mitra_id) > ($1, $2)
ORDER BY chat_session_id, mitra_id LIMIT $3
"""
# Locks the chats first, in the same order as an accept or decline does. Running chats are left alone.
_CHATS_OVER = f"""
SELECT id FROM chat_sessions WHERE id = ANY($1::uuid[]) AND status NOT IN {OPEN}
AND CASE WHEN mitra_id IS NULL THEN created_at ELSE coalesce(ends_at, created_at) END < clock_timestamp() - interval '7 days'
FOR NO KEY UPDATE SKIP LOCKED
"""
# A chat counts as paid once it was offered. So one offer of a chat that no mitra took stays, as the proof of payment.
_OFFERS = """
DELETE FROM chat_request_notifications WHERE (chat_session_id, mitra_id) IN (
  SELECT n.chat_session_id, n.mitra_id FROM unnest($1::uuid[], $2::uuid[]) AS page (chat_session_id, mitra_id)
  JOIN chat_request_notifications AS n USING (chat_session_id, mitra_id)
  JOIN chat_sessions AS s ON s.id = n.chat_session_id
  WHERE s.id = ANY($3::uuid[]) AND n.created_at < clock_timestamp() - interval '7 days'
  AND (s.mitra_id IS NOT NULL OR EXISTS (SELECT FROM chat_request_notifications AS other
    WHERE other.chat_session_id = n.chat_session_id AND other.mitra_id < n.mitra_id))
  FOR UPDATE OF n SKIP LOCKED)
"""
_CHATS_PAGE = "SELECT id FROM chat_sessions WHERE id > $1 ORDER BY id LIMIT $2"
_UNPAID = "NOT EXISTS (SELECT FROM chat_request_notifications AS n WHERE n.chat_session_id = chat_sessions.id)"
_CHATS_UNPAID = f"""
SELECT id FROM chat_sessions WHERE id = ANY($1::uuid[]) AND status IN ('searching', 'cancelled') AND mitra_id IS NULL
AND created_at < clock_timestamp() - interval '7 days' AND {_UNPAID} FOR UPDATE SKIP LOCKED
"""
# A separate statement under the lock: a payment locks the chat, so its offers are either visible here or never made.
_CHATS = f"DELETE FROM chat_sessions WHERE id = ANY($1::uuid[]) AND {_UNPAID}"
_FIRST = "00000000-0000-0000-0000-000000000000"

# A step returns the number of deleted rows, and where the next step continues; None at the end.
Step = Callable[[Connection, Any], Awaitable[tuple[int, Any]]]


class Housekeeping:
    """Runs a round per hour; `deleted` counts rows by kind, `failures` counts rounds that an error of Postgres ended."""

    def __init__(self, db: Database) -> None:
        self._db = db
        self.deleted = dict.fromkeys(KINDS, 0)
        self.failures = 0
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        self._task = asyncio.create_task(self._run(), name="housekeeping")

    async def stop(self) -> None:
        """Stop at once: the current step is rolled back, the next round repeats it."""
        if self._task:
            self._task.cancel()
            with suppress(asyncio.CancelledError):
                await self._task

    def numbers(self) -> dict[str, float]:
        counted = {f"housekeeping_{kind}_deleted_total": float(rows) for kind, rows in self.deleted.items()}
        return {**counted, "housekeeping_failures_total": float(self.failures)}

    async def _run(self) -> None:
        wait_s = FIRST_AFTER_S
        while True:
            await asyncio.sleep(wait_s)
            wait_s = ROUND_EVERY_S
            try:
                await self.round()
            except ServiceUnavailable as error:
                wait_s = self._failed()
                log(f"[housekeeping] Postgres unavailable, trying again in {wait_s:g} s: {error.cause}")
            except Exception as error:
                wait_s = self._failed()
                log_defect("housekeeping", error)

    def _failed(self) -> float:
        self.failures += 1
        return RETRY_AFTER_S

    async def round(self) -> None:
        """Delete everything that is due, unless another instance is doing so. Raises ServiceUnavailable, asyncpg's errors."""
        steps: list[tuple[str, Step]] = [
            ("codes", _codes), ("refresh_tokens", _tokens), ("offers", _offers), ("chats", _chats),
        ]  # fmt: skip
        began, before = time.monotonic(), dict(self.deleted)
        for kind, step in steps:
            if not await self._run_steps(kind, step):
                break
        summary = ", ".join(
            f"{rows - before[kind]} {kind}" for kind, rows in self.deleted.items() if rows > before[kind]
        )
        if summary:
            log(f"[housekeeping] deleted {summary.replace('_', ' ')} in {time.monotonic() - began:.1f} s")

    async def _run_steps(self, kind: str, step: Step) -> bool:
        """All steps of one kind; False if another instance is doing a round."""
        place: Any = None  # where the next step continues
        while True:
            async with self._db.transaction() as connection:
                if not await connection.fetchval(_ALONE):
                    return False
                rows, place = await step(connection, place)
            self.deleted[kind] += rows
            if place is None:
                return True
            await asyncio.sleep(PAUSE_S)


async def _codes(connection: Connection, place: Any) -> tuple[int, Any]:
    rows = _count(await connection.execute(_CODES, STEP))
    return rows, True if rows == STEP else None


async def _tokens(connection: Connection, place: Any) -> tuple[int, Any]:
    done = only(await connection.fetchrow(_TOKENS, place or _FIRST, STEP))
    return done["rows"], done["place"]


async def _offers(connection: Connection, place: Any) -> tuple[int, Any]:
    page = await connection.fetch(_OFFERS_PAGE, *(place or (_FIRST, _FIRST)), STEP)
    chats, mitras = [row["chat_session_id"] for row in page], [row["mitra_id"] for row in page]
    over = [row["id"] for row in await connection.fetch(_CHATS_OVER, list(set(chats)))]
    rows = _count(await connection.execute(_OFFERS, chats, mitras, over)) if over else 0
    return rows, _next(list(zip(chats, mitras, strict=True)))


async def _chats(connection: Connection, place: Any) -> tuple[int, Any]:
    ids = [row["id"] for row in await connection.fetch(_CHATS_PAGE, place or _FIRST, STEP)]
    unpaid = [row["id"] for row in await connection.fetch(_CHATS_UNPAID, ids)]
    return _count(await connection.execute(_CHATS, unpaid)) if unpaid else 0, _next(ids)


def _next(page: list[Any]) -> Any:
    """Where the next page begins: after the last row of a full page; None after the last page."""
    return page[-1] if len(page) == STEP else None


def _count(tag: str) -> int:
    """The number of rows in a command tag such as `DELETE 12`."""
    return int(tag.rpartition(" ")[2])
