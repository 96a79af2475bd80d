"""A chat from its creation to its end, as its customer and its mitra act on it."""

from collections.abc import Callable
from typing import Any

from rig.service.presence import inactive
from rig.service.state import Chat, Service
from rig.service.steps import Answer, Expected, Step, action, refused

SESSIONS = "/api/client/chat-sessions"
SECONDS_MIN, SECONDS_MAX = 1, 86_400
# An accept and an `ends_at` are of two clocks.
CLOCKS_S = 1.0


class Near:
    """A time in an answer that may be off by `within_s`; it compares with epoch seconds."""

    def __init__(self, at: float, within_s: float) -> None:
        self.at, self.within_s = at, within_s

    def __eq__(self, other: object) -> bool:
        return isinstance(other, (int, float)) and abs(other - self.at) <= self.within_s

    def __hash__(self) -> int:
        return hash((self.at, self.within_s))

    def __repr__(self) -> str:
        return f"{self.at:.3f} ± {self.within_s:g} s"


def session(chat: Chat, **changed: Any) -> dict[str, Any]:
    """The session as an answer shows it, with the fields that this step changes."""
    fields = {
        "id": chat.name,
        "customer_id": chat.customer,
        "mitra_id": chat.mitra,
        "status": chat.status,
        "duration_seconds": chat.duration,
        "ends_at": chat.ends_at,
    }
    return fields | changed


def bad_duration(value: Any) -> bool:
    return isinstance(value, bool) or not isinstance(value, int) or not SECONDS_MIN <= value <= SECONDS_MAX


def not_for_them(service: Service, step: Step) -> list[Expected]:
    """404 for a chat that is not there, 403 for somebody else's. Empty where the customer may act on it."""
    chat = service.chats.get(step.chat)
    if chat is None:
        return refused(404, "NOT_FOUND", "HTTP-11")
    if chat.customer != step.actor:
        return refused(403, "FORBIDDEN", "CHAT-03", "HTTP-10")
    return []


def wrong_state(*also: str) -> list[Expected]:
    return refused(409, "INVALID_STATE", "CHAT-13", *also)


def seconds_body(step: Step) -> Any:
    return {"duration_seconds": step.value}


@action("create", "POST", SESSIONS, "client", seconds_body)
def create(service: Service, step: Step, now: float) -> list[Expected]:
    """`chat` is the name that the new chat gets."""
    if bad_duration(step.value):
        return refused(400, "VALIDATION_ERROR", "CHAT-02", "HTTP-09")
    chat = Chat(step.chat, step.actor, step.value)

    def change(answer: Answer) -> None:
        service.chats[chat.name] = chat

    return [Expected(201, "CHAT-01", body=session(chat), change=change, also=("API-01", "CHAT-02"))]


@action("get", "GET", SESSIONS + "/{chat}", "client")
def get(service: Service, step: Step, now: float) -> list[Expected]:
    refusal = not_for_them(service, step)
    return refusal or [Expected(200, "CHAT-03", body=session(service.chats[step.chat]), also=("API-01",))]


@action("pay", "POST", SESSIONS + "/{chat}/pay", "client")
def pay(service: Service, step: Step, now: float) -> list[Expected]:
    if refusal := not_for_them(service, step):
        return refusal
    chat = service.chats[step.chat]
    available = service.available(now)
    if chat.status != "searching":
        return wrong_state()
    open_to = {mitra for mitra, state in chat.offers.items() if state == "open"}
    if chat.paid and open_to & available:
        return wrong_state("CHAT-06")
    fresh = available - open_to - {mitra for mitra, state in chat.offers.items() if state == "declined"}
    declined = {mitra for mitra in available if chat.offers.get(mitra) == "declined"}
    answers = [blast(chat, fresh, service)] if fresh else []
    if declined:  # whether they are asked again is the server's own
        answers.append(blast(chat, fresh | declined, service))
    if not fresh:
        answers += refused(409, "NO_MITRA_AVAILABLE", "CHAT-05")
    return answers


def blast(chat: Chat, mitras: set[str], service: Service) -> Expected:
    def change(answer: Answer) -> None:
        chat.paid = True
        chat.offers |= dict.fromkeys(sorted(mitras), "open")

    sentence = "CHAT-06" if chat.paid else "CHAT-04"
    also = ("BLAST-01", "TABLE-05", *(("BLAST-03", "BLAST-04") if service.outage else ()))
    return Expected(200, sentence, body=session(chat, offered=len(mitras)), change=change, also=(*also, "API-01"))


