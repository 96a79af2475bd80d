"""Defects in the life of a chat that a contract run finds: who may act on it, in which state, and what time it gets."""

from typing import Any

from tests.sabotage.entry import replace_in, sabotage


def without_owner(method: str) -> None:
    """While this method of Chats runs, nobody asks whose chat it is."""
    from server import chats

    whole, owner = getattr(chats.Chats, method), chats.require_owner

    async def open_to_all(self: Any, *arguments: Any) -> Any:
        chats.require_owner = lambda *_: None
        try:
            return await whole(self, *arguments)
        finally:
            chats.require_owner = owner

    setattr(chats.Chats, method, open_to_all)


# --- whose chat it is ----------------------------------------------------------------------------------------


@sabotage("anybody-reads", "Any customer reads any chat.", "CHAT-03")
def anybody_reads() -> None:
    without_owner("get")


@sabotage("anybody-ends", "Any customer ends any chat.", "CHAT-03")
def anybody_ends() -> None:
    without_owner("end_by_customer")


@sabotage("anybody-extends", "Any customer extends any chat.", "CHAT-03")
def anybody_extends() -> None:
    without_owner("extend")


@sabotage("anybody-pays", "Any customer pays any chat.", "CHAT-03")
def anybody_pays() -> None:
    from server.blast import Blast, require_state

    def of_anybody(self: Blast, row: Any, customer_id: str) -> None:
        require_state(row["status"] == "searching", "only a searching chat can be paid")

    Blast._check_payable = of_anybody  # type: ignore[method-assign]


@sabotage("any-mitra-ends", "Any mitra ends any chat.", "CHAT-16")
def any_mitra_ends() -> None:
    without_owner("end_by_mitra")


# --- states --------------------------------------------------------------------------------------------------


def allowed(message: str) -> None:
    """The state that is refused with this message is no longer refused."""
    from server import blast, chats

    require = chats.require_state

    def lenient(condition: bool, told: str) -> None:
        require(condition or told == message, told)

    chats.require_state = blast.require_state = lenient


@sabotage("created-is-200", "The creation of a chat is answered with 200.", "CHAT-01")
def created_is_200() -> None:
    from dataclasses import replace

    from server.routes_public import PublicRoutes

    endpoints = PublicRoutes._customer_endpoints

    def plain(self: PublicRoutes) -> Any:
        return [replace(one, status=200) for one in endpoints(self)]

    PublicRoutes._customer_endpoints = plain  # type: ignore[method-assign]


@sabotage("a-chat-of-no-time", "A chat may last no time at all, or longer than a day.", "CHAT-02")
def a_chat_of_no_time() -> None:
    from pydantic import BaseModel, Field

    from server.routes_public import PublicRoutes

    class Duration(BaseModel):
        duration_seconds: int = Field(ge=0, le=10**9, description="a whole number")

    PublicRoutes.create.__annotations__["body"] = Duration


@sabotage("active-is-cancelled", "An active chat may be cancelled.", "CHAT-13")
def active_is_cancelled() -> None:
    allowed("only a searching chat can be cancelled")


@sabotage("ended-ends-again", "The end of a chat that has ended is answered with 200.", "CHAT-13")
def ended_ends_again() -> None:
    allowed("only a running chat can be ended")


@sabotage("ended-is-extended", "A chat that has ended may be extended.", "CHAT-13")
def ended_is_extended() -> None:
    allowed("only an active chat can be extended")


@sabotage("extended-after-its-end", "A chat whose time is up may be extended.", "CHAT-13")
def extended_after_its_end() -> None:
    allowed("the chat's time is up")


@sabotage("goodbye-at-any-time", "A goodbye ends a chat before its time is up.", "CHAT-13")
def goodbye_at_any_time() -> None:
    allowed("a goodbye comes after the time is up")


@sabotage("pending-has-no-goodbye", "A chat that waits for a payment cannot be ended by a goodbye.", "CHAT-10")
def pending_has_no_goodbye() -> None:
    from server import chats

    whole = chats.Chats.goodbye

    async def active_only(self: Any, customer_id: str, session_id: str) -> Any:
        row = await self.find(session_id)
        if row["customer_id"] == customer_id and row["status"] == "pending_payment":
            raise chats.errors.invalid_state("an extension waits for its payment")
        return await whole(self, customer_id, session_id)

    chats.Chats.goodbye = active_only  # type: ignore[method-assign]


@sabotage("end-moves-the-time", "The end of a chat sets `ends_at` to now.", "CHAT-08")
def end_moves_the_time() -> None:
    from server import chats

    replace_in(chats, "_END", "SET status = 'ended'", "SET ends_at = clock_timestamp(), status = 'ended'")


@sabotage("accept-gives-no-time", "The time of a chat begins at its creation.", "CHAT-07")
def accept_gives_no_time() -> None:
    from server import blast

    replace_in(
        blast,
        "START",
        "ends_at = clock_timestamp() + make_interval",
        "ends_at = clock_timestamp() + 0.9 * make_interval",
    )


