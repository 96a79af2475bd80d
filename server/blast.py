"""From payment to acceptance: offers a paid chat to every available mitra, and handles their answers."""

from collections.abc import Iterator, Sequence

from asyncpg import Connection, Record

from server import errors
from server.capacity import ensure_room
from server.chats import HOLD, RECOMPUTE, START, Chats, require_owner, require_state
from server.db import Database, only
from server.mirror import Mirror
from server.request_models import is_uuid
from server.response_models import ChatRequest, ChatRequests, ChatSession, PaidSession
from server.sql import IS_ACTIVE
from server.timers import Timers

BATCH = 10_000  # offers per statement: it ends well within its time limit, and other requests are served in between
_ANY_OFFER = """
SELECT true FROM chat_request_notifications WHERE chat_session_id = $1 AND declined_at IS NULL LIMIT 1
"""
# Ids are sent as one text: a hundred thousand separate values would block the process for too long.
_OPEN_OFFER = """
SELECT true FROM chat_request_notifications
WHERE chat_session_id = $1 AND declined_at IS NULL AND mitra_id = ANY(string_to_array($2, ',')::uuid[]) LIMIT 1
"""
# The join leaves out unknown ids, and mitras who were deactivated since they were found available. A mitra who was offered
# the chat before, and declined it, gets no second offer.
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

    async def pay(self, customer_id: str, session_id: str) -> PaidSession:
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
        return PaidSession(**held, offered=offered)

    async def offers(self, mitra_id: str) -> ChatRequests:
        """The open offers of a mitra, oldest first."""
        rows = await self._db.fetch(_OFFERS, mitra_id)
        return ChatRequests(chat_requests=[ChatRequest(**row) for row in rows])

    async def accept(self, mitra_id: str, session_id: str) -> ChatSession:
        """Take the chat, the first one gets it. Raises ALREADY_TAKEN, INVALID_STATE, MITRA_AT_CAPACITY."""
        async with self._mirror.changing(RECOMPUTE, mitra_id) as connection:
            held, declined = await self._offered(connection, mitra_id, session_id)
            if held["mitra_id"] is not None:
                raise errors.already_taken()
            require_state(held["status"] == "searching", "the chat is no longer searching")
            require_state(not declined, "this mitra has declined the chat")
            if not await connection.fetchval(IS_ACTIVE, mitra_id):
                raise errors.account_inactive()  # deactivated since the guard's check
            await ensure_room(connection, mitra_id)
            row = only(await connection.fetchrow(START, session_id, self._timers.origin, mitra_id))
        return self._chats.set_timer(row)

    async def decline(self, mitra_id: str, session_id: str) -> None:
        """Decline the offer; repeating that is no error. After the search has ended: 409 INVALID_STATE."""
        async with self._db.transaction() as connection:
            held, declined = await self._offered(connection, mitra_id, session_id)
            if not declined:
                require_state(held["status"] == "searching", "the chat is no longer searching")
                await connection.execute(_DECLINE, session_id, mitra_id)

    async def _offered(self, connection: Connection, mitra_id: str, session_id: str) -> tuple[Record, bool]:
        """The session, locked, and whether this mitra has declined it. Raises 404 if it was never offered."""
        held = await connection.fetchrow(HOLD, session_id)
        answer = None if held is None else await connection.fetchrow(_ANSWERED, session_id, mitra_id)
        if held is None or answer is None:
            raise errors.not_found("chat request")
        return held, answer["declined"]

    def _check_payable(self, row: Record, customer_id: str) -> None:
        require_owner(row, "customer_id", customer_id)
        require_state(row["status"] == "searching", "only a searching chat can be paid")


def batches(ids: Sequence[str]) -> Iterator[str]:
    """The ids as texts of BATCH at most. An id in Valkey that is no uuid, put in by hand, is left out."""
    for first in range(0, len(ids), BATCH):
        yield ",".join(id_ for id_ in ids[first : first + BATCH] if is_uuid(id_))
