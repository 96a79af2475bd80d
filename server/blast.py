"""From payment to acceptance: the blast of a paid chat to every available mitra, and what they answer."""

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from asyncpg import Connection, Record

from server import errors
from server.capacity import ensure_room
from server.chats import HOLD, RECOMPUTE, START, Chats, need, owned, session
from server.db import Database, only
from server.inputs import is_uuid
from server.mirror import Mirror
from server.sql import IS_ACTIVE
from server.timers import Timers

if TYPE_CHECKING:
    from server import shapes

BATCH = 10_000  # offers a statement: over well before a statement's time is, and others are served in between
_ANY_OFFER = """
SELECT true FROM chat_request_notifications WHERE chat_session_id = $1 AND declined_at IS NULL LIMIT 1
"""
# Ids come as one text: of a hundred thousand, a value each would keep the process from all else for too long.
_OPEN_OFFER = """
SELECT true FROM chat_request_notifications
WHERE chat_session_id = $1 AND declined_at IS NULL AND mitra_id = ANY(string_to_array($2, ',')::uuid[]) LIMIT 1
"""
# The join keeps ids out that no mitra has, and mitras deactivated since they were found available.
# Who was offered the chat before (and declined it) is not asked again.
_OFFER = """
WITH offered AS (INSERT INTO chat_request_notifications (chat_session_id, mitra_id)
  SELECT $1, m.id FROM mitras AS m WHERE m.id = ANY(string_to_array($2, ',')::uuid[]) AND m.is_active
  ON CONFLICT DO NOTHING RETURNING mitra_id)
SELECT count(*) FROM offered
"""
_OFFERS = """
SELECT s.id AS chat_session_id, s.duration_seconds, s.customer_id, n.created_at AS offered_at
FROM chat_request_notifications AS n JOIN chat_sessions AS s ON s.id = n.chat_session_id
WHERE n.mitra_id = $1 AND n.declined_at IS NULL AND s.status = 'searching' AND s.mitra_id IS NULL
ORDER BY n.created_at, s.id
"""
_ANSWERED = """
SELECT declined_at IS NOT NULL AS declined FROM chat_request_notifications
WHERE chat_session_id = $1 AND mitra_id = $2
"""
_DECLINE = """
UPDATE chat_request_notifications SET declined_at = clock_timestamp()
WHERE chat_session_id = $1 AND mitra_id = $2
"""


class Blast:
    """Payment of a `searching` chat, its offers, and their acceptance; raises ApiError as `Chats` does."""

    def __init__(self, db: Database, mirror: Mirror, timers: Timers, chats: Chats) -> None:
        self._db = db
        self._mirror = mirror
        self._timers = timers
        self._chats = chats

    async def pay(self, customer_id: str, session_id: str) -> "shapes.PaidSession":
        """Offer the chat to every available mitra; a chat counts as paid once it was offered.

        Paying again blasts again, free, unless an offer is still open to a mitra who is available. Raises
        409 NO_MITRA_AVAILABLE, nothing paid and nothing offered.
        """
        row = await self._chats.find(session_id)
        self._check_payable(row, customer_id)
        available = await self._mirror.find_available()
        async with self._db.transaction() as connection:
            held = await connection.fetchrow(HOLD, session_id)
            if held is None:
                raise errors.not_found("chat session")
            self._check_payable(held, customer_id)
            if await connection.fetchval(_ANY_OFFER, session_id):
                for ids in batches(available):
                    if await connection.fetchval(_OPEN_OFFER, session_id, ids):
                        raise errors.invalid_state("the chat is paid and offered to a mitra who is available")
            offered = 0
            for ids in batches(available):
                offered += await connection.fetchval(_OFFER, session_id, ids)
            if not offered:
                raise errors.no_mitra_available()
        return {**session(held), "offered": offered}

    async def offers(self, mitra_id: str) -> "list[shapes.ChatRequest]":
        """The open offers of a mitra, oldest first."""
        return [_offer(row) for row in await self._db.fetch(_OFFERS, mitra_id)]

    async def accept(self, mitra_id: str, session_id: str) -> "shapes.ChatSession":
        """Take the chat, the first one gets it. Raises ALREADY_TAKEN, INVALID_STATE, MITRA_AT_CAPACITY."""
        async with self._mirror.changing(RECOMPUTE, mitra_id) as connection:
            held, declined = await self._offered(connection, mitra_id, session_id)
            if held["mitra_id"] is not None:
                raise errors.already_taken()
            need(held["status"] == "searching", "the chat is no longer searching")
            need(not declined, "this mitra has declined the chat")
            if not await connection.fetchval(IS_ACTIVE, mitra_id):
                raise errors.account_inactive()  # deactivated since the guard looked
            await ensure_room(connection, mitra_id)
            row = only(await connection.fetchrow(START, session_id, self._timers.origin, mitra_id))
        return self._chats.armed(row)

    async def decline(self, mitra_id: str, session_id: str) -> None:
        """Refuse the offer; once more is no error, after the search is over it is 409 INVALID_STATE."""
        async with self._db.transaction() as connection:
            held, declined = await self._offered(connection, mitra_id, session_id)
            if not declined:
                need(held["status"] == "searching", "the chat is no longer searching")
                await connection.execute(_DECLINE, session_id, mitra_id)

    async def _offered(self, connection: Connection, mitra_id: str, session_id: str) -> tuple[Record, bool]:
        """The session, locked, and whether this mitra has declined it. Raises 404 if it was never offered."""
        held = await connection.fetchrow(HOLD, session_id)
        answer = None if held is None else await connection.fetchrow(_ANSWERED, session_id, mitra_id)
        if held is None or answer is None:
            raise errors.not_found("chat request")
        return held, answer["declined"]

    def _check_payable(self, row: Record, customer_id: str) -> None:
        owned(row, "customer_id", customer_id)
        need(row["status"] == "searching", "only a searching chat can be paid")


def _offer(row: Record) -> "shapes.ChatRequest":
    return {
        "chat_session_id": row["chat_session_id"],
        "duration_seconds": row["duration_seconds"],
        "customer_id": row["customer_id"],
        "offered_at": row["offered_at"],
    }


def batches(ids: Sequence[str]) -> Iterator[str]:
    """The ids, BATCH at most in a text; one that was planted and is no uuid is left out."""
    for first in range(0, len(ids), BATCH):
        yield ",".join(id_ for id_ in ids[first : first + BATCH] if is_uuid(id_))
