"""Values at their bounds, ids in upper case, and what the rows hold: asked for and looked at, one thing at a time."""

import json
import time
from datetime import UTC, datetime, timedelta
from typing import Any

from psycopg import sql

from rig.contract import SETTING_S
from rig.environment.testbed import DEFAULT_SETTINGS, MARGIN_S, Testbed
from rig.record.observations import edges
from rig.record.observations.edges import Tried
from rig.record.observations.parts import fields_of
from rig.record.observations.races import Answered
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
EXPIRED = timedelta(minutes=1)
HEARTBEAT_AT = datetime(2026, 1, 31, 8, 30, 15, 250_000, tzinfo=UTC)
SHORT_MS = 4000  # life of a snapshot that was written by hand


@probe("values at their bounds", "edges")
def values_at_bounds(testbed: Testbed) -> edges.ValuesAtBounds:
    """Durations, settings and phones just inside and outside of what is allowed, and a setting that does not exist."""
    sender = Sender(testbed)

    def tried(name: str, field: str, value: Any, **places: str) -> Tried:
        content = json.dumps({field: value}).encode()
        declared = ACTIONS[name]
        answer = sender.send(declared, content, url=sender.url(declared, **places))
        return Tried(f"{name} {field}={value!r}", *answer)

    known = {"mitra": sender.mitra.phone, "client": sender.customer.phone}
    codes = [
        sender.send_for_reply(ACTIONS[f"{role}-request-code"], {"phone": phone})
        for role, own in known.items()
        for phone in (own, UNKNOWN_PHONE)
    ]
    return edges.ValuesAtBounds(
        wrong_durations=[
            tried(name, "duration_seconds", value) for name in ("create", "extend") for value in WRONG_DURATIONS
        ],
        right_durations=[tried("create", "duration_seconds", value) for value in (1, 86_400)],
        wrong_settings=[
            tried("set-config", "value", value, key=key)
            for key in ("max_customers_per_mitra", "stale_after_seconds")
            for value in WRONG_SETTINGS
        ],
        right_settings=[tried("set-config", "value", value) for value in (1, 1_000_000, 3)],
        unknown_setting=[tried("set-config", "value", 3, key=key) for key in ("no_such_setting", "max_customers")],
        phones=[
            tried(f"{role}-request-code", "phone", value) for role in ("mitra", "client") for value in WRONG_PHONES
        ],
        codes=codes,
    )


@probe("people nobody knows", "edges")
def unknown_people(testbed: Testbed) -> edges.UnknownPeople:
    """The right code for a phone that no mitra has, and for one that no customer has; and the rows afterwards."""
    sender = Sender(testbed)
    found: dict[str, edges.SignedUp] = {}
    for role, table in (("mitra", "mitras"), ("client", "customers")):
        sender.send_for_reply(ACTIONS[f"{role}-request-code"], {"phone": UNKNOWN_PHONE})
        body = {"phone": UNKNOWN_PHONE, "code": sender.server.otp_code}
        _, status, reply = sender.send_for_reply(ACTIONS[f"{role}-verify"], body)
        error = reply.get("error") if isinstance(reply, dict) else None
        rows = testbed.tables.query(f"SELECT count(*) FROM {table} WHERE phone = %s", (UNKNOWN_PHONE,)).value
        found[role] = edges.SignedUp(status, error.get("code") if isinstance(error, dict) else None, rows)
    return edges.UnknownPeople(**found, lookalikes=lookalikes(sender))


def lookalikes(sender: Sender) -> list[edges.Lookalike]:
    """Sign-ins by phones that are nearly those of a mitra and a customer."""
    found: list[edges.Lookalike] = []
    for role, own in (("mitra", sender.mitra), ("client", sender.customer)):
        phone = str(own.phone)
        near = {
            "another country code": f"+1{phone[-10:]}", "one digit less": phone[:-1], "one digit more": f"{phone}0",
        }  # fmt: skip
        for what, other in near.items():
            sender.send_for_reply(ACTIONS[f"{role}-request-code"], {"phone": other})
            body = {"phone": other, "code": sender.server.otp_code}
            _, status, reply = sender.send_for_reply(ACTIONS[f"{role}-verify"], body)
            user = fields_of(fields_of(reply).get("user"))
            code = fields_of(fields_of(reply).get("error")).get("code")
            told = f"a {role}'s phone with {what}"
            found.append(
                edges.Lookalike(told, status, None if code is None else str(code), user.get("id") == str(own.id))
            )
    return found


