"""An instance in another time zone, on another database of Valkey."""

import time

from rig.contract import HEARTBEAT
from rig.environment.testbed import Testbed
from rig.observe import Mirror
from rig.record.observations import environment
from rig.record.observations.parts import fields_of
from rig.runs.contract.names import epoch
from rig.runs.contract.probes.instances import elsewhere, instance, watch_start
from rig.runs.contract.probes.people import offered_chat, some_customer, some_mitra
from rig.runs.contract.probes.stops import START_S
from rig.runs.contract.probing import probe
from rig.stores import Lacks

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


def seconds(text: object) -> float | None:
    """Epoch seconds of an ISO-8601 time in UTC; None where it is none."""
    at = epoch(text) if isinstance(text, str) else None
    return at if isinstance(at, float) else None