@sabotage("paid-for-nobody", "A chat may be paid while nobody is available.", "CHAT-05")
def paid_for_nobody() -> None:
    from server import blast

    pay, error = blast.Blast.pay, blast.errors.ApiError

    async def paid(self: Any, customer_id: str, session_id: str) -> Any:
        try:
            return await pay(self, customer_id, session_id)
        except error as refusal:
            if getattr(refusal, "code", "") != "NO_MITRA_AVAILABLE":
                raise
            row = await self._chats.find(session_id)
            return blast.PaidSession(**row, offered=0)

    blast.Blast.pay = paid  # type: ignore[method-assign]


@sabotage("paid-once-only", "A paid chat that everybody declined cannot be offered again.", "CHAT-06")
def paid_once_only() -> None:
    from server import blast

    replace_in(blast, "_ANY_OFFER", "AND declined_at IS NULL", "")
    replace_in(blast, "_OPEN_OFFER", "AND declined_at IS NULL AND mitra_id = ANY", "AND true OR mitra_id = ANY")


@sabotage("window-ends-the-row-late", "A chat whose window is up ends three seconds late.", "CHAT-11")
def window_ends_the_row_late() -> None:
    from server.timers import Timers

    arm = Timers._arm_in
    Timers._arm_in = lambda self, session_id, seconds: arm(self, session_id, seconds + 3.0)  # type: ignore[method-assign]


@sabotage("no-goodbye-window", "A chat ends with its time, without a window.", "CHAT-12")
def no_goodbye_window() -> None:
    from server import chats, timers

    timers_init, chats_init = timers.Timers.__init__, chats.Chats.__init__

    def timers_without(self: Any, db: Any, goodbye_window_seconds: int) -> None:
        timers_init(self, db, 0)

    def chats_without(self: Any, db: Any, mirror: Any, own: Any, goodbye_window_seconds: int) -> None:
        chats_init(self, db, mirror, own, 0)

    timers.Timers.__init__, chats.Chats.__init__ = timers_without, chats_without  # type: ignore[method-assign]


@sabotage("restart-forgets-timers", "A restarted server does not end the chats of before.", "CHAT-14")
def restart_forgets_timers() -> None:
    from server import timers

    timers._RUNNING += " AND false"


# --- extensions ----------------------------------------------------------------------------------------------


@sabotage("extension-from-payment", "A paid extension runs from its payment, if that comes late.", "EXTEND-03")
def extension_from_payment() -> None:
    from server import chats

    replace_in(chats, "_PAY_EXTENSION", "COALESCE(ends_at, clock_timestamp())", "GREATEST(ends_at, clock_timestamp())")


@sabotage("extension-adds-duration", "A paid extension is added to `duration_seconds` as well.", "EXTEND-06")
def extension_adds_duration() -> None:
    from server import chats

    replace_in(
        chats, "_PAY_EXTENSION", "extension_seconds = NULL,",
        "extension_seconds = NULL, duration_seconds = duration_seconds + extension_seconds,",
    )  # fmt: skip


@sabotage("extension-unasked", "An extension does not ask whether the mitra is reachable.", "EXTEND-02")
def extension_unasked() -> None:
    from server.chats import Chats

    whole = Chats.extend

    async def unasked(self: Chats, *arguments: Any) -> Any:
        class Reachable:
            def __getattr__(self, name: str) -> Any:
                return getattr(mirror, name)

            async def is_reachable(self, mitra_id: str) -> bool:
                return True

        mirror, self._mirror = self._mirror, Reachable()  # type: ignore[assignment]
        try:
            return await whole(self, *arguments)
        finally:
            self._mirror = mirror

    Chats.extend = unasked  # type: ignore[method-assign]


@sabotage("extension-not-in-window", "An extension cannot be paid once the chat's time is up.", "EXTEND-04")
def extension_not_in_window() -> None:
    from server import chats

    whole = chats.Chats.pay_extension

    async def in_time(self: Any, customer_id: str, session_id: str) -> Any:
        row = await self.find(session_id)
        if row["customer_id"] == customer_id and (row["left_seconds"] or 1) <= 0:
            raise chats.errors.invalid_state("the chat's time is up")
        return await whole(self, customer_id, session_id)

    chats.Chats.pay_extension = in_time  # type: ignore[method-assign]


@sabotage("unpaid-never-ends", "A chat that waits for a payment is never ended by its time.", "EXTEND-05")
def unpaid_never_ends() -> None:
    from server import chats

    until = chats.Chats._until_due

    def waiting(self: Any, row: Any) -> Any:
        return None if row["status"] == "pending_payment" else until(self, row)

    chats.Chats._until_due = waiting  # type: ignore[method-assign]


@sabotage("pending-gives-room", "A chat that waits for a payment leaves the capacity key.", "EXTEND-07")
def pending_gives_room() -> None:
    from server.mirror import writes

    text = writes._DRAW
    writes._DRAW = text.replace("s.status IN ('active', 'pending_payment')", "s.status = 'active'")
    if text == writes._DRAW:
        raise ValueError("server.mirror.writes._DRAW counts otherwise: renew the sabotage")