@probe("ids in upper case", "edges")
def upper_case_ids(testbed: Testbed) -> edges.UpperCaseIds:
    """An id in upper case in the path, in the body and in `sub`."""
    sender = Sender(testbed)
    taken = sender.mitra.accept(sender.chat)
    mitra_id = str(sender.mitra.id)
    get, profile, reroute = ACTIONS["get"], ACTIONS["profile"], ACTIONS["reroute"]
    url = sender.url(get, chat=sender.chat.upper())
    answer = sender.http.get(url, headers={"Authorization": f"Bearer {sender.token(get)}"})
    body = json.dumps({"mitra_id": mitra_id.upper()}).encode()
    token = mint(sender.server.jwt_secret or "", mitra_id.upper(), "mitra")
    told = answer.json().get("id") if answer.status_code == 200 else None
    return edges.UpperCaseIds(
        taken=taken.status,
        path=edges.TakenFromPath(answer.status_code, told, sender.chat),
        body=sender.send(reroute, body),
        sub=sender.send(profile, None, token=token),
    )


@probe("status of a mitra", "edges")
def status_of_mitra(testbed: Testbed) -> edges.StatusesRead:
    """The status before and after a heartbeat is put into the row by hand."""
    testbed.empty_stores()
    mitra = some_mitra(testbed, "looked at")
    table = "mitra_online_status"
    found = []
    for at in (None, HEARTBEAT_AT):
        changed = testbed.fixtures.update(table, str(mitra.id), last_heartbeat_at=at)
        answer = mitra.status()
        stamp = None if at is None else at.timestamp()
        found.append(edges.StatusRead(stamp, changed, answer.status, answer.reply))
    return edges.StatusesRead(found=found)


@probe("snapshot", "edges")
def snapshot(testbed: Testbed) -> edges.Snapshots:
    """The snapshot after a poll with nobody and with somebody available, one written by hand, and one beside a change."""
    testbed.empty_stores()
    run = testbed.mirror.run
    polls = [some_customer(testbed, "poller", name) for name in testbed.servers]

    def recomputed() -> edges.Recomputed:
        run("DEL", SNAPSHOT)
        answer = polls[0].beacon()
        return edges.Recomputed(answer.status, answer.reply, run("GET", SNAPSHOT), run("PTTL", SNAPSHOT))

    nobody = recomputed()
    some_mitra(testbed, "available")
    somebody = recomputed()
    run("SET", SNAPSHOT, json.dumps({"available": True, "count": 7}), "PX", SHORT_MS)
    by_hand = [edges.Polled(answer.status, answer.reply) for answer in (poll.beacon() for poll in polls)]
    left_ms = run("PTTL", SNAPSHOT)
    run("SET", SNAPSHOT, json.dumps({"available": True, "count": 7}), "EX", 60)
    changed = operator(testbed).set_config("max_customers_per_mitra", 2)
    left = left_after_a_change(testbed)
    run("SET", SNAPSHOT, json.dumps({"available": True, "count": 7}), "EX", 60)
    operator(testbed).set_config("stale_after_seconds", 60)
    kept = {"stale_after_seconds": left_after_a_change(testbed)}
    for key in ("max_customers_per_mitra", "stale_after_seconds"):
        operator(testbed).set_config(key, DEFAULT_SETTINGS[key])
    return edges.Snapshots(
        nobody=nobody, somebody=somebody, by_hand=by_hand, left_ms=left_ms,
        changed=changed.status, left=left, kept=kept,
    )  # fmt: skip


def left_after_a_change(testbed: Testbed) -> str | None:
    """The snapshot once a change of a setting must have deleted it; None where it is gone. Deletes it in any case."""
    run = testbed.mirror.run
    until = time.monotonic() + SETTING_S + MARGIN_S
    while run("EXISTS", SNAPSHOT) and time.monotonic() < until:
        time.sleep(0.05)
    left: str | None = run("GET", SNAPSHOT)
    run("DEL", SNAPSHOT)
    return left


@probe("refresh tokens in rows", "edges")
def refresh_tokens_in_rows(testbed: Testbed) -> edges.RefreshTokens:
    """Whether auth_sessions holds the refresh token of a sign-in, and whether it serves after its expiry."""
    row = testbed.fixtures.mitra(name="signed in")
    mitra = Mitra(testbed.server(), row.id, row.phone)
    signed_in = mitra.login()
    token = mitra.refresh_token or ""
    held = testbed.tables.query(HELD, (token,)).value
    expire(testbed, str(row.id))
    answer = mitra.refresh(token)
    return edges.RefreshTokens(
        signed_in=signed_in.status, token=bool(token), held=held, expired=Answered(answer.status, answer.code)
    )


def expire(testbed: Testbed, user_id: str) -> None:
    """As if the sign-ins of this user had expired a minute ago."""
    schema = testbed.fixtures.schema
    names = (schema.column("auth_sessions", name) for name in ("expires_at", "user_id"))
    statement = sql.SQL("UPDATE {} SET {} = %s WHERE {}::text = %s").format(schema.table("auth_sessions"), *names)
    testbed.fixtures.execute(statement, (datetime.now(UTC) - EXPIRED, user_id))
