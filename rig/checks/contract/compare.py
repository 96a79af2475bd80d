"""Compares an answer, rows and keys with what the model says."""

import re
from datetime import datetime
from itertools import pairwise

from rig.checks.contract import charges
from rig.record.lines.contract import ChatColumns, ContractStep, Keys, Rows
from rig.service.offers import has
from rig.service.state import Service
from rig.service.steps import Answer, Expected, Step

ANSWER_S = 5.0
INTERNAL_ERROR = 500
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
    wrong = wrong_fields(expected, answer)
    if wrong:
        pieces = [f"`{name}` {expected.body[name]!r}, got {shown(reply.get(name, 'nothing'))}" for name in wrong]
        return f"expected {'; '.join(pieces)}"
    return ""


def broken_by_any(answer: Answer) -> list[str]:
    """The sentences that this answer breaks, whatever was asked."""
    late = answer.ended - answer.began > ANSWER_S
    return [id for id, broken in (("HTTP-20", late), ("HTTP-21", answer.status == INTERNAL_ERROR)) if broken]


def wrong_fields(expected: Expected, answer: Answer) -> list[str]:
    """The fields of the reply that are missing or other than expected."""
    reply = answer.reply if isinstance(answer.reply, dict) else {}
    return [name for name, value in expected.body.items() if name not in reply or not has(reply[name], value)]


def kinds_of_difference(expected: Expected, answer: Answer) -> list[str]:
    """What of the answer differs, in the words of `rig.checks.contract.charges`."""
    if answer.status != expected.status or answer.code != expected.code:
        return [charges.STATUS]
    found = [charges.body(name) for name in wrong_fields(expected, answer)]
    token = answer.reply.get("access_token") if isinstance(answer.reply, dict) else None
    wanted = expected.body.get("access_token")
    if isinstance(token, dict) and isinstance(wanted, dict) and token.get("life") != wanted.get("life"):
        found.append(charges.body("life"))
    return found


def words(expected: Expected) -> str:
    return f"{expected.status} {expected.code or ''}".rstrip()


def shown(value: object, most: int = 160) -> str:
    text = repr(value)
    return text if len(text) <= most else f"{text[:most]}…"


def rows_differ(service: Service, expected: Expected, line: ContractStep) -> list[Difference]:
    """Rows that are not as the model has them: they break the sentence of the step, and each that promises these rows."""
    if line.rows is None:
        return []
    found: list[Difference] = []
    for kind, text in wrong_rows(service, line.rows):
        besides = charges.broken_besides(expected, [charges.rows(kind)], ("TABLE-03", "TABLE-05"))
        found += [(sentence, text) for sentence in (expected.sentence, *besides)]
    if line.action == "set-config" and expected.status == 200 and line.key not in line.rows.settings:
        found.append((expected.sentence, f"{line.key} has no row in app_config after it was set"))
    for name, audit in line.rows.audit.items():
        if any(one == after for one, after in pairwise(audit)):
            found.append(("TABLE-04", f"the audit of {name} is {shown(audit)} in Postgres, expected both in turn"))
    return found


def wrong_rows(service: Service, rows: Rows) -> list[tuple[str, str]]:
    """Each difference as the kind of its rows and its text."""
    found: list[tuple[str, str]] = []

    def compare(kind: str, what: str, wanted: object, seen: object) -> None:
        if seen != wanted:
            found.append((kind, f"{what} is {shown(seen)} in Postgres, expected {shown(wanted)}"))

    for name, online in rows.online.items():
        compare("is_online", f"is_online of {name}", service.mitras[name].online, online)
    for name, active in rows.active.items():
        compare("is_active", f"is_active of {name}", service.mitras[name].active, active)
    for name, audit in rows.audit.items():
        compare("audit", f"the audit of {name}", service.mitras[name].audit, audit)
    for name, live in rows.sign_ins.items():
        wanted = sum(token.live and token.user == name for token in service.tokens.values())
        compare("sign_ins", f"the number of sign-ins of {name}", wanted, live)
    for name in {*rows.chats, *(chat for chat in service.chats if chat in rows.chats)}:
        found += wrong_chat(service, name, rows.chats[name])
    for name, offered in rows.offers.items():
        asked = service.chats[name].offers if name in service.chats else {}
        wanted_offers = sorted(set(asked) & set(rows.active))  # those of the case
        compare("offers", f"whom {name} was offered to", wanted_offers, sorted(offered))
    for key, value in rows.settings.items():
        compare("setting", f"{key} in app_config", service.settings.get(key), value)
    return found