@action("cancel", "POST", SESSIONS + "/{chat}/cancel", "client")
def cancel(service: Service, step: Step, now: float) -> list[Expected]:
    return moved(service, step, ("searching",), "cancelled", "CHAT-09")


@action("end", "POST", SESSIONS + "/{chat}/end", "client")
def end(service: Service, step: Step, now: float) -> list[Expected]:
    return moved(service, step, ("active", "pending_payment"), "ended", "CHAT-08", "CHAT-15")


@action("goodbye", "POST", SESSIONS + "/{chat}/goodbye", "client")
def goodbye(service: Service, step: Step, now: float) -> list[Expected]:
    chat = service.chats.get(step.chat)
    if chat is not None and chat.customer == step.actor and not service.time_is_up(chat, now):
        return wrong_state()
    return moved(service, step, ("active", "pending_payment"), "ended", "CHAT-10", "CHAT-15")


def moved(service: Service, step: Step, of: tuple[str, ...], to: Any, sentence: str, *also: str) -> list[Expected]:
    """The customer's chat goes from one of these statuses to another, or stays with 409."""
    if refusal := not_for_them(service, step):
        return refusal
    chat = service.chats[step.chat]
    return ends(chat, of, to, sentence, *also)


def ends(chat: Chat, of: tuple[str, ...], to: Any, sentence: str, *also: str) -> list[Expected]:
    if chat.status not in of:
        return wrong_state()
    body = session(chat, status=to)
    return [Expected(200, sentence, body=body, change=setter(chat, status=to), also=(*also, "API-01"))]


def setter(chat: Chat, **values: Any) -> Callable[[Answer], None]:
    """A change that sets these fields of the chat."""

    def change(answer: Answer) -> None:
        for name, value in values.items():
            setattr(chat, name, value)

    return change


@action("extend", "POST", SESSIONS + "/{chat}/extend", "client", seconds_body)
def extend(service: Service, step: Step, now: float) -> list[Expected]:
    if bad_duration(step.value):
        return refused(400, "VALIDATION_ERROR", "CHAT-02", "HTTP-09")
    if refusal := not_for_them(service, step):
        return refusal
    chat = service.chats[step.chat]
    if chat.status != "active" or service.time_is_up(chat, now):
        return wrong_state()
    if not service.reachable(chat.mitra or "", now):
        return refused(409, "MITRA_UNREACHABLE", "EXTEND-02", "REACH-01")
    change = setter(chat, status="pending_payment", extension=step.value)
    body = session(chat, status="pending_payment")
    return [Expected(200, "EXTEND-01", body=body, change=change, also=("EXTEND-06", "EXTEND-07", "REACH-01"))]


@action("extension-pay", "POST", SESSIONS + "/{chat}/extension/pay", "client")
def extension_pay(service: Service, step: Step, now: float) -> list[Expected]:
    if refusal := not_for_them(service, step):
        return refusal
    chat = service.chats[step.chat]
    if chat.status != "pending_payment" or chat.extension is None or chat.ends_at is None:
        return wrong_state()
    ends_at = chat.ends_at + chat.extension
    change = setter(chat, status="active", ends_at=ends_at, extension=None)
    body = session(chat, status="active", ends_at=Near(ends_at, 0.01))
    in_window = ("EXTEND-04",) if service.time_is_up(chat, now) else ()
    return [Expected(200, "EXTEND-03", body=body, change=change, also=("EXTEND-06", *in_window))]


@action("mitra-end", "POST", "/api/mitra/chat-sessions/{chat}/end", "mitra")
def mitra_end(service: Service, step: Step, now: float) -> list[Expected]:
    chat = service.chats.get(step.chat)
    if refusal := inactive(service.mitras[step.actor]):
        return refusal
    if chat is None:
        return refused(404, "NOT_FOUND", "HTTP-11")
    if chat.mitra != step.actor:
        return refused(403, "FORBIDDEN", "CHAT-16", "HTTP-10")
    return ends(chat, ("active", "pending_payment"), "ended", "CHAT-08", "CHAT-15")
