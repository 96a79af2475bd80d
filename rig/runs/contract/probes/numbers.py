"""Numbers far above those of a scenario: a large fleet, and thousands of requests to one instance."""

import time
from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any

import httpx

from rig.contract import HEARTBEAT, ONLINE, SEED_LINE, SNAPSHOT, WRITE_THROUGH_S
from rig.environment.testbed import Testbed
from rig.observe import ServerLog
from rig.record.observations import numbers
from rig.record.observations.parts import fields_of
from rig.runs.contract.probes.instances import instance, usual_start_s, watch_start
from rig.runs.contract.probes.mirror.comparison import keep_fresh
from rig.runs.contract.probes.people import some_customer
from rig.runs.contract.probing import probe
from rig.service.steps import ACTIONS
from rig.stack.http import http_client
from rig.stack.sut.managed import ServerInstance
from rig.traffic import Customer, Operator
from rig.traffic.actors.exchange import Exchange
from rig.traffic.actors.tokens import mint
from rig.waiting import poll_until

FLEET = 2500  # above the usual limits of a page, 100 and 1,000
SILENT = 700  # 28 %: a sweep that would take so many offline must not be held
START_S = 20.0
STALE_S = 8  # after a start a server may wait so long before it sweeps, so that all can ping first
SWEEPS_S = 3 * STALE_S + 10.0  # a sweep may be held for three times that
SILENT_FOR = timedelta(minutes=5)
REFRESH_S = 1.0
PINGS, PINGERS, POLLS = 2000, 20, 1000
WRONG_MAX = 20  # answers that are named
MARGIN_S = 0.1
OFFLINE = """
SELECT count(*) FILTER (WHERE s.mitra_id::text = ANY(%(silent)s)), count(*) FILTER (WHERE NOT s.mitra_id::text = ANY(%(silent)s))
FROM mitra_online_status s WHERE NOT s.is_online
"""
AUDITED = "SELECT count(*) FROM mitra_online_logs WHERE mitra_id::text = ANY(%s) AND status::text = 'offline'"
OFFERS = "SELECT count(*) FROM chat_request_notifications WHERE chat_session_id::text = %s"


@probe("large fleet", "numbers")
def large_fleet(testbed: Testbed) -> numbers.LargeFleet:
    """An instance starts on a large fleet, answers for all of it, and sweeps those who became silent."""
    testbed.empty_stores()
    ids = testbed.fixtures.crowd(FLEET, "fleet")
    customer = some_customer(testbed, "asks the fleet")
    testbed.fixtures.setting("stale_after_seconds", STALE_S)
    try:
        return asked_of_a_new_instance(testbed, ids, customer)
    finally:
        testbed.fixtures.setting("stale_after_seconds", None)


def asked_of_a_new_instance(testbed: Testbed, ids: list[str], customer: Customer) -> numbers.LargeFleet:
    """What an instance shows that starts on this fleet."""
    with instance(testbed, "late", {"MITRA_AUTO_OFFLINE_SWEEP_SECONDS": "1"}) as server:
        watch_start(server, START_S + usual_start_s(testbed))
        if server.ready is None:
            return numbers.LargeFleet(fleet=FLEET, ready=False)
        keep_fresh(testbed, ids)
        found = seeded(testbed, server)
        operator, asker = Operator(server), customer.via(server)
        found |= {
            "dashboard": whole(operator.dashboard(), "online_mitras"),
            "listed": length(operator.mitras(), "mitras"),
            "available": length(operator.available(), "mitra_ids"),
        }
        testbed.mirror.run("DEL", SNAPSHOT)
        found["beacon"] = whole(asker.beacon(), "count")
        chat = str(fields_of(asker.create().reply).get("id"))
        paid = asker.pay(chat)
        found |= {
            "paid": paid.status, "offered": whole(paid, "offered"), "blast_s": round(paid.seconds, 3),
            "rows": testbed.tables.query(OFFERS, (chat,)).value,
        }  # fmt: skip
        return numbers.LargeFleet(fleet=FLEET, ready=True, **found, **swept(testbed, ids[:SILENT], ids[SILENT:]))


