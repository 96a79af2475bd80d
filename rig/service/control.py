"""The control center: mitras, reroutes and settings."""

from typing import Any

from rig.service.chats import session
from rig.service.offers import AnyOrder
from rig.service.state import DEFAULTS, Service
from rig.service.steps import Answer, Expected, Step, action, refused

VALUE_MIN, VALUE_MAX = 1, 1_000_000


@action("mitras", "GET", "/internal/mitras", "operator")
def mitras(service: Service, step: Step, now: float) -> list[Expected]:
    rows = [
        {"id": mitra.name, "display_name": mitra.name, "is_active": mitra.active, "is_online": mitra.online}
        for mitra in service.mitras.values()
    ]
    return [Expected(200, "OPS-03", body={"mitras": AnyOrder(rows)}, also=("API-03",))]


def active_body(step: Step) -> Any:
    return {"is_active": step.value}


@action("set-active", "PATCH", "/internal/mitras/{mitra}", "operator", active_body)
def set_active(service: Service, step: Step, now: float) -> list[Expected]:
    if not isinstance(step.value, bool):
        return refused(400, "VALIDATION_ERROR", "HTTP-09")
    mitra = service.mitras.get(step.mitra)
    if mitra is None:
        return refused(404, "NOT_FOUND", "HTTP-11")

    def change(answer: Answer) -> None:
        mitra.active = step.value
        mitra.was_deactivated = mitra.was_deactivated or not step.value
        if not step.value:
            for token in service.tokens.values():
                token.live = token.live and token.user != mitra.name

    body = {"id": mitra.name, "display_name": mitra.name, "is_active": step.value, "is_online": mitra.online}
    also = ("OPS-04", "DEACT-01", "DEACT-02", "DEACT-03") if not step.value else ("OPS-04", "DEACT-06")
    return [Expected(200, "OPS-04" if step.value else "DEACT-01", body=body, change=change, also=also)]


@action("reachable", "GET", "/internal/mitras/{mitra}/reachable", "operator")
def reachable(service: Service, step: Step, now: float) -> list[Expected]:
    if step.mitra not in service.mitras:
        return [*refused(404, "NOT_FOUND", "HTTP-11"), Expected(200, "REACH-01", body={"reachable": False})]
    body = {"reachable": service.reachable(step.mitra, now)}
    sentence = "REACH-02" if service.outage else "REACH-01"
    also = () if service.mitras[step.mitra].active else ("BLAST-06",)
    return [Expected(200, sentence, body=body, also=also)]


@action("available", "GET", "/internal/mitras/available", "operator")
def available(service: Service, step: Step, now: float) -> list[Expected]:
    body = {"mitra_ids": AnyOrder(sorted(service.available(now)))}
    return [Expected(200, "BLAST-03" if service.outage else "BLAST-05", body=body, also=("BLAST-06",))]


def mitra_body(step: Step) -> Any:
    return {"mitra_id": step.mitra}


@action("reroute", "POST", "/internal/chat-sessions/{chat}/reroute", "operator", mitra_body)
def reroute(service: Service, step: Step, now: float) -> list[Expected]:
    chat = service.chats.get(step.chat)
    if chat is None or step.mitra not in service.mitras:
        return refused(404, "NOT_FOUND", "REROUTE-02", "HTTP-11")
    if chat.status != "active" or chat.mitra == step.mitra:
        return refused(409, "INVALID_STATE", "REROUTE-03", "REROUTE-05")
    if not service.reachable(step.mitra, now):
        return refused(409, "MITRA_UNREACHABLE", "REROUTE-04", "REROUTE-05")
    if service.full(step.mitra):
        return refused(409, "MITRA_AT_CAPACITY", "REROUTE-04", "REROUTE-05", "REROUTE-07")

    def change(answer: Answer) -> None:
        chat.mitra = step.mitra

    body = session(chat, mitra_id=step.mitra)
    also = ("REROUTE-06", "REROUTE-07", *(("REROUTE-08",) if service.outage else ()))
    return [Expected(200, "REROUTE-01", body=body, change=change, also=also)]


@action("config", "GET", "/internal/config", "operator")
def config(service: Service, step: Step, now: float) -> list[Expected]:
    return [Expected(200, "CONFIG-01", body={"config": dict(service.settings)}, also=("CONFIG-04", "TABLE-06"))]


def value_body(step: Step) -> Any:
    return {"value": step.value}


@action("set-config", "PUT", "/internal/config/{key}", "operator", value_body)
def set_config(service: Service, step: Step, now: float) -> list[Expected]:
    value, known = step.value, step.key in DEFAULTS
    good = isinstance(value, int) and not isinstance(value, bool) and VALUE_MIN <= value <= VALUE_MAX
    if known and not good:
        return refused(400, "VALIDATION_ERROR", "CONFIG-03", "HTTP-09")
    unknown = [] if known else refused(404, "NOT_FOUND", "CONFIG-03")
    if not good:
        return [*refused(400, "VALIDATION_ERROR", "CONFIG-03"), *unknown]
    if unknown:
        return unknown

    def change(answer: Answer) -> None:
        service.settings[step.key] = value

    return [Expected(200, "CONFIG-02", body={"key": step.key, "value": value}, change=change, also=("CONFIG-06",))]
