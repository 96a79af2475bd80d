"""Values at their bounds, ids in upper case, and what the rows hold: asked for and looked at, one thing at a time."""

import json
import time
from datetime import UTC, datetime
from typing import Any

from psycopg import sql

from rig.contract import SETTING_S
from rig.environment.testbed import DEFAULT_SETTINGS, MARGIN_S, Testbed
from rig.runs.contract.probes.edges import Sender
from rig.runs.contract.probes.people import operator, some_customer, some_mitra
from rig.runs.contract.probing import probe
from rig.service.steps import ACTIONS
from rig.traffic import Mitra
from rig.traffic.actors.tokens import mint

SNAPSHOT = "availability:snapshot"
WRONG_DURATIONS: tuple[Any, ...] = (0, -1, 86_401, 10**12, 1.5, "600", None, True)
WRONG_SETTINGS: tuple[Any, ...] = (0, -1, 1_000_001, 10**12, 1.5, "3", "", None, True, [3])
WRONG_PHONES: tuple[Any, ...] = ("", "phone", "+", "081234567890", "6281234567890", "+62 812 345", "+62812x", 628123)
UNKNOWN_PHONE = "+6281999999999"
HELD = "SELECT count(*) FROM auth_sessions AS s WHERE position(%s IN s::text) > 0"
EXPIRE = sql.SQL("UPDATE auth_sessions SET expires_at = now() - interval '1 minute' WHERE user_id::text = %s")
HEARTBEAT_AT = datetime(2026, 1, 31, 8, 30, 15, 250_000, tzinfo=UTC)
SHORT_MS = 4000  # life of a snapshot that was written by hand


@probe("values at their bounds", "edges")
def values_at_bounds(testbed: Testbed) -> dict[str, Any]:
    """Durations, settings and phones just inside and outside of what is allowed, and a setting that does not exist."""
    sender = Sender(testbed)

    def tried(name: str, field: str, value: Any, **places: str) -> list[Any]:
        content = json.dumps({field: value}).encode()
        declared = ACTIONS[name]
        answer = sender.send(declared, content, url=sender.url(declared, **places))
        return [f"{name} {field}={value!r}", *answer]

    seen = {
        "wrong durations": [
            tried(name, "duration_seconds", value) for name in ("create", "extend") for value in WRONG_DURATIONS
        ],
        "right durations": [tried("create", "duration_seconds", value) for value in (1, 86_400)],
        "wrong settings": [
            tried("set-config", "value", value, key=key)
            for key in ("max_customers_per_mitra", "stale_after_seconds")
            for value in WRONG_SETTINGS
        ],
        "right settings": [tried("set-config", "value", value) for value in (1, 1_000_000, 3)],
        "unknown setting": [tried("set-config", "value", 3, key=key) for key in ("no_such_setting", "max_customers")],
        "phones": [
            tried(f"{role}-request-code", "phone", value) for role in ("mitra", "client") for value in WRONG_PHONES
        ],
    }
    known = {"mitra": sender.mitra.phone, "client": sender.customer.phone}
    codes = [
        sender.send_for_reply(ACTIONS[f"{role}-request-code"], {"phone": phone})
        for role, own in known.items()
        for phone in (own, UNKNOWN_PHONE)
    ]
    return {**seen, "codes": codes, "config": operator(testbed).config().reply}


@probe("people nobody knows", "edges")
def unknown_people(testbed: Testbed) -> dict[str, Any]:
    """The right code for a phone that no mitra has, and for one that no customer has; and the rows afterwards."""
    sender = Sender(testbed)
    found: dict[str, Any] = {}
    for role, table in (("mitra", "mitras"), ("client", "customers")):
        sender.send_for_reply(ACTIONS[f"{role}-request-code"], {"phone": UNKNOWN_PHONE})
        body = {"phone": UNKNOWN_PHONE, "code": sender.server.otp_code}
        _, status, reply = sender.send_for_reply(ACTIONS[f"{role}-verify"], body)
        error = reply.get("error") if isinstance(reply, dict) else None
        rows = testbed.tables.query(f"SELECT count(*) FROM {table} WHERE phone = %s", (UNKNOWN_PHONE,)).value
        found[role] = [status, error.get("code") if isinstance(error, dict) else None, rows]
    return found