# --- offers --------------------------------------------------------------------------------------------------


def accept_sees(change: Any) -> None:
    """What an accept finds of the chat and of this mitra's answer, as `change` makes it."""
    from server.blast import Blast

    accept, offered = Blast.accept, Blast._offered

    async def seen(self: Blast, *arguments: Any) -> Any:
        return change(*await offered(self, *arguments))

    async def accepted(self: Blast, *arguments: Any) -> Any:
        Blast._offered = seen  # type: ignore[method-assign]
        try:
            return await accept(self, *arguments)
        finally:
            Blast._offered = offered  # type: ignore[method-assign]

    Blast.accept = accepted  # type: ignore[method-assign]


@sabotage("taken-is-taken-over", "Who accepts a chat that another has gets it.", "OFFER-06")
def taken_is_taken_over() -> None:
    def free(held: Any, declined: bool) -> Any:
        taken = held["status"] == "active"
        return ({**held, "mitra_id": None, "status": "searching"} if taken else held), declined

    accept_sees(free)


@sabotage("taken-is-invalid-state", "An accept of a taken chat that has ended is INVALID_STATE.", "OFFER-06")
def taken_is_invalid_state() -> None:
    def ended(held: Any, declined: bool) -> Any:
        return ({**held, "mitra_id": None} if held["status"] == "ended" else held), declined

    accept_sees(ended)


@sabotage("cancelled-is-accepted", "A cancelled chat may still be accepted.", "OFFER-07")
def cancelled_is_accepted() -> None:
    def back(held: Any, declined: bool) -> Any:
        return ({**held, "status": "searching"} if held["status"] == "cancelled" else held), declined

    accept_sees(back)


@sabotage("declined-is-accepted", "Who has declined a chat may still accept it.", "OFFER-07")
def declined_is_accepted() -> None:
    accept_sees(lambda held, declined: (held, False))


@sabotage("accept-without-offer", "A mitra accepts a chat that was never offered to her.", "OFFER-04")
def accept_without_offer() -> None:
    from server import blast

    offered = blast.Blast._offered

    async def found(self: Any, connection: Any, mitra_id: str, session_id: str) -> Any:
        held = await connection.fetchrow(blast.HOLD, session_id)
        if held is None:
            return await offered(self, connection, mitra_id, session_id)
        answer = await connection.fetchrow(blast._ANSWERED, session_id, mitra_id)
        return held, bool(answer and answer["declined"])

    blast.Blast._offered = found  # type: ignore[method-assign]


@sabotage("full-accepts", "A full mitra accepts another chat.", "OFFER-08")
def full_accepts() -> None:
    from server import blast

    async def room(connection: Any, mitra_id: str) -> None:
        """There always is."""

    blast.ensure_room = room


@sabotage("offline-cannot-accept", "An accept is refused once the mitra is offline.", "OFFER-03")
def offline_cannot_accept() -> None:
    from server import blast

    accept = blast.Blast.accept

    async def online_only(self: Any, mitra_id: str, session_id: str) -> Any:
        online = "SELECT is_online FROM mitra_online_status WHERE mitra_id = $1"
        if not await self._db.fetchval(online, mitra_id):
            raise blast.errors.mitra_unreachable()
        return await accept(self, mitra_id, session_id)

    blast.Blast.accept = online_only  # type: ignore[method-assign]


@sabotage("decline-is-200", "A decline is answered with 200 and an object.", "OFFER-05")
def decline_is_200() -> None:
    from server.routes_public import PublicRoutes

    decline = PublicRoutes.decline

    async def told(self: PublicRoutes, call: Any) -> dict[str, bool]:
        await decline(self, call)
        return {"declined": True}

    PublicRoutes.decline = told  # type: ignore[assignment,method-assign]


@sabotage("decline-of-all", "A decline closes the offer for every mitra.", "OFFER-05")
def decline_of_all() -> None:
    from server import blast

    replace_in(blast, "_DECLINE", "AND mitra_id = $2", "AND $2::uuid IS NOT NULL")


@sabotage("declines-once", "A repeated decline is 409.", "OFFER-05")
def declines_once() -> None:
    from server import blast

    decline = blast.Blast.decline

    async def once(self: Any, mitra_id: str, session_id: str) -> None:
        answered = await self._db.fetchrow(blast._ANSWERED, session_id, mitra_id)
        if answered and answered["declined"]:
            raise blast.errors.invalid_state("declined before")
        await decline(self, mitra_id, session_id)

    blast.Blast.decline = once  # type: ignore[method-assign]


@sabotage("declined-stays-listed", "An offer that was declined stays in the list.", "OFFER-02")
def declined_stays_listed() -> None:
    from server import blast

    replace_in(blast, "_OFFERS", "AND n.declined_at IS NULL", "")


@sabotage("cancelled-stays-listed", "The offer of a cancelled chat stays in the list.", "OFFER-02")
def cancelled_stays_listed() -> None:
    from server import blast

    replace_in(blast, "_OFFERS", "s.status = 'searching'", "s.status IN ('searching', 'cancelled')")
