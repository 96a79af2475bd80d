"""Defects of a contract run, as a hurried team makes them: sign-ins, requests, chats and offers."""

from typing import Any

from tests.sabotage.entry import replace_in, sabotage

EDGES = ("--stage", "edges")
GROWTH = ("--stage", "growth")
PAIRS = ("--stage", "pairs")
RACES = ("--stage", "races")


# --- sign-ins ------------------------------------------------------------------------------------------------


@sabotage("tries-per-instance", "Each instance counts the wrong codes of a phone for itself.", "AUTH-07", by=RACES)
def tries_per_instance() -> None:
    from collections import Counter

    from server import errors, otp

    misses: Counter[tuple[str, str]] = Counter()
    request, check = otp.Otp.request, otp.Otp.check
    otp._MISS = otp._MISS.replace("attempts + 1", "attempts")

    async def forgets(self: Any, role: str, phone: str) -> int:
        misses.pop((role, phone), None)
        return await request(self, role, phone)

    async def counts(self: Any, connection: Any, role: str, phone: str, code: str) -> Any:
        if misses[role, phone] >= errors.OTP_ATTEMPTS_MAX:
            return errors.otp_too_many_attempts()
        refusal = await check(self, connection, role, phone, code)
        misses[role, phone] += refusal is not None
        return refusal

    otp.Otp.request, otp.Otp.check = forgets, counts  # type: ignore[method-assign]


@sabotage(
    "second-sign-in-keeps-the-code", "The code of a user who is signed in elsewhere serves again.", "AUTH-09", by=PAIRS
)
def second_sign_in_keeps_the_code() -> None:
    from server import otp

    otp._USE += """ AND NOT EXISTS (SELECT FROM auth_sessions AS s WHERE s.revoked_at IS NULL AND s.user_id IN (
      SELECT id FROM mitras WHERE phone = $2 UNION SELECT id FROM customers WHERE phone = $2)
      AND s.created_at < now())"""


@sabotage("thirty-seconds-more", "An access token is accepted for 30 s after its `exp`.", "AUTH-16", by=EDGES)
def thirty_seconds_more() -> None:
    import jwt

    decode = jwt.decode

    def patient(*arguments: Any, **options: Any) -> Any:
        return decode(*arguments, leeway=30, **options)

    jwt.decode = patient  # type: ignore[assignment]


@sabotage("country-code-ignored", "A phone signs in whoever has the same last nine digits.", "AUTH-04", by=EDGES)
def country_code_ignored() -> None:
    from server import auth

    replace_in(auth, "_MITRA_BY_PHONE", "phone = $1 FOR", "right(phone, 9) = right($1, 9) ORDER BY phone LIMIT 1 FOR")
    auth._CUSTOMER_BY_PHONE = auth._CUSTOMER_BY_PHONE.replace("phone = $1", "right(phone, 9) = right($1, 9)")


# --- requests ------------------------------------------------------------------------------------------------


@sabotage("body-of-64-kib-refused", "A body of exactly 64 KiB is 413.", "HTTP-07", by=EDGES)
def body_of_64_kib_refused() -> None:
    from server import asgi

    asgi.BODY_BYTES_MAX = 64 * 1024 - 1


@sabotage("refusals-leave-descriptors", "Each refusal with 409 leaves a descriptor open.", "GROW-01", by=GROWTH)
def refusals_leave_descriptors() -> None:
    import os

    from server import errors

    held: list[int] = []
    init = errors.ApiError.__init__

    def leaking(self: errors.ApiError, code: str, *arguments: Any) -> None:
        init(self, code, *arguments)
        if self.status == 409:
            held.append(os.open(os.devnull, os.O_RDONLY))

    errors.ApiError.__init__ = leaking  # type: ignore[method-assign]


@sabotage("ends-at-in-whole-seconds", "`ends_at` is answered in whole seconds.", "API-01", by=PAIRS)
def ends_at_in_whole_seconds() -> None:
    from server import response_models

    init = response_models.ChatSession.__init__

    def cut(self: Any, **fields: Any) -> None:
        init(self, **fields)
        if self.ends_at is not None:
            self.ends_at = self.ends_at.replace(microsecond=0)

    response_models.ChatSession.__init__ = cut  # type: ignore[method-assign]


# --- chats ---------------------------------------------------------------------------------------------------


@sabotage("a-day-is-too-long", "A chat of exactly 86,400 s is refused.", "CHAT-02", by=EDGES)
def a_day_is_too_long() -> None:
    from typing import Annotated

    from pydantic import BaseModel, Field

    from server.routes_public import PublicRoutes

    class Duration(BaseModel):
        duration_seconds: Annotated[int, Field(ge=1, lt=86_400, description="a whole number from 1 to 86400")]

    PublicRoutes.create.__annotations__["body"] = Duration


