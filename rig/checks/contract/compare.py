"""Compares an answer, rows and keys with what the model says."""

import re
from datetime import datetime
from typing import Any

from rig.record.lines.contract import ContractStep, Keys, Rows
from rig.service.offers import has
from rig.service.state import Service
from rig.service.steps import Answer, Expected, Step

ANSWER_S = 5.0
CLOCKS_S = 1.0  # by which the stamps of two clocks may differ
HEARTBEAT = re.compile(r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$")

Difference = tuple[str, str]  # the sentence, and what is wrong


def answer_differs(expected: Expected, answer: Answer) -> str:
    """Empty where this is the expected answer, else what was expected and what came."""
    if answer.status is None:
        return f"expected {words(expected)}, there was no answer: {answer.error}"
    if answer.status != expected.status or answer.code != expected.code:
        return f"expected {words(expected)}, got {answer.status} {answer.code or ''}".rstrip()
    if answer.ended - answer.began > ANSWER_S:
        return f"the answer took {answer.ended - answer.began:.1f} s"
    reply = answer.reply if isinstance(answer.reply, dict) else {}
    wrong = [name for name, value in expected.body.items() if name not in reply or not has(reply[name], value)]
    if wrong:
        pieces = [f"`{name}` {expected.body[name]!r}, got {shown(reply.get(name, 'nothing'))}" for name in wrong]
        return f"expected {'; '.join(pieces)}"
    return ""


def words(expected: Expected) -> str:
    return f"{expected.status} {expected.code or ''}".rstrip()


def shown(value: Any, most: int = 160) -> str:
    text = repr(value)
    return text if len(text) <= most else f"{text[:most]}…"


def rows_differ(service: Service, expected: Expected, line: ContractStep) -> list[Difference]:
    """Rows that are not as the model has them, charged to the sentence of the step."""
    if line.rows is None:
        return []
    return [(expected.sentence, text) for text in wrong_rows(service, line.rows)]


def wrong_rows(service: Service, rows: Rows) -> list[str]:
    found: list[str] = []

    def compare(what: str, wanted: Any, seen: Any) -> None:
        if seen != wanted:
            found.append(f"{what} is {shown(seen)} in Postgres, expected {shown(wanted)}")

    for name, online in rows.online.items():
        compare(f"is_online of {name}", service.mitras[name].online, online)
    for name, active in rows.active.items():
        compare(f"is_active of {name}", service.mitras[name].active, active)
    for name, audit in rows.audit.items():
        compare(f"the audit of {name}", service.mitras[name].audit, audit)
    for name, live in rows.sign_ins.items():
        wanted = sum(token.live and token.user == name for token in service.tokens.values())
        compare(f"the number of sign-ins of {name}", wanted, live)
    for name in {*rows.chats, *(chat for chat in service.chats if chat in rows.chats)}:
        found += wrong_chat(service, name, rows.chats[name])
    for name, offered in rows.offers.items():
        asked = service.chats[name].offers if name in service.chats else {}
        wanted_offers = sorted(set(asked) & set(rows.active))  # those of the case
        compare(f"whom {name} was offered to", wanted_offers, sorted(offered))
    for key, value in rows.settings.items():
        compare(f"{key} in app_config", service.settings.get(key), value)
    return found


def wrong_chat(service: Service, name: str, row: dict[str, Any]) -> list[str]:
    chat = service.chats.get(name)
    if chat is None:
        return [f"{name} has a row in chat_sessions"]
    wanted = {"status": chat.status, "mitra": chat.mitra, "customer": chat.customer, "duration": chat.duration}
    wrong = [
        f"{column} of {name} is {row.get(column)} in Postgres, expected {value}"
        for column, value in wanted.items()
        if row.get(column) != value
    ]
    ends_at = row.get("ends_at")
    if (ends_at is None) != (chat.ends_at is None) or (
        chat.ends_at is not None and abs(ends_at - chat.ends_at) > 0.01  # type: ignore[operator]
    ):
        wrong.append(f"ends_at of {name} is {ends_at} in Postgres, expected {chat.ends_at}")
    return wrong


def keys_differ(service: Service, step: Step, answer: Answer, line: ContractStep) -> list[Difference]:
    """Keys that are not as the model has them within the second that a change may take."""
    if line.keys is None or service.outage:
        return []
    heard = step.action in ("ping", "online") and has(answer.reply, {"is_online": True})
    return wrong_keys(service, line.keys, {step.actor: answer} if heard else {})


def wrong_keys(service: Service, keys: Keys, pinged: dict[str, Answer]) -> list[Difference]:
    found: list[Difference] = []
    late = f"{keys.after_s:.2f} s after the answer"
    for sentence, key, wanted, seen in (
        ("KEY-01", "mitras:online", service.online(), set(keys.online)),
        ("KEY-02", "mitras:deactivated", service.deactivated(), set(keys.deactivated)),
    ):
        if seen != wanted:
            lacks, extra = sorted(wanted - seen), sorted(seen - wanted)
            found.append((sentence, f"{key} lacks {lacks or 'none'} and holds {extra or 'none'} too many, {late}"))
    for name in sorted(service.online() & set(keys.of)):
        capacity, load = keys.capacities.get(name), service.load(name)
        if capacity != str(load):
            found.append(("KEY-03", f"mitra:capacity of {name} is {capacity}, her load is {load}, {late}"))
    found += wrong_heartbeats(service, keys, pinged)
    found += [("KEY-07", f"{key} has a time to live") for key in keys.expiring]
    return found


def wrong_heartbeats(service: Service, keys: Keys, pinged: dict[str, Answer]) -> list[Difference]:
    found: list[Difference] = []
    for name in keys.of:
        mitra = service.mitras[name]
        value = keys.heartbeats.get(name)
        if mitra.heartbeat is None and value is not None:
            found.append(("TOGGLE-06", f"mitra:heartbeat of {name} is {value}, and she is not online"))
        if mitra.heartbeat is not None and value is None:
            found.append(("KEY-04", f"{name} is online and has no mitra:heartbeat"))
    for name, answer in pinged.items():
        mitra_now = service.mitras.get(name)
        value = keys.heartbeats.get(name)
        if mitra_now is None or mitra_now.heartbeat is None or value is None:
            continue
        if not HEARTBEAT.match(value):
            found.append(
                ("KEY-04", f"mitra:heartbeat of {name} is {value!r}, no time such as 2026-01-31T08:00:00.000Z")
            )
            continue
        at = epoch(value)
        if not answer.began - CLOCKS_S <= at <= answer.ended + CLOCKS_S:
            found.append(
                ("PING-01", f"mitra:heartbeat of {name} is {value}, she pinged {at - answer.ended:+.1f} s from it")
            )
    return found


def epoch(text: str) -> float:
    """Epoch seconds of a heartbeat."""
    return datetime.fromisoformat(text).timestamp()
