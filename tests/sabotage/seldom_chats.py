"""Defects of chats, offers and reroutes that break one sentence of the contract each, none of which another file has."""

from typing import Any

from tests.sabotage.entry import replace_in, sabotage

PAIRS, EDGES, RACES = ("--stage", "pairs"), ("--stage", "edges"), ("--stage", "races")


@sabotage("offered-counts-all", "A payment answers one offer more than it made.", "CHAT-04", by=PAIRS)
def offered_counts_all() -> None:
    from server import blast

    replace_in(blast, "_OFFER", "SELECT count(*) FROM offered", "SELECT count(*) + (count(*) > 0)::int FROM offered")


@sabotage(
    "one-row-per-blast", "A blast to several mitras leaves a row in the table for one of them.", "TABLE-05", by=RACES
)
def one_row_per_blast() -> None:
    from server import blast

    pay = blast.Blast.pay
    rest = (
        "DELETE FROM chat_request_notifications WHERE chat_session_id = $1 AND declined_at IS NULL"
        " AND mitra_id <> (SELECT min(mitra_id::text)::uuid FROM chat_request_notifications WHERE chat_session_id = $1)"
    )

    async def paid(self: Any, customer_id: str, session_id: str) -> Any:
        answer = await pay(self, customer_id, session_id)
        await self._db.execute(rest, session_id)
        return answer

    blast.Blast.pay = paid  # type: ignore[method-assign]


@sabotage("cancelled-is-ended", "A chat that is cancelled gets the status `ended`.", "CHAT-09", by=PAIRS)
def cancelled_is_ended() -> None:
    from server import chats

    replace_in(chats, "_CANCEL", "'cancelled'", "'ended'")


@sabotage("extension-stays-active", "A chat that is extended stays `active`.", "EXTEND-01", by=PAIRS)
def extension_stays_active() -> None:
    from server import chats

    replace_in(chats, "_EXTEND", "status = 'pending_payment'", "status = 'active'")


@sabotage(
    "reroute-keeps-the-mitra", "A reroute is answered, and the chat stays with its mitra.", "REROUTE-01", by=PAIRS
)
def reroute_keeps_the_mitra() -> None:
    from server import chats

    replace_in(chats, "_REROUTE", "SET mitra_id = $3", "SET mitra_id = COALESCE(mitra_id, $3)")


@sabotage("refused-reroute-ends", "A chat whose reroute is refused is ended.", "REROUTE-05", by=PAIRS)
def refused_reroute_ends() -> None:
    from server import chats

    reroute = chats.Chats.reroute

    async def or_end(self: Any, session_id: str, mitra_id: str) -> Any:
        try:
            return await reroute(self, session_id, mitra_id)
        except chats.ApiError:
            await self._db.execute(
                "UPDATE chat_sessions SET status = 'ended' WHERE id = $1 AND status = 'active'", session_id
            )
            raise

    chats.Chats.reroute = or_end  # type: ignore[method-assign]


@sabotage("reroute-needs-valkey", "In an outage of Valkey a reroute moves the chat and is 503.", "REROUTE-08", by=PAIRS)
def reroute_needs_valkey() -> None:
    from server import chats

    reroute = chats.Chats.reroute

    async def strict(self: Any, session_id: str, mitra_id: str) -> Any:
        done = await reroute(self, session_id, mitra_id)
        if not self._mirror._valkey.circuit_closed:
            raise chats.ServiceUnavailable("no mirror")
        return done

    chats.Chats.reroute = strict  # type: ignore[method-assign]


@sabotage(
    "room-without-lock",
    "An accept and a reroute count the mitra's chats without a lock.",
    "OFFER-09",
    "REROUTE-07",
    by=RACES,
)
def room_without_lock() -> None:
    import asyncio

    from server import blast, chats
    from server.mirror import writes

    room = chats.ensure_room
    replace_in(writes, "LOCK_MITRAS", "FOR NO KEY UPDATE", "")

    async def slow(connection: Any, mitra_id: str) -> None:
        await room(connection, mitra_id)
        await asyncio.sleep(0.05)

    blast.ensure_room = chats.ensure_room = slow


@sabotage("accept-looks-first", "Of accepts of one chat at once, several are answered 200.", "OFFER-10", by=RACES)
def accept_looks_first() -> None:
    import asyncio

    from server import blast

    offered = blast.Blast._offered

    async def unlocked(self: Any, connection: Any, mitra_id: str, session_id: str) -> Any:
        hold, blast.HOLD = blast.HOLD, blast.HOLD.replace("FOR NO KEY UPDATE", "")
        try:
            found = await offered(self, connection, mitra_id, session_id)
        finally:
            blast.HOLD = hold
        await asyncio.sleep(0.05)
        return found

    blast.Blast._offered = unlocked  # type: ignore[method-assign]
