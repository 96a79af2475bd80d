"""Instances in another time zone, on another database of Valkey, and on rows of settings that hold none."""

import time

from rig.contract import HEARTBEAT
from rig.environment.testbed import Testbed
from rig.observe import Mirror, ServerLog
from rig.record.lines.base import Json
from rig.record.observations import environment
from rig.record.observations.parts import fields_of
from rig.runs.contract.names import epoch
from rig.runs.contract.probes.instances import elsewhere, instance, watch_start
from rig.runs.contract.probes.people import offered_chat, some_customer, some_mitra
from rig.runs.contract.probes.stops import START_S
from rig.runs.contract.probing import probe
from rig.stack.sut.managed import ServerInstance
from rig.stores import Lacks
from rig.traffic import Customer, Mitra, Operator

ZONE = "America/St_Johns"  # not UTC by hours alone
DATABASE = "/5"
CHAT_S = 1800


@probe("another time zone and database", "environment")
def another_place(testbed: Testbed) -> environment.AnotherPlace:
    """A mitra toggles, pings and takes a chat at an instance that has TZ and a database of its own."""
    if testbed.stack.spec.valkey:
        raise Lacks("another database: the rig writes into no other database of a Valkey that was given")
    testbed.empty_stores()
    mitra = some_mitra(testbed, "far away", online=False)
    customer = some_customer(testbed, "far away")
    url = testbed.stack.server("far").seat.valkey_url
    with (
        Mirror(elsewhere(testbed.stack.valkey.url, DATABASE)) as other,
        instance(testbed, "far", {"TZ": ZONE, "VALKEY_URL": elsewhere(url, DATABASE)}) as server,
    ):
        start = watch_start(server, START_S)
        if server.ready is None:
            return environment.AnotherPlace(ready=False)
        there = mitra.via(server)
        answers = [there.online(), there.ping()]
        pinged = time.time()
        taken = there.accept(offered_chat(customer.via(server), CHAT_S))
        ends_at = fields_of(taken.reply).get("ends_at")
        found = environment.AnotherPlace(
            ready=start["ready_s"] is not None,
            answers=[one.status for one in (*answers, taken)],
            there=mitra.id in other.online(),
            here=mitra.id in testbed.mirror.online(),
            heartbeat=str(other.run("GET", HEARTBEAT + str(mitra.id))),
            ends_at=str(ends_at),
            pinged=pinged,
            taken=taken.ended or pinged,
            duration_s=CHAT_S,
            heartbeat_at=seconds(other.run("GET", HEARTBEAT + str(mitra.id))),
            ends_at_s=seconds(ends_at),
        )
        other.flush()
        return found


BAD_SETTINGS: tuple[dict[str, Json], ...] = (
    {"max_customers_per_mitra": "many", "stale_after_seconds": -5},
    {"max_customers_per_mitra": 1.5, "stale_after_seconds": None},
    {"max_customers_per_mitra": 0, "stale_after_seconds": [90]},
)


@probe("settings that are none", "environment")
def settings_that_are_none(testbed: Testbed) -> environment.StartsOnSettings:
    """An instance starts on rows of `app_config` that hold no whole number in range."""
    testbed.empty_stores()
    mitra, customer = some_mitra(testbed, "by default"), some_customer(testbed, "by default")
    starts = []
    try:
        for values in BAD_SETTINGS:
            for key, value in values.items():
                testbed.fixtures.setting_of(key, value)
            with instance(testbed, "odd") as server:
                watch_start(server, START_S)
                starts.append(on_these(server, values, mitra, customer))
    finally:
        for key in BAD_SETTINGS[0]:
            testbed.fixtures.setting(key, None)
    return environment.StartsOnSettings(starts=starts)


def on_these(
    server: ServerInstance, values: dict[str, Json], mitra: Mitra, customer: Customer
) -> environment.StartOnSettings:
    """What the instance does on these values."""
    if server.ready is None:
        return environment.StartOnSettings(values, False, None, [], [])
    there = mitra.via(server)
    served = [there.ping().status, there.accept(offered_chat(customer.via(server), CHAT_S)).status]
    told = Operator(server).config().reply
    config = told.get("config") if isinstance(told, dict) else None
    log = "\n".join(text for _, text in ServerLog(server.log).lines(since=server.started))
    return environment.StartOnSettings(values, True, config, served, [key for key in values if key in log])


def seconds(text: object) -> float | None:
    """Epoch seconds of an ISO-8601 time in UTC; None where it is none."""
    at = epoch(text) if isinstance(text, str) else None
    return at if isinstance(at, float) else None