def seeded(testbed: Testbed, server: ServerInstance) -> dict[str, Any]:
    """The mirror after the seed of a start, and its log line."""
    mirror = testbed.mirror_state()
    lines = ServerLog(server.log).lines(since=server.started, containing=SEED_LINE)
    return {
        "in_set": len(mirror.online), "capacities": sum(load == "0" for load in mirror.capacities.values()),
        "heartbeats": len(mirror.heartbeats), "seed_line": lines[-1][1] if lines else "",
    }  # fmt: skip


def swept(testbed: Testbed, silent: list[str], pinging: list[str]) -> dict[str, Any]:
    """Make some silent while the others ping on; how many of both are offline some ticks later."""
    keep_fresh(testbed, silent, SILENT_FOR)
    began = time.time()

    def offline() -> tuple[int, int]:
        keep_fresh(testbed, pinging)
        ((own, others),) = testbed.tables.query(OFFLINE, {"silent": silent}).rows
        return own, others

    own, others = poll_until(offline, SWEEPS_S, every_s=REFRESH_S, until=lambda found: found[0] == len(silent))
    audited = testbed.tables.query(AUDITED, (silent,)).value
    return {
        "silent": len(silent), "offline": own, "others_offline": others, "audited": audited,
        "sweep_s": round(time.time() - began, 3),
    }  # fmt: skip


def whole(exchange: Exchange, field: str) -> int | None:
    value = fields_of(exchange.reply).get(field)
    return value if type(value) is int else None


def length(exchange: Exchange, field: str) -> int | None:
    value = fields_of(exchange.reply).get(field)
    return len(value) if isinstance(value, list) else None


@probe("many requests", "numbers")
def many_requests(testbed: Testbed) -> numbers.ManyRequests:
    """Pings in turn by a small fleet, each looked up in Valkey, with polls between them; all at one instance."""
    testbed.empty_stores()
    server = testbed.server()
    ids = testbed.fixtures.crowd(PINGERS, "pinger")
    testbed.mirror.run("SADD", ONLINE, *ids)
    tokens = [mint(server.jwt_secret or "", id, "mitra") for id in ids]
    ping, beacon = ACTIONS["ping"], ACTIONS["beacon"]
    wrong: list[str] = []
    unmoved = 0
    with http_client(START_S) as http:
        for number in range(PINGS):
            id, token = ids[number % PINGERS], tokens[number % PINGERS]
            began = time.time()
            wrong += asked(http, f"ping {number}", ping.method, server.public_url + ping.path, token)
            unmoved += not moved(testbed, id, began)
            if number % (PINGS // POLLS) == 0:
                wrong += asked(http, f"poll {number}", beacon.method, server.public_url + beacon.path)
    return numbers.ManyRequests(
        pings=PINGS, polls=POLLS, wrong=wrong[:WRONG_MAX], wrong_count=len(wrong), unmoved=unmoved
    )


def asked(http: httpx.Client, what: str, method: str, url: str, token: str = "") -> Iterator[str]:
    """Nothing for an answer with 200, else what came."""
    try:
        status = http.request(method, url, headers={"Authorization": f"Bearer {token}"} if token else {}).status_code
    except httpx.HTTPError as error:
        yield f"{what}: {type(error).__name__}"
        return
    if status != 200:
        yield f"{what}: {status}"


def moved(testbed: Testbed, id: str, began: float) -> bool:
    """Whether her heartbeat is of this ping, or becomes so within the time that a write may take."""

    def look() -> bool:
        text = testbed.mirror.run("GET", HEARTBEAT + id)
        try:
            return datetime.fromisoformat(text).timestamp() >= began - MARGIN_S
        except (TypeError, ValueError):
            return False

    return look() or bool(poll_until(look, WRITE_THROUGH_S + MARGIN_S))
