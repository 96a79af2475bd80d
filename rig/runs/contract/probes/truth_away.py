"""Postgres is stopped while Valkey answers, and comes back; an instance is stopped meanwhile."""

import time

import msgspec

from rig.contract import SNAPSHOT
from rig.environment.testbed import Testbed
from rig.record.observations import environment
from rig.record.observations.edges import Tried
from rig.runs.contract.probes.instances import health, instance, watch_start
from rig.runs.contract.probes.people import operator, some_customer, some_mitra
from rig.runs.contract.probes.stops import START_S, ended
from rig.runs.contract.probing import probe
from rig.traffic.actors.exchange import Exchange
from rig.waiting import poll_until

NOTICED_S = 5.0
BACK_S = 5.0


@probe("Postgres away", "environment")
def postgres_away(testbed: Testbed) -> environment.PostgresAway:
    """What is answered from Valkey, and what needs Postgres; then the same once it is back."""
    testbed.empty_stores()
    mitra, customer, control = some_mitra(testbed, "pings on"), some_customer(testbed, "asks on"), operator(testbed)
    server = testbed.server()
    try:
        with instance(testbed, "stopped") as third:
            start = watch_start(third, START_S)
            testbed.mirror.run("SET", SNAPSHOT, '{"available": true, "count": 1}', "EX", 10)
            testbed.truth_away()
            kept = [mitra.ping(), customer.beacon(), control.dashboard(), customer.auth_providers()]
            needed = [mitra.online(), mitra.status(), customer.create(), control.mitras()]
            ready = poll_until(lambda: health(server, "/readyz"), NOTICED_S, until=lambda status: status == 503)
            alive = health(server, "/healthz")
            end = ended(third)
            testbed.truth_back()
            again: list[Exchange] = []

            def served() -> bool:
                again[:] = [mitra.status(), customer.create(), control.mitras()]
                return all(one.ok for one in again)

            poll_until(served, BACK_S)
            back = poll_until(lambda: health(server, "/readyz"), BACK_S, until=lambda status: status == 200)
        seen = {
            "start": start, "kept": answers(kept), "needed": answers(needed), "again": answers(again),
            "readyz": ready, "healthz": alive, "readyz again": back, "end": end, "at": time.time(),
        }  # fmt: skip
        return msgspec.convert(seen, environment.PostgresAway)
    finally:
        testbed.truth_back()
        testbed.dirty("Postgres was stopped")
        testbed.ready(testbed.environment, tuple(testbed.servers))


def answers(exchanges: list[Exchange]) -> list[Tried]:
    """What was asked, status, code and seconds of each."""
    return [Tried(one.action, one.status, one.code or one.error, round(one.seconds, 3)) for one in exchanges]