@probe("ids in upper case", "edges")
def upper_case_ids(testbed: Testbed) -> dict[str, Any]:
    """An id in upper case in the path, in the body and in `sub`."""
    sender = Sender(testbed)
    taken = sender.mitra.accept(sender.chat)
    mitra_id = str(sender.mitra.id)
    get, profile, reroute = ACTIONS["get"], ACTIONS["profile"], ACTIONS["reroute"]
    url = sender.url(get, chat=sender.chat.upper())
    answer = sender.http.get(url, headers={"Authorization": f"Bearer {sender.token(get)}"})
    body = json.dumps({"mitra_id": mitra_id.upper()}).encode()
    token = mint(sender.server.jwt_secret or "", mitra_id.upper(), "mitra")
    return {
        "taken": taken.status,
        "path": [answer.status_code, answer.json().get("id") if answer.status_code == 200 else None, sender.chat],
        "body": sender.send(reroute, body),
        "sub": sender.send(profile, None, token=token),
    }


@probe("status of a mitra", "edges")
def status_of_mitra(testbed: Testbed) -> dict[str, Any]:
    """The status before and after a heartbeat is put into the row by hand."""
    testbed.empty_stores()
    mitra = some_mitra(testbed, "looked at")
    table = "mitra_online_status"
    found = []
    for at in (None, HEARTBEAT_AT):
        changed = testbed.fixtures.update(table, str(mitra.id), last_heartbeat_at=at)
        answer = mitra.status()
        found.append([None if at is None else at.timestamp(), changed, answer.status, answer.reply])
    return {"found": found}


@probe("snapshot", "edges")
def snapshot(testbed: Testbed) -> dict[str, Any]:
    """The snapshot after a poll with nobody and with somebody available, one written by hand, and one beside a change."""
    testbed.empty_stores()
    run = testbed.mirror.run
    polls = [some_customer(testbed, "poller", name) for name in testbed.servers]

    def recomputed() -> list[Any]:
        run("DEL", SNAPSHOT)
        answer = polls[0].beacon()
        return [answer.status, answer.reply, run("GET", SNAPSHOT), run("PTTL", SNAPSHOT)]

    nobody = recomputed()
    some_mitra(testbed, "available")
    somebody = recomputed()
    run("SET", SNAPSHOT, json.dumps({"available": True, "count": 7}), "PX", SHORT_MS)
    by_hand = [[answer.status, answer.reply] for answer in (poll.beacon() for poll in polls)]
    left_ms = run("PTTL", SNAPSHOT)
    run("SET", SNAPSHOT, json.dumps({"available": True, "count": 7}), "EX", 60)
    changed = operator(testbed).set_config("max_customers_per_mitra", 2)
    until = time.monotonic() + SETTING_S + MARGIN_S
    while run("EXISTS", SNAPSHOT) and time.monotonic() < until:
        time.sleep(0.05)
    left = run("GET", SNAPSHOT)
    run("DEL", SNAPSHOT)
    operator(testbed).set_config("max_customers_per_mitra", DEFAULT_SETTINGS["max_customers_per_mitra"])
    return {
        "nobody": nobody, "somebody": somebody, "by hand": by_hand, "left_ms": left_ms,
        "changed": changed.status, "left": left,
    }  # fmt: skip


@probe("refresh tokens in rows", "edges")
def refresh_tokens_in_rows(testbed: Testbed) -> dict[str, Any]:
    """Whether auth_sessions holds the refresh token of a sign-in, and whether it serves after its expiry."""
    row = testbed.fixtures.mitra(name="signed in")
    mitra = Mitra(testbed.server(), row.id, row.phone)
    signed_in = mitra.login()
    token = mitra.refresh_token or ""
    held = testbed.tables.query(HELD, (token,)).value
    testbed.fixtures.execute(EXPIRE, (str(row.id),))
    answer = mitra.refresh(token)
    return {"signed_in": signed_in.status, "token": bool(token), "held": held, "expired": [answer.status, answer.code]}
