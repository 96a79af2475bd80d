"""Offers: whom a chat was offered to, who accepts and who declines."""

from typing import Any

from rig.service.chats import CLOCKS_S, Near, session
from rig.service.presence import inactive
from rig.service.state import Chat, Service
from rig.service.steps import Answer, Expected, Step, action, refused

REQUESTS = "/api/mitra/chat-requests"


class AnyOrder:
    """A list in an answer of which the order is free."""

    def __init__(self, items: list[Any]) -> None:
        self.items = items

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, list) or len(other) != len(self.items):
            return False
        return all(any(has(found, item) for found in other) for item in self.items)

    def __hash__(self) -> int:
        return hash(len(self.items))

    def __repr__(self) -> str:
        return f"{self.items} in any order"


def has(found: Any, wanted: Any) -> bool:
    """Whether an answer's value is the wanted one; an object may hold more."""
    if isinstance(wanted, dict):
        return isinstance(found, dict) and all(name in found and has(found[name], wanted[name]) for name in wanted)
    return bool(wanted == found) and isinstance(found, bool) == isinstance(wanted, bool)


@action("offers", "GET", REQUESTS, "mitra")
def offers(service: Service, step: Step, now: float) -> list[Expected]:
    open_ones = [
        {"chat_session_id": chat.name, "duration_seconds": chat.duration}
        for chat in service.chats.values()
        if chat.status == "searching" and chat.offers.get(step.actor) == "open"
    ]
    refusal = inactive(service.mitras[step.actor])
    body = {"chat_requests": AnyOrder(open_ones)}
    shown = [chat for chat in service.chats.values() if chat.status == "searching" and step.actor in chat.offers]
    also = ("OFFER-02", "API-03", *(("OFFER-05",) if any(map(declined_by_some, shown)) else ()))
    return refusal or [Expected(200, "OFFER-01", body=body, also=also)]


def declined_by_some(chat: Chat) -> bool:
    return "declined" in chat.offers.values()


def never_offered(service: Service, step: Step) -> list[Expected]:
    if refusal := inactive(service.mitras[step.actor]):
        return refusal
    chat = service.chats.get(step.chat)
    if chat is None:
        return refused(404, "NOT_FOUND", "HTTP-11")
    return [] if step.actor in chat.offers else refused(404, "NOT_FOUND", "OFFER-04", "HTTP-10")


@action("accept", "POST", REQUESTS + "/{chat}/accept", "mitra")
def accept(service: Service, step: Step, now: float) -> list[Expected]:
    if refusal := never_offered(service, step):
        return refusal
    chat = service.chats[step.chat]
    if chat.mitra is not None:
        return refused(409, "ALREADY_TAKEN", "OFFER-06")
    declined = chat.status == "cancelled" or chat.offers[step.actor] == "declined"
    refusals = refused(409, "INVALID_STATE", "OFFER-07") if declined else []
    if service.full(step.actor):
        refusals += refused(409, "MITRA_AT_CAPACITY", "OFFER-08", "OFFER-09")
    if refusals:
        return refusals
    offline = () if service.mitras[step.actor].online else ("OFFER-03",)
    others = ("OFFER-05",) if declined_by_some(chat) else ()
    also = ("OFFER-09", "CHAT-15", *offline, *others, *(("OFFER-11",) if service.outage else ()))
    body = session(chat, status="active", mitra_id=step.actor, ends_at=Near(now + chat.duration, CLOCKS_S))
    return [Expected(200, "CHAT-07", body=body, change=taken_by(chat, step.actor), also=also)]


def taken_by(chat: Chat, mitra: str) -> Any:
    def change(answer: Answer) -> None:
        chat.status, chat.mitra = "active", mitra
        told = answer.reply.get("ends_at") if isinstance(answer.reply, dict) else None
        chat.ends_at = told if isinstance(told, float) else answer.ended + chat.duration

    return change


@action("decline", "POST", REQUESTS + "/{chat}/decline", "mitra")
def decline(service: Service, step: Step, now: float) -> list[Expected]:
    if refusal := never_offered(service, step):
        return refusal
    chat = service.chats[step.chat]

    def change(answer: Answer) -> None:
        chat.offers[step.actor] = "declined"

    done = [Expected(204, "OFFER-05", change=change)]
    if chat.status == "searching" or chat.offers[step.actor] == "declined":
        return done
    return [Expected(204, "OFFER-05"), *refused(409, "INVALID_STATE", "CHAT-13")]