@sabotage(
    "restart-opens-the-window-anew",
    "After a restart a chat in its goodbye window waits for a whole window again, counted from the restart.",
    "CHAT-14",
    by=EDGES,
)
def restart_opens_the_window_anew() -> None:
    import time

    from server import app, chats

    began = time.time()
    until_due = chats.Chats._until_due

    def anew(self: Any, row: Any) -> float | None:
        wait, ends_at = until_due(self, row), row["ends_at"]
        if wait is None or ends_at.timestamp() > began:
            return wait
        return began + self._goodbye_window_seconds - time.time()

    assert app.Chats is chats.Chats
    chats.Chats._until_due = anew  # type: ignore[method-assign]


@sabotage("extensions-add-up", "A second extension adds the time of the first one again.", "EXTEND-03", by=PAIRS)
def extensions_add_up() -> None:
    from server import chats

    replace_in(chats, "_EXTEND", "extension_seconds = $3", "extension_seconds = coalesce(extension_seconds, 0) + $3")
    replace_in(chats, "_PAY_EXTENSION", "extension_seconds = NULL,", "")


@sabotage(
    "unpaid-end-keeps-the-load",
    "An unpaid extension that ends by its timer leaves the capacity key as it was.",
    "CHAT-15",
    by=EDGES,
)
def unpaid_end_keeps_the_load() -> None:
    from server import chats

    expire = chats.Chats.expire

    async def in_rows_alone(self: Any, session_id: str) -> float | None:
        row = await self._db.fetchrow(chats.FIND, session_id)
        wait = self._until_due(row) if row else None
        if row is None or row["status"] != "pending_payment" or wait is None or wait > 0:
            return await expire(self, session_id)
        await self._db.execute(
            "UPDATE chat_sessions SET status = 'ended' WHERE id = $1 AND status = 'pending_payment'", session_id
        )
        return None

    chats.Chats.expire = in_rows_alone  # type: ignore[method-assign]


@sabotage("former-mitra-ends", "A mitra whose chat was rerouted may still end it.", "CHAT-16", by=PAIRS)
def former_mitra_ends() -> None:
    from server import chats

    end = chats.Chats.end_by_mitra
    offered = "SELECT true FROM chat_request_notifications WHERE chat_session_id = $1 AND mitra_id = $2"

    async def by_offer(self: Any, mitra_id: str, session_id: str) -> Any:
        row = await self.find(session_id)
        if await self._db.fetchval(offered, session_id, mitra_id) and row["mitra_id"] is not None:
            mitra_id = row["mitra_id"]
        return await end(self, mitra_id, session_id)

    chats.Chats.end_by_mitra = by_offer  # type: ignore[method-assign]


@sabotage("no-extension-with-the-full", "A chat of a mitra who is full cannot be extended.", "EXTEND-01", by=PAIRS)
def no_extension_with_the_full() -> None:
    from server import chats, errors

    extend = chats.Chats.extend

    async def with_room(self: Any, customer_id: str, session_id: str, duration_seconds: int) -> Any:
        row = await self._db.fetchrow(chats.FIND, session_id)
        runs = row and row["status"] == "active" and row["customer_id"] == customer_id and row["left_seconds"] > 0
        if runs and row["mitra_id"] not in await self._mirror.find_available():
            raise errors.mitra_unreachable()
        return await extend(self, customer_id, session_id, duration_seconds)

    chats.Chats.extend = with_room  # type: ignore[method-assign]


@sabotage(
    "failed-payment-counts",
    "A chat whose payment found nobody cannot be paid later on that instance.",
    "CHAT-04",
    by=PAIRS,
)
def failed_payment_counts() -> None:
    from server import blast, errors

    pay = blast.Blast.pay
    tried: set[str] = set()

    async def once(self: Any, customer_id: str, session_id: str) -> Any:
        if session_id in tried:
            raise errors.invalid_state("the chat was paid before")
        try:
            return await pay(self, customer_id, session_id)
        except errors.ApiError as error:
            if error.code == "NO_MITRA_AVAILABLE":
                tried.add(session_id)
            raise

    blast.Blast.pay = once  # type: ignore[method-assign]


# --- offers and reroutes -------------------------------------------------------------------------------------


@sabotage("decline-of-anything", "A decline of a chat that was never offered is 204.", "OFFER-04", by=PAIRS)
def decline_of_anything() -> None:
    from server import blast, errors

    decline = blast.Blast.decline

    async def easy(self: Any, mitra_id: str, session_id: str) -> None:
        try:
            await decline(self, mitra_id, session_id)
        except errors.ApiError as error:
            if error.code != "NOT_FOUND" or not await self._db.fetchval(blast.HOLD, session_id):
                raise

    blast.Blast.decline = easy  # type: ignore[method-assign]


@sabotage(
    "reroute-counts-the-active", "A reroute counts only the `active` chats of the new mitra.", "REROUTE-04", by=PAIRS
)
def reroute_counts_the_active() -> None:
    from server import capacity, chats

    load = capacity._LOAD
    ensure_room = capacity.ensure_room

    async def lenient(connection: Any, mitra_id: str) -> None:
        capacity._LOAD = "SELECT count(*) FROM chat_sessions WHERE mitra_id = $1 AND status = 'active'"
        try:
            await ensure_room(connection, mitra_id)
        finally:
            capacity._LOAD = load

    chats.ensure_room = lenient