def wrong_chat(service: Service, name: str, row: ChatColumns) -> list[tuple[str, str]]:
    """Each column of this chat's row that is not as the model has it, with its text."""
    chat = service.chats.get(name)
    if chat is None:
        return [("chat", f"{name} has a row in chat_sessions")]
    columns: list[tuple[str, object, object]] = [
        ("status", row.status, chat.status), ("mitra", row.mitra, chat.mitra),
        ("customer", row.customer, chat.customer), ("duration", row.duration, chat.duration),
    ]  # fmt: skip
    if not same_time(row.ends_at, chat.ends_at):
        columns.append(("ends_at", row.ends_at, chat.ends_at))
    return [
        (column, f"{column} of {name} is {seen} in Postgres, expected {wanted}")
        for column, seen, wanted in columns
        if seen != wanted
    ]


def same_time(seen: float | None, wanted: float | None) -> bool:
    """Whether both are the same moment, to 0.01 s, or both are missing."""
    if seen is None or wanted is None:
        return seen is wanted
    return abs(seen - wanted) <= 0.01


KINDS_OF_KEYS = {
    "KEY-01": charges.ONLINE, "KEY-02": charges.DEACTIVATED, "KEY-03": charges.CAPACITY,
    "KEY-04": charges.HEARTBEAT, "TOGGLE-06": charges.HEARTBEAT,
}  # fmt: skip


def keys_differ(
    service: Service, expected: Expected, step: Step, answer: Answer, line: ContractStep
) -> list[Difference]:
    """Keys that are not as the model has them within the second that a change may take."""
    if line.keys is None or service.outage:
        return []
    heard = step.action in ("ping", "online") and has(answer.reply, {"is_online": True})
    found: list[Difference] = []
    for sentence, text in wrong_keys(service, line.keys):
        kind = KINDS_OF_KEYS.get(sentence, "")
        besides = [id for id in charges.broken_besides(expected, [kind]) if id != sentence]
        if kind == charges.HEARTBEAT and step.action == "ping" and f" of {step.actor} is " in text:
            besides.append(expected.sentence)  # a ping that must write no key
        found += [(id, text) for id in dict.fromkeys((sentence, *besides))]
    if heard:
        sentence = "TOGGLE-04" if step.action == "online" else "PING-01"
        found += wrong_ping(service, line.keys, step.actor, answer, sentence)
    elif step.action == "ping" and step.token == "fresh":
        found += refused_ping(service, line.keys, step.actor, expected.sentence)
    return found


def wrong_keys(service: Service, keys: Keys) -> list[Difference]:
    """Sets, capacities and heartbeats that are not as the model has them."""
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
    found += wrong_heartbeats(service, keys)
    found += [("KEY-07", f"{key} has a time to live") for key in keys.expiring]
    return found


def wrong_heartbeats(service: Service, keys: Keys) -> list[Difference]:
    found: list[Difference] = []
    for name in keys.of:
        mitra = service.mitras[name]
        value = keys.heartbeats.get(name)
        if mitra.heartbeat is None and value is not None:
            found.append(("TOGGLE-06", f"mitra:heartbeat of {name} is {value!r}, and she is not online"))
        if mitra.heartbeat is not None and value is None:
            found.append(("KEY-04", f"{name} is online and has no mitra:heartbeat"))
    return found


def wrong_ping(service: Service, keys: Keys, name: str, answer: Answer, sentence: str) -> list[Difference]:
    """The heartbeat of a mitra who has just pinged or come online; a wrong time breaks `sentence`."""
    mitra, value = service.mitras.get(name), keys.heartbeats.get(name)
    if mitra is None or mitra.heartbeat is None or value is None:
        return []
    if not HEARTBEAT.match(value):
        return [("KEY-04", f"mitra:heartbeat of {name} is {value!r}, no time such as 2026-01-31T08:00:00.000Z")]
    at = epoch(value)
    if answer.began - CLOCKS_S <= at <= answer.ended + CLOCKS_S:
        return []
    return [(sentence, f"mitra:heartbeat of {name} is {value}, {at - answer.ended:+.1f} s from the answer to her")]


def refused_ping(service: Service, keys: Keys, name: str, sentence: str) -> list[Difference]:
    """The heartbeat after a ping that must not write it: it may not be newer than the last one that counted."""
    mitra, value = service.mitras.get(name), keys.heartbeats.get(name)
    if mitra is None or mitra.heartbeat is None or value is None or not HEARTBEAT.match(value):
        return []
    newer_s = epoch(value) - mitra.heartbeat
    if newer_s <= CLOCKS_S:
        return []
    return [(sentence, f"mitra:heartbeat of {name} is {value}, {newer_s:.1f} s newer than the last that counted")]


def epoch(text: str) -> float:
    """Epoch seconds of a heartbeat."""
    return datetime.fromisoformat(text).timestamp()
